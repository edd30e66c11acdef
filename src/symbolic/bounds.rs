//! The ranges of polynomials, from those of their atoms.

use smallvec::SmallVec;

use crate::onnx::DataType;

use super::poly::{Arena, Atom, AtomId, MonoId, PolyId};
use super::range::{EXACT, MAX_SIZE, Range};

/// Most elements of a tensor.
const MAX_VOLUME: f64 = (1u64 << 48) as f64;
/// Number of sizes whose product is at most [`MAX_VOLUME`], whichever they are.
const PAIR: usize = 2;
impl Arena {
    /// The numbers that an atom can be.
    pub fn atom_range(&self, atom: AtomId) -> Range {
        match self.atom_of(atom) {
            Atom::Channel { root, .. } => match self.is_iota(*root) {
                true => Range::SIZE,
                false => Range::of_type(self.root_of(*root).dtype),
            },
            Atom::Symbol(_) => Range::SIZE,
            Atom::Coordinate { size, .. } => Range {
                high: (self.range(*size).high - 1.0).max(0.0),
                ..Range::SIZE
            },
            Atom::Access { dtype, .. } => Range::of_type(*dtype),
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
