//! Frequencies, which come in double, in the type of the arithmetic.

use crate::simd::Element;
use half::{bf16, f16};
use std::borrow::Cow;

/// A type that cosines and sines may have.
pub trait OfAngles: Element {
    /// The type in which its angles are computed.
    type Arithmetic: Element;

    /// Frequencies, rounded to that type.
    fn frequencies(given: &[f64]) -> Frequencies<'_, Self>;
}

/// Frequencies as kernels take them for results of type `T`.
pub type Frequencies<'a, T> = Cow<'a, [<T as OfAngles>::Arithmetic]>;

macro_rules! in_float {
    ($($t:ty),+) => {$(
        impl OfAngles for $t {
            type Arithmetic = f32;

            fn frequencies(given: &[f64]) -> Frequencies<'_, Self> {
                given.iter().map(|&frequency| frequency as f32).collect()
            }
        }
    )+};
}

in_float!(f32, f16, bf16);

impl OfAngles for f64 {
    type Arithmetic = f64;

    fn frequencies(given: &[f64]) -> Frequencies<'_, Self> {
        Cow::Borrowed(given)
    }
}
