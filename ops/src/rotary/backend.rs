//! The algorithm compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::generic::{Job, rows};
use crate::contract::rotary::{RotaryAttributes, RotaryGeometry, TableForm};
use crate::simd::{Element, Level, by_level};
use half::{bf16, f16};
use std::ops::Range;

/// One variant of the algorithm; [`rows`] says what the caller has to ensure.
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
            // SAFETY: this function's `# Safety` section is that of `rows`, and its features enable the instructions of the set.
            unsafe { rows::<$simd, $t, $tt, IN, OUT, CHANNEL, HALF>(job, range) }
        }
        pick!(run, $attributes, $geometry)
    }};
}

macro_rules! with_tables {
    ($set:ident: $($t:ty, $tt:ty;)+) => {$(
        #[allow(private_interfaces)]
        impl WithTables<$tt> for $t {
            fn variant(level: Level, attributes: &RotaryAttributes, geometry: &RotaryGeometry) -> RowsFn<$t, $tt> {
                by_level!(level, compiled!(set::$set, $t, $tt, attributes, geometry))
            }
        }
    )+};
}

with_tables! { F32:
    f32, f32;
    f16, f16;
    f16, f32;
    bf16, bf16;
    bf16, f32;
}
with_tables! { F64:
    f64, f64;
    f64, f32;
}
