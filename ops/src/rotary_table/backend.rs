//! The algorithm compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::generic::{Job, rows};
use crate::angle::{OfAngles, Position};
use crate::simd::{Level, by_level};
use half::{bf16, f16};
use std::ops::Range;

/// One variant of the algorithm; [`rows`] says what the caller has to ensure.
pub(super) type RowsFn<P, T> = unsafe fn(&Job<'_, P, <T as OfAngles>::Arithmetic, T>, Range<usize>);

/// A type of tables for which there are kernels with positions of type `P`.
#[allow(private_interfaces)]
pub trait WithPositions<P: Position>: OfAngles {
    /// The variant for a processor with `level`.
    #[doc(hidden)]
    fn variant(level: Level, precise: bool, scaled: bool) -> RowsFn<P, Self>;
}

/// [`rows`] for one instruction set, with its features: angles that are rounded in vectors of `$plain`, exact ones in those of
/// `$wide`.
macro_rules! compiled {
    ($plain:ty, $wide:ty, $p:ty, $a:ty, $t:ty, $precise:expr, $scaled:expr $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn rounded<const SCALED: bool>(job: &Job<'_, $p, $a, $t>, range: Range<usize>) {
            // SAFETY: this function's `# Safety` section is that of `rows`, and its features enable the instructions of the set.
            unsafe { rows::<$plain, $p, $a, $t, false, SCALED>(job, range) }
        }
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn exact<const SCALED: bool>(job: &Job<'_, $p, $a, $t>, range: Range<usize>) {
            // SAFETY: this function's `# Safety` section is that of `rows`, and its features enable the instructions of the set.
            unsafe { rows::<$wide, $p, $a, $t, true, SCALED>(job, range) }
        }
        match ($precise, $scaled) {
            (false, false) => rounded::<false>,
            (false, true) => rounded::<true>,
            (true, false) => exact::<false>,
            (true, true) => exact::<true>,
        }
    }};
}

macro_rules! with_positions {
    ($($t:ty, $a:ty, $set:ident: $($p:ty),+;)+) => {$($(
        #[allow(private_interfaces)]
        impl WithPositions<$p> for $t {
            fn variant(level: Level, precise: bool, scaled: bool) -> RowsFn<$p, $t> {
                by_level!(level, compiled!(set::$set, set::F64, $p, $a, $t, precise, scaled))
            }
        }
    )+)+};
}

with_positions! {
    f32, f32, F32: i64, i32, f32, f64;
    f16, f32, F32: i64, i32, f32, f64;
    bf16, f32, F32: i64, i32, f32, f64;
    f64, f64, F64: i64, i32, f32, f64;
}
