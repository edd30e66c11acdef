//! The element types as Rust types.

use crate::contract::ElementType;
use half::{bf16, f16};

/// A Rust type that is one of the operators' element types.
pub trait Element: Copy + Send + Sync + PartialEq + std::fmt::Debug + 'static {
    /// Which one.
    const TYPE: ElementType;
    /// Zero.
    const ZERO: Self;
    /// The exact value.
    fn to_f64(self) -> f64;
    /// The nearest value, ties to even.
    fn from_f64(value: f64) -> Self;
}

impl Element for f32 {
    const TYPE: ElementType = ElementType::F32;
    const ZERO: Self = 0.0;
    fn to_f64(self) -> f64 {
        self.into()
    }
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Element for f64 {
    const TYPE: ElementType = ElementType::F64;
    const ZERO: Self = 0.0;
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Element for f16 {
    const TYPE: ElementType = ElementType::F16;
    const ZERO: Self = f16::ZERO;
    fn to_f64(self) -> f64 {
        self.into()
    }
    fn from_f64(value: f64) -> Self {
        f16::from_f32(rounded_to_odd(value))
    }
}

impl Element for bf16 {
    const TYPE: ElementType = ElementType::BF16;
    const ZERO: Self = bf16::ZERO;
    fn to_f64(self) -> f64 {
        self.into()
    }
    fn from_f64(value: f64) -> Self {
        bf16::from_f32(rounded_to_odd(value))
    }
}

/// `value` in `f32`, and where that is not exact, the one of the two neighbours with an odd last bit: rounding it further to a
/// type of at most 22 bits gives what rounding `value` itself would. (`half` drops the lower bits instead.)
fn rounded_to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let bits = nearest.to_bits();
    if !nearest.is_finite() || f64::from(nearest) == value || bits & 1 == 1 {
        return nearest;
    }
    // Away from zero if the nearest is too small, else towards it.
    f32::from_bits(if f64::from(nearest).abs() < value.abs() {
        bits + 1
    } else {
        bits - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_broken_by_the_lowest_bits() {
        let middle = 1.0 + 2f64.powi(-8);
        assert_eq!(<bf16 as Element>::from_f64(middle).to_f64(), 1.0);
        assert_eq!(
            <bf16 as Element>::from_f64(middle + 1e-15).to_f64(),
            1.0 + 2f64.powi(-7)
        );
        let middle = -1.0 - 2f64.powi(-11);
        assert_eq!(<f16 as Element>::from_f64(middle).to_f64(), -1.0);
        assert_eq!(
            <f16 as Element>::from_f64(middle - 1e-15).to_f64(),
            -1.0 - 2f64.powi(-10)
        );
        assert_eq!(<f16 as Element>::from_f64(1e-300).to_f64(), 0.0);
        assert_eq!(<f16 as Element>::from_f64(1e300).to_f64(), f64::INFINITY);
        assert!(<bf16 as Element>::from_f64(f64::NAN).to_f64().is_nan());
    }
}
