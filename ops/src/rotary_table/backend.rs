//! The algorithm compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::Position;
use super::generic::{Job, rows};
use crate::simd::scalar::Scalar;
use crate::simd::{Element, Level};
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::x86_64::{avx2::Avx2F64, avx512::Avx512F64};

/// One variant of the algorithm; see [`rows`] for what its caller owes.
pub(super) type RowsFn<P, T> = unsafe fn(&Job<'_, P, T>, Range<usize>);

/// A type of tables for which there are kernels with positions of type `P`.
#[allow(private_interfaces)]
pub trait WithPositions<P: Position>: Element {
    /// The variant for a processor with `level`.
    #[doc(hidden)]
    fn variant(level: Level, precise: bool) -> RowsFn<P, Self>;
}

/// [`rows`] for one set of vectors, with that set's features.
macro_rules! compiled {
    ($simd:ty, $p:ty, $t:ty, $precise:expr $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn run<const PRECISE: bool>(job: &Job<'_, $p, $t>, range: Range<usize>) {
            // SAFETY: the same contract.
            unsafe { rows::<$simd, $p, $t, PRECISE>(job, range) }
        }
        if $precise { run::<true> } else { run::<false> }
    }};
}

macro_rules! with_positions {
    ($($t:ty: $($p:ty),+;)+) => {$($(
        #[allow(private_interfaces)]
        impl WithPositions<$p> for $t {
            fn variant(level: Level, precise: bool) -> RowsFn<$p, $t> {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => compiled!(Avx512F64, $p, $t, precise, "avx512f,avx2,fma,f16c"),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => compiled!(Avx2F64, $p, $t, precise, "avx2,fma,f16c"),
                    _ => compiled!(Scalar<f64>, $p, $t, precise),
                }
            }
        }
    )+)+};
}

with_positions! {
    f32: i64, i32, f32, f64;
    f64: i64, i32, f32, f64;
}
