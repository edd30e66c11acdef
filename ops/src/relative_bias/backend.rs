//! The walk compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::generic::{Job, items};
use super::source::{Products, Slopes, Table};
use crate::contract::relative::Integer;
use crate::simd::{Element, Level, by_level, scalar};
use half::{bf16, f16};
use std::marker::PhantomData;
use std::ops::Range;

#[cfg(target_arch = "aarch64")]
use crate::simd::aarch64::neon;
#[cfg(target_arch = "x86_64")]
use crate::simd::x86_64::{avx2, avx512};

/// One variant of the walk over rows of a table; [`items`] says what the caller has to ensure.
pub(super) type TableFn<I, T> = unsafe fn(&Job<'_, I, T, Table<'_, I, T>>, Range<usize>);

/// The same over multiples of the distance.
pub(super) type SlopesFn<I, T> = unsafe fn(&Job<'_, I, T, Multiples<T>>, Range<usize>);

/// Slopes, before the vectors that multiply them are known.
#[derive(Clone, Copy)]
pub(super) struct Multiples<T> {
    pub(super) slopes: *const T,
    pub(super) absolute: bool,
}

/// An element type for which there are kernels with positions of type `I`.
#[allow(private_interfaces)]
pub trait WithIntegers<I: Integer>: Element {
    /// The variants for a processor with `level`.
    #[doc(hidden)]
    fn variants(level: Level) -> (TableFn<I, Self>, SlopesFn<I, Self>);
}

macro_rules! products {
    ($($number:ty: $($set:ty),+ => $($t:ty),+;)+) => {$(products!(@ $number, ($($set),+), $($t),+);)+};
    (@ $number:ty, $sets:tt, $($t:ty),+) => {$(products!(@@ $number, $sets, $t);)+};
    (@@ $number:ty, ($($set:ty),+), $t:ty) => {$(
        impl Products<$t> for $set {
            type Number = $number;
        }
    )+};
}

products! {
    f32: scalar::F32 => f32, f16, bf16;
    f64: scalar::F64 => f64;
}
#[cfg(target_arch = "x86_64")]
products! {
    f32: avx2::F32, avx512::F32 => f32, f16, bf16;
    f64: avx2::F64, avx512::F64 => f64;
}
#[cfg(target_arch = "aarch64")]
products! {
    f32: neon::F32 => f32, f16, bf16;
    f64: neon::F64 => f64;
}

/// [`items`] for one instruction set, with its features.
macro_rules! compiled {
    ($set:ty, $i:ty, $t:ty $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`items`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn table(job: &Job<'_, $i, $t, Table<'_, $i, $t>>, range: Range<usize>) {
            // SAFETY: this function's `# Safety` section is that of `items`, and its features enable the instructions of the set.
            unsafe { items::<$set, $i, $t, Table<'_, $i, $t>>(job, range) }
        }
        /// # Safety
        /// As [`items`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn slopes(job: &Job<'_, $i, $t, Multiples<$t>>, range: Range<usize>) {
            let source = Slopes::<$set, $t> {
                slopes: job.source.slopes,
                absolute: job.source.absolute,
                set: PhantomData,
            };
            // SAFETY: this function's `# Safety` section is that of `items`, and its features enable the instructions of the set.
            unsafe { items::<$set, $i, $t, Slopes<$set, $t>>(&job.with(source), range) }
        }
        (table, slopes)
    }};
}

macro_rules! with_integers {
    ($($set:ident: $($t:ty),+;)+) => {$($(
        with_integers!(@ $set, $t, i64);
        with_integers!(@ $set, $t, i32);
    )+)+};
    (@ $set:ident, $t:ty, $i:ty) => {
        #[allow(private_interfaces)]
        impl WithIntegers<$i> for $t {
            fn variants(level: Level) -> (TableFn<$i, $t>, SlopesFn<$i, $t>) {
                by_level!(level, compiled!(set::$set, $i, $t))
            }
        }
    };
}

with_integers! {
    F32: f32, f16, bf16;
    F64: f64;
}
