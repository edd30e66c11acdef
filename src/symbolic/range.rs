//! Which numbers an expression can be.
//!
//! Arithmetic over the reals is that of a type only as far as no number leaves the type: integers wrap, floats round. Every atom
//! therefore has a range, known when it is made, and ranges of polynomials are sums over their terms. They hold for all values
//! of the types, and for all sizes from 0 to [`MAX_SIZE`].

use smallvec::SmallVec;

use crate::onnx::DataType;

use super::function::Function;
use super::poly::{Arena, Atom, AtomId, MonoId, PolyId};

/// Most elements along one axis. Up to here `f32` holds every size, so that sizes that exporters compute in it stay exact.
pub const MAX_SIZE: f64 = (1u64 << 24) as f64;
/// Most elements of a tensor.
const MAX_VOLUME: f64 = (1u64 << 48) as f64;
/// Number of sizes whose product is at most [`MAX_VOLUME`], whichever they are.
const PAIR: usize = 2;
/// Largest integer up to which `f64` holds all, and coefficients are exact.
pub const EXACT: f64 = (1u64 << 53) as f64;

/// The numbers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Whether all are integers.
    pub whole: bool,
    /// Whether it may be no number at all.
    pub nan: bool,
}

impl Range {
    /// All numbers, and what is none.
    pub const ANY: Range = Range {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
        whole: false,
        nan: true,
    };
    /// Sizes, and positions along an axis.
    pub const SIZE: Range = Range {
        low: 0.0,
        high: MAX_SIZE,
        whole: true,
        nan: false,
    };
    const TRUTH: Range = Range {
        low: 0.0,
        high: 1.0,
        whole: true,
        nan: false,
    };

    /// One number.
    pub fn of(value: f64) -> Range {
        Range {
            low: value,
            high: value,
            whole: value.fract() == 0.0,
            nan: false,
        }
    }

    /// The numbers of an element type.
    pub fn of_type(dtype: DataType) -> Range {
        let bits = dtype.bits().unwrap_or(64) as i32;
        let whole = |low: f64, high: f64| Range {
            low,
            high,
            whole: true,
            nan: false,
        };
        match dtype {
            DataType::Bool => Range::TRUTH,
            _ if dtype.is_signed_integer() => {
                whole(-(2f64.powi(bits - 1)), 2f64.powi(bits - 1) - 1.0)
            }
            _ if dtype.is_integer() => whole(0.0, 2f64.powi(bits) - 1.0),
            _ => Range::ANY,
        }
    }

    /// The integers from minus to plus the largest up to which a float type holds all.
    fn integers_of(dtype: DataType) -> Range {
        let bits = match dtype {
            DataType::F64 => 53,
            DataType::F32 => 24,
            DataType::F16 => 11,
            _ => 8,
        };
        let limit = 2f64.powi(bits);
        Range {
            low: -limit,
            high: limit,
            whole: true,
            nan: false,
        }
    }

    /// Whether all these numbers are in `other`.
    pub fn within(self, other: Range) -> bool {
        other.low <= self.low
            && self.high <= other.high
            && (self.whole || !other.whole)
            && (other.nan || !self.nan)
    }

    /// Whether every number is finite, and none is NaN.
    pub fn is_finite(self) -> bool {
        self.is_bounded() && !self.nan
    }

    /// The largest magnitude.
    pub fn largest(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    fn is_bounded(self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    fn union(self, other: Range) -> Range {
        Range {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            whole: self.whole && other.whole,
            nan: self.nan || other.nan,
        }
    }

    fn plus(self, other: Range) -> Range {
        Range {
            low: self.low + other.low,
            high: self.high + other.high,
            whole: self.whole && other.whole,
            nan: self.nan || other.nan || !self.is_bounded() && !other.is_bounded(),
        }
        .widened()
    }

    fn times(self, other: Range) -> Range {
        // An end that is infinite stands for numbers beyond all bounds, and 0 times those is 0.
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let all = [
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ];
        Range {
            low: all.into_iter().fold(f64::INFINITY, f64::min),
            high: all.into_iter().fold(f64::NEG_INFINITY, f64::max),
            whole: self.whole && other.whole,
            nan: self.nan || other.nan || !self.is_bounded() || !other.is_bounded(),
        }
        .widened()
    }

    /// Ends that `f64` may have rounded, moved outward.
    fn widened(self) -> Range {
        let out = |end: f64| match self.whole && end.abs() < EXACT {
            true => 0.0,
            false => end.abs() * 2f64.powi(-50),
        };
        Range {
            low: self.low - out(self.low),
            high: self.high + out(self.high),
            ..self
        }
    }

    fn mapped(self, whole: bool, f: fn(f64) -> f64) -> Range {
        Range {
            low: f(self.low),
            high: f(self.high),
            whole,
            nan: self.nan,
        }
    }
}

impl Function {
    /// The numbers of `function(args)` for arguments of these ranges.
    pub(super) fn range(self, args: &[Range]) -> Range {
        let numbers = self.numbers(args);
        let nan = match self {
            // What is said of NaN is true or false.
            Function::Not
            | Function::IsTrue
            | Function::Equal
            | Function::Less
            | Function::LessOrEqual
            | Function::And
            | Function::Or
            | Function::Xor => false,
            // Of an infinite angle there is no cosine.
            Function::Cos | Function::Sin => args.iter().any(|arg| !arg.is_finite()),
            _ => numbers.nan || args.iter().any(|arg| arg.nan),
        };
        Range {
            whole: numbers.whole && !nan,
            nan,
            ..numbers
        }
    }

    /// The numbers of `function(args)` for arguments that are numbers of these ranges.
    fn numbers(self, args: &[Range]) -> Range {
        match (self, args) {
            (Function::Cos | Function::Sin, _) => Range {
                low: -1.0,
                high: 1.0,
                whole: false,
                nan: false,
            },
            (Function::Floor, [x]) => x.mapped(true, f64::floor),
            (Function::Ceil, [x]) => x.mapped(true, f64::ceil),
            (Function::Round, [x]) => x.mapped(true, f64::round_ties_even),
            (Function::Trunc, [x]) => x.mapped(true, f64::trunc),
            (Function::Abs, [x]) => Range {
                low: if x.low <= 0.0 && x.high >= 0.0 {
                    0.0
                } else {
                    x.low.abs().min(x.high.abs())
                },
                high: x.largest(),
                whole: x.whole,
                nan: false,
            },
            (Function::Sign, _) => Range {
                low: -1.0,
                high: 1.0,
                whole: true,
                nan: false,
            },
            (
                Function::Not
                | Function::IsTrue
                | Function::Equal
                | Function::Less
                | Function::LessOrEqual
                | Function::And
                | Function::Or
                | Function::Xor,
                _,
            ) => Range::TRUTH,
            (Function::Max, [x, y]) => Range {
                low: x.low.max(y.low),
                high: x.high.max(y.high),
                whole: x.whole && y.whole,
                nan: false,
            },
            (Function::Min, [x, y]) => Range {
                low: x.low.min(y.low),
                high: x.high.min(y.high),
                whole: x.whole && y.whole,
                nan: false,
            },
            (Function::Broadcast, [x, y]) | (Function::Where, [_, x, y]) => x.union(*y),
            (Function::IntegerDiv, [x, y]) if y.low >= 1.0 => Range {
                low: (x.low.min(0.0) / y.low).trunc(),
                high: (x.high.max(0.0) / y.low).trunc(),
                whole: true,
                nan: false,
            },
            (Function::IntegerDiv, [x, _]) => Range {
                low: -x.largest(),
                high: x.largest(),
                whole: true,
                nan: false,
            },
            (Function::Mod, [x, y]) if y.low >= 1.0 => Range {
                low: 0.0,
                high: y.high,
                whole: x.whole && y.whole,
                nan: false,
            },
            (Function::Mod | Function::Fmod, [x, y]) => Range {
                low: -y.largest().max(x.largest()),
                high: y.largest().max(x.largest()),
                whole: x.whole && y.whole,
                nan: false,
            },
            // An index counted from the end where negative; the graph runs for no index out of range.
            (Function::Wrapped, [_, size]) => Range {
                low: 0.0,
                high: (size.high - 1.0).max(0.0),
                whole: true,
                nan: false,
            },
            _ => Range::ANY,
        }
    }
}

impl Arena {
    /// The numbers that an atom can be.
    pub fn atom_range(&self, atom: AtomId) -> Range {
        match self.atom_of(atom) {
            Atom::Channel { root, .. } => match self.is_iota(*root) {
                true => Range::SIZE,
                false => Range::of_type(self.root_of(*root).dtype),
            },
            Atom::Symbol(_) => Range::SIZE,
            Atom::Integer(value) => Range::of(*value as f64).widened(),
            Atom::Apply { .. } => self.applied_range(atom),
        }
    }

    /// The numbers that a polynomial can be.
    pub fn range(&self, p: PolyId) -> Range {
        let terms = self.terms(p);
        let ranges = terms.iter().map(|term| {
            self.mono_range(term.mono)
                .times(Range::of(term.coefficient))
        });
        let range = ranges.reduce(Range::plus).unwrap_or(Range::of(0.0));
        match self.sizes.contains(&p) {
            true => Range {
                low: range.low.max(0.0),
                high: range.high.min(MAX_SIZE),
                whole: true,
                nan: false,
            },
            false => range,
        }
    }

    /// The numbers that a monomial can be.
    pub fn mono_range(&self, mono: MonoId) -> Range {
        let factors = self.factors(mono);
        let ranges = || factors.iter().map(|&factor| self.atom_range(factor));
        let product = ranges().fold(Range::of(1.0), Range::times);
        let different = factors.windows(2).all(|pair| pair[0] != pair[1]);
        // What depends on a root may be a small number, but is no size.
        let is_size = |&factor: &AtomId| {
            self.roots_of(PolyId::of_atom(factor)).is_empty()
                && self.atom_range(factor).within(Range::SIZE)
        };
        match different && factors.iter().all(is_size) && self.is_volume(&factors) {
            true => Range {
                high: product.high.min(MAX_VOLUME),
                ..product
            },
            false => product,
        }
    }

    /// Notes that a tensor has these sizes in a graph that runs.
    pub(super) fn note_volume(&mut self, shape: &[PolyId]) {
        let mut sizes: SmallVec<[AtomId; 6]> = SmallVec::new();
        for &dim in shape {
            match &*self.terms(dim) {
                [term] => sizes.extend(self.factors(term.mono)),
                _ => return,
            }
        }
        if sizes.len() > PAIR {
            sizes.sort_unstable();
            self.volumes.insert(sizes);
        }
    }

    /// Whether the product of these different sizes cannot exceed the number of elements of the largest tensor: of two sizes it
    /// cannot, and of more if a tensor has just them. One that has further sizes is as large as you like where one of those is 0.
    fn is_volume(&self, sizes: &[AtomId]) -> bool {
        let mut sizes: SmallVec<[AtomId; 6]> = SmallVec::from_slice(sizes);
        sizes.sort_unstable();
        sizes.len() <= PAIR || self.volumes.contains(&sizes)
    }

    /// Whether an integer computed as `p` is `p`: it does not leave the type, and no coefficient was rounded.
    pub fn fits(&self, p: PolyId, dtype: DataType) -> bool {
        let exact = |p: PolyId| {
            let terms = self.terms(p);
            terms.iter().all(|term| term.coefficient.abs() < EXACT)
        };
        // Constants beyond what a coefficient holds are atoms; another coefficient as large is a result that was rounded.
        let large = self.as_atom(p).map(|atom| self.atom_of(atom));
        let constant = dtype == DataType::I64 && matches!(large, Some(Atom::Integer(_)));
        constant || exact(p) && self.range(p).within(Range::of_type(dtype))
    }

    /// Whether a number computed as `p` in a float type is exactly `p`: an integer that the type holds.
    pub fn is_exact(&self, p: PolyId, dtype: DataType) -> bool {
        self.range(p).within(Range::integers_of(dtype))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[&str]) -> (Arena, Vec<PolyId>) {
        let mut arena = Arena::new();
        let all = names.iter().map(|name| arena.symbol(name)).collect();
        (arena, all)
    }

    #[test]
    fn a_product_of_sizes_fits_where_a_tensor_may_have_them() {
        let (mut arena, s) = symbols(&["a", "b"]);
        let ab = arena.mul(s[0], s[1]).unwrap();
        assert!(arena.fits(ab, DataType::I64));
        assert!(!arena.fits(ab, DataType::I32));
        let square = arena.mul(s[0], s[0]).unwrap();
        let cube = arena.mul(square, s[0]).unwrap();
        assert!(arena.fits(square, DataType::I64));
        assert!(!arena.fits(cube, DataType::I64));
        let c = arena.symbol("c");
        let abc = arena.mul(ab, c).unwrap();
        assert!(!arena.fits(abc, DataType::I64));
        arena.note_volume(&[c, ab]);
        assert!(arena.fits(abc, DataType::I64));
        let wide = arena.scale(s[0], 4_194_304.0);
        assert!(!arena.fits(wide, DataType::I32));
    }

    #[test]
    fn a_product_of_small_numbers_is_no_volume() {
        use crate::symbolic::root::RootKind;
        let mut arena = Arena::new();
        let mut product = PolyId::ONE;
        for value in 0..4 {
            let root = arena.root(RootKind::Fresh(value, 0), 1, DataType::U16);
            let channel = arena.channel(root, 0);
            product = arena.mul(product, channel).unwrap();
        }
        assert!(!arena.fits(product, DataType::I64));
    }

    #[test]
    fn constants_that_leave_a_type_do_not_fit() {
        let mut arena = Arena::new();
        let largest = arena.integer(i64::MAX);
        assert!(arena.fits(largest, DataType::I64));
        let power = arena.integer(1 << 53);
        assert!(arena.fits(power, DataType::I64));
        let wrapped = arena.scale(power, 4096.0);
        assert!(!arena.fits(wrapped, DataType::I64));
    }

    #[test]
    fn a_size_is_exact_in_f32_and_not_in_f16() {
        let (arena, s) = symbols(&["a"]);
        assert!(arena.is_exact(s[0], DataType::F32));
        assert!(!arena.is_exact(s[0], DataType::F16));
        assert!(!arena.is_exact(s[0], DataType::BF16));
    }
}
