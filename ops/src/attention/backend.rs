//! The parts of the algorithm that are compiled for each instruction set and type.
//!
//! What is between them is compiled once for each element type: a part does enough work for it not to matter how it is called.

#![allow(unsafe_code)]

use super::job::{Attended, Computed, Elements, Job, Numbers, ProductFn, Rows};
use super::panel::{self, Panel};
use super::product::{self, Matrix};
use super::stretch;
use crate::simd::{Level, by_level};
use half::{bf16, f16};
use std::ops::Range;

/// A function of arguments of these types for one instruction set, with its features: it calls `$function`.
macro_rules! part {
    ([$($feature:literal)?] $function:expr, ($($name:ident: $type:ty),+)) => {{
        /// # Safety
        /// As the function that it calls.
        $(#[target_feature(enable = $feature)])?
        unsafe fn part($($name: $type),+) {
            // SAFETY: this function's `# Safety` section is that of the function called, and its features enable the
            // instructions of the set.
            unsafe { $function($($name),+) }
        }
        part
    }};
}

macro_rules! numbers {
    ($set:ty, $whole:ty, $most:expr, $n:ty $(, $feature:literal)?) => {{
        macro_rules! of_width {
            ($vectors:expr) => {
                (
                    $vectors,
                    part!([$($feature)?] product::product::<$set, { $vectors }>, (
                        matrix: Matrix<$n>, panel: *const $n, output: *mut $n, sizes: (usize, usize), add: bool
                    )) as ProductFn<$n>,
                )
            };
        }
        Numbers {
            lanes: <$set as crate::simd::Simd>::LANES,
            products: [of_width!(1), of_width!(2), of_width!($most)],
            turn: part!([$($feature)?] panel::turn::<$whole, $n>, (
                from: (*const $n, usize), to: (*mut $n, usize), sizes: (usize, usize)
            )),
            add: part!([$($feature)?] panel::add::<$set>, (from: *const $n, to: *mut $n, count: usize)),
            cap: part!([$($feature)?] panel::cap::<$set>, (scores: *mut $n, count: usize, bound: f64)),
            weights: part!([$($feature)?] panel::weights::<$set>, (panel: Panel<$n>, keys: usize, values: usize)),
        }
    }};
}

macro_rules! elements {
    ($set:ty, $t:ty, $n:ty $(, $feature:literal)?) => {
        Elements {
            read: part!([$($feature)?] panel::read::<$set, $t>, (
                from: *const $t, to: *mut $n, count: usize, factor: f64
            )),
            write: part!([$($feature)?] panel::write::<$set, $t>, (
                from: *const $n, to: *mut $t, count: usize, factor: f64
            )),
            stretch: part!([$($feature)?] stretch::stretch::<$set, $t>, (
                job: &Job<'_, $t>, rows: &Rows, keys: Range<usize>, room: (&[$n], &mut [$n]), states: &mut [$n]
            )),
        }
    };
}

macro_rules! computed {
    ($($n:ty: $set:ident;)+) => {$(
        impl Computed for $n {
            fn numbers(level: Level) -> Numbers<Self> {
                by_level!(level, numbers!(set::$set, set::Whole, set::PANEL, $n))
            }
        }
    )+};
}

macro_rules! attended {
    ($($t:ty: $n:ty, $set:ident;)+) => {$(
        #[allow(private_interfaces)]
        impl Attended for $t {
            type Number = $n;

            fn elements(level: Level) -> Elements<Self> {
                by_level!(level, elements!(set::$set, $t, $n))
            }
        }
    )+};
}

computed! {
    f32: F32;
    f64: F64;
}

attended! {
    f32: f32, F32;
    f16: f32, F32;
    bf16: f32, F32;
    f64: f64, F64;
}
