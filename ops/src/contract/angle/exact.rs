//! Angles for references, in `f64` and in pairs of them.

use crate::contract::ElementType;

/// `value` rounded to the arithmetic type of `element`.
pub(crate) fn rounded(value: f64, element: ElementType) -> f64 {
    match element.arithmetic() {
        ElementType::F64 => value,
        _ => f64::from(value as f32),
    }
}

/// A number as the unevaluated sum of two: about 106 bits.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    pub(crate) const ZERO: Self = Self {
        high: 0.0,
        low: 0.0,
    };

    /// `a * b`, exactly.
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self {
            high,
            low: a.mul_add(b, -high),
        }
    }

    /// Knuth's sum without error of the high parts; that of the low parts is rounded.
    pub(crate) fn add(self, other: Self) -> Self {
        let high = self.high + other.high;
        let back = high - self.high;
        let error = (self.high - (high - back)) + (other.high - back);
        Self {
            high,
            low: error + (self.low + other.low),
        }
    }

    /// Its cosine and sine, by the addition theorem.
    pub(crate) fn cos_sin(self) -> (f64, f64) {
        let (sin, cos) = self.high.sin_cos();
        let (low_sin, low_cos) = self.low.sin_cos();
        (cos * low_cos - sin * low_sin, sin * low_cos + cos * low_sin)
    }
}
