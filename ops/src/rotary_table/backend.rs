//! The algorithm compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::generic::{Job, rows};
use crate::angle::Position;
use crate::simd::scalar::Scalar;
use crate::simd::{Element, Level};
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::x86_64::{
    avx2::{Avx2F32, Avx2F64},
    avx512::{Avx512F32, Avx512F64},
};

/// One variant of the algorithm; see [`rows`] for what its caller owes.
pub(super) type RowsFn<P, T> = unsafe fn(&Job<'_, P, T>, Range<usize>);

/// A type of tables for which there are kernels with positions of type `P`.
#[allow(private_interfaces)]
pub trait WithPositions<P: Position>: Element {
    /// The variant for a processor with `level`.
    #[doc(hidden)]
    fn variant(level: Level, precise: bool, scaled: bool) -> RowsFn<P, Self>;
}

/// [`rows`] for one instruction set, with its features: angles that are rounded in vectors of `$plain`, exact ones in those of
/// `$wide`.
macro_rules! compiled {
    ($plain:ty, $wide:ty, $p:ty, $t:ty, $precise:expr, $scaled:expr $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn rounded<const SCALED: bool>(job: &Job<'_, $p, $t>, range: Range<usize>) {
            // SAFETY: the same contract.
            unsafe { rows::<$plain, $p, $t, false, SCALED>(job, range) }
        }
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn exact<const SCALED: bool>(job: &Job<'_, $p, $t>, range: Range<usize>) {
            // SAFETY: the same contract.
            unsafe { rows::<$wide, $p, $t, true, SCALED>(job, range) }
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
    ($($t:ty, $avx2:ident, $avx512:ident: $($p:ty),+;)+) => {$($(
        #[allow(private_interfaces)]
        impl WithPositions<$p> for $t {
            fn variant(level: Level, precise: bool, scaled: bool) -> RowsFn<$p, $t> {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => {
                        compiled!($avx512, Avx512F64, $p, $t, precise, scaled, "avx512f,avx2,fma,f16c")
                    }
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => {
                        compiled!($avx2, Avx2F64, $p, $t, precise, scaled, "avx2,fma,f16c")
                    }
                    _ => compiled!(Scalar<$t>, Scalar<f64>, $p, $t, precise, scaled),
                }
            }
        }
    )+)+};
}

with_positions! {
    f32, Avx2F32, Avx512F32: i64, i32, f32, f64;
    f64, Avx2F64, Avx512F64: i64, i32, f32, f64;
}
