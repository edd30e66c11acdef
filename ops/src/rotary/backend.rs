//! The algorithm compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::generic::{Job, rows};
use crate::contract::rotary::{RotaryAttributes, RotaryGeometry, TableForm};
use crate::simd::scalar::Scalar;
use crate::simd::{Element, Level};
use half::{bf16, f16};
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::x86_64::{avx2, avx512};

/// One variant of the algorithm; see [`rows`] for what its caller owes.
pub(super) type RowsFn<T, TT> = unsafe fn(&Job<'_, T, TT>, Range<usize>);

/// A type of `X` for which there are kernels with tables of type `TT`.
#[allow(private_interfaces)]
pub trait WithTables<TT: Element>: Element {
    /// The variant for a processor with `level`, these attributes and these sizes.
    #[doc(hidden)]
    fn variant(
        level: Level,
        attributes: &RotaryAttributes,
        geometry: &RotaryGeometry,
    ) -> RowsFn<Self, TT>;
}

/// The variant of `$run` for attributes and sizes. Half-size constants serve the head sizes 64, 128 and 256 of most models.
macro_rules! pick {
    ($run:ident, $attributes:expr, $geometry:expr) => {{
        let layout = ($attributes.interleaved, $attributes.interleaved_out());
        match (layout, $geometry.form, $geometry.rotated / 2) {
            ((false, false), TableForm::Pair, 32) => $run::<false, false, false, 32>,
            ((false, false), TableForm::Pair, 64) => $run::<false, false, false, 64>,
            ((false, false), TableForm::Pair, 128) => $run::<false, false, false, 128>,
            ((false, false), TableForm::Pair, _) => $run::<false, false, false, 0>,
            ((false, false), TableForm::Channel, 32) => $run::<false, false, true, 32>,
            ((false, false), TableForm::Channel, 64) => $run::<false, false, true, 64>,
            ((false, false), TableForm::Channel, 128) => $run::<false, false, true, 128>,
            ((false, false), TableForm::Channel, _) => $run::<false, false, true, 0>,
            ((false, true), TableForm::Pair, _) => $run::<false, true, false, 0>,
            ((false, true), TableForm::Channel, _) => $run::<false, true, true, 0>,
            ((true, false), TableForm::Pair, _) => $run::<true, false, false, 0>,
            ((true, false), TableForm::Channel, _) => $run::<true, false, true, 0>,
            ((true, true), TableForm::Pair, _) => $run::<true, true, false, 0>,
            ((true, true), TableForm::Channel, _) => $run::<true, true, true, 0>,
        }
    }};
}

/// [`rows`] for one set of vectors, with that set's features, and [`pick`] of its variants.
macro_rules! compiled {
    ($simd:ty, $t:ty, $tt:ty, $attributes:expr, $geometry:expr $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`rows`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn run<const IN: bool, const OUT: bool, const CHANNEL: bool, const HALF: usize>(
            job: &Job<'_, $t, $tt>,
            range: Range<usize>,
        ) {
            // SAFETY: the same contract.
            unsafe { rows::<$simd, $t, $tt, IN, OUT, CHANNEL, HALF>(job, range) }
        }
        pick!(run, $attributes, $geometry)
    }};
}

macro_rules! with_tables {
    ($arithmetic:ty, $avx2:ident, $avx512:ident: $($t:ty, $tt:ty;)+) => {$(
        #[allow(private_interfaces)]
        impl WithTables<$tt> for $t {
            fn variant(level: Level, attributes: &RotaryAttributes, geometry: &RotaryGeometry) -> RowsFn<$t, $tt> {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => {
                        compiled!(avx512::$avx512, $t, $tt, attributes, geometry, "avx512f,avx2,fma,f16c")
                    }
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => compiled!(avx2::$avx2, $t, $tt, attributes, geometry, "avx2,fma,f16c"),
                    _ => compiled!(Scalar<$arithmetic>, $t, $tt, attributes, geometry),
                }
            }
        }
    )+};
}

with_tables! { f32, Avx2F32, Avx512F32:
    f32, f32;
    f16, f16;
    f16, f32;
    bf16, bf16;
    bf16, f32;
}
with_tables! { f64, Avx2F64, Avx512F64:
    f64, f64;
    f64, f32;
}
