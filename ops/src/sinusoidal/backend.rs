//! The algorithm compiled for each instruction set and element type.

#![allow(unsafe_code)]

use super::generic::{Job, rows};
use crate::angle::OfAngles;
use crate::level::Level;
use crate::simd::by_level;
use half::{bf16, f16};

/// One variant of the algorithm; [`rows`] says what the caller has to ensure.
pub(super) type RowsFn<T> = unsafe fn(&Job<'_, <T as OfAngles>::Arithmetic, T>);

/// A type of embeddings for which there are kernels.
#[allow(private_interfaces)]
pub trait Embedded: OfAngles {
    /// The variant for a processor with `level`.
    #[doc(hidden)]
    fn variant(level: Level, precise: bool, scaled: bool, interleaved: bool) -> RowsFn<Self>;
    /// [`angle::position`](crate::angle) in the arithmetic type.
    #[doc(hidden)]
    fn position(position: impl crate::angle::Position, precise: bool) -> f64;
}

/// [`rows`] for one instruction set, with its features: angles that are rounded in vectors of `$plain`, exact ones in those of
/// `$wide`.
macro_rules! compiled {
    ($plain:ty, $wide:ty, $a:ty, $t:ty, $choice:expr $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn rounded<const SCALED: bool, const NEAR: bool>(job: &Job<'_, $a, $t>) {
            // SAFETY: this function's `# Safety` section is that of `rows`, and its features enable the instructions of the set.
            unsafe { rows::<$plain, $a, $t, false, SCALED, NEAR>(job) }
        }
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn exact<const SCALED: bool, const NEAR: bool>(job: &Job<'_, $a, $t>) {
            // SAFETY: this function's `# Safety` section is that of `rows`, and its features enable the instructions of the set.
            unsafe { rows::<$wide, $a, $t, true, SCALED, NEAR>(job) }
        }
        match $choice {
            (false, false, false) => rounded::<false, false>,
            (false, false, true) => rounded::<false, true>,
            (false, true, false) => rounded::<true, false>,
            (false, true, true) => rounded::<true, true>,
            (true, false, false) => exact::<false, false>,
            (true, false, true) => exact::<false, true>,
            (true, true, false) => exact::<true, false>,
            (true, true, true) => exact::<true, true>,
        }
    }};
}

macro_rules! embedded {
    ($($t:ty: $a:ty, $set:ident;)+) => {$(
        #[allow(private_interfaces)]
        impl Embedded for $t {
            fn variant(level: Level, precise: bool, scaled: bool, interleaved: bool) -> RowsFn<$t> {
                let choice = (precise, scaled, interleaved);
                by_level!(level, compiled!(set::$set, set::F64, $a, $t, choice))
            }

            fn position(position: impl crate::angle::Position, precise: bool) -> f64 {
                crate::angle::position::<$a>(position, precise)
            }
        }
    )+};
}

embedded! {
    f32: f32, F32;
    f16: f32, F32;
    bf16: f32, F32;
    f64: f64, F64;
}
