//! Which numbers an expression can be.
//!
//! Arithmetic over the reals is that of a type only as far as no number leaves the type: integers wrap, floats round. Every atom
//! therefore has a range, known when it is made, and ranges of polynomials are sums over their terms. They hold for all values
//! of the types, and for all sizes from 0 to [`MAX_SIZE`].

use crate::onnx::DataType;

use super::function::Function;

/// Most elements along one axis. Up to here `f32` holds every size, so that sizes that exporters compute in it stay exact.
pub const MAX_SIZE: f64 = (1u64 << 24) as f64;
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
    /// What is false or true.
    pub(super) const TRUTH: Range = Range {
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
    pub(super) fn integers_of(dtype: DataType) -> Range {
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

    pub(super) fn plus(self, other: Range) -> Range {
        Range {
            low: self.low + other.low,
            high: self.high + other.high,
            whole: self.whole && other.whole,
            nan: self.nan || other.nan || !self.is_bounded() && !other.is_bounded(),
        }
        .widened()
    }

    pub(super) fn times(self, other: Range) -> Range {
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
    pub(super) fn widened(self) -> Range {
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
            (Function::Typed(_, dtype), _) if !dtype.is_float() => Range::of_type(dtype),
            _ => Range::ANY,
        }
    }
}
