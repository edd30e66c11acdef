//! The walk compiled for each instruction set and combination of types.

#![allow(unsafe_code)]

use super::generic::{Job, items};
use super::source::{Products, Slopes, Table};
use crate::contract::relative::Integer;
use crate::simd::scalar::Scalar;
use crate::simd::{Element, Level};
use half::{bf16, f16};
use std::marker::PhantomData;
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::x86_64::{
    avx2::{Avx2F32, Avx2F64},
    avx512::{Avx512F32, Avx512F64},
};

/// One variant of the walk over rows of a table; see [`items`] for what its caller owes.
pub(super) type TableFn<I, T> = unsafe fn(&Job<'_, I, T, Table<'_, I, T>>, Range<usize>);

/// The same over multiples of the distance.
pub(super) type SlopesFn<I, T> = unsafe fn(&Job<'_, I, T, Multiples<T>>, Range<usize>);

/// Slopes, before it is known in which vectors they are multiplied.
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
    f32: Scalar<f32> => f32, f16, bf16;
    f64: Scalar<f64> => f64;
}
#[cfg(target_arch = "x86_64")]
products! {
    f32: Avx2F32, Avx512F32 => f32, f16, bf16;
    f64: Avx2F64, Avx512F64 => f64;
}

/// [`items`] for one instruction set, with its features.
macro_rules! compiled {
    ($set:ty, $i:ty, $t:ty $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`items`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn table(job: &Job<'_, $i, $t, Table<'_, $i, $t>>, range: Range<usize>) {
            // SAFETY: the same contract.
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
            // SAFETY: the same contract.
            unsafe { items::<$set, $i, $t, Slopes<$set, $t>>(&job.with(source), range) }
        }
        (table, slopes)
    }};
}

macro_rules! with_integers {
    ($($arithmetic:ty, $avx2:ident, $avx512:ident: $($t:ty),+;)+) => {$($(
        with_integers!(@ $arithmetic, $avx2, $avx512, $t, i64);
        with_integers!(@ $arithmetic, $avx2, $avx512, $t, i32);
    )+)+};
    (@ $arithmetic:ty, $avx2:ident, $avx512:ident, $t:ty, $i:ty) => {
        #[allow(private_interfaces)]
        impl WithIntegers<$i> for $t {
            fn variants(level: Level) -> (TableFn<$i, $t>, SlopesFn<$i, $t>) {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => compiled!($avx512, $i, $t, "avx512f,avx2,fma,f16c"),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => compiled!($avx2, $i, $t, "avx2,fma,f16c"),
                    _ => compiled!(Scalar<$arithmetic>, $i, $t),
                }
            }
        }
    };
}

with_integers! {
    f32, Avx2F32, Avx512F32: f32, f16, bf16;
    f64, Avx2F64, Avx512F64: f64;
}
