//! The algorithm compiled for each instruction set, type of positions and size of elements.

#![allow(unsafe_code)]

use super::generic::{Job, items};
use crate::contract::relative::Integer;
use crate::simd::words::Word;
use crate::simd::{Level, by_level};
use std::ops::Range;

/// One variant of the algorithm; [`items`] says what the caller has to ensure.
pub(super) type ItemsFn<I, W> = unsafe fn(&Job<'_, I, W>, Range<usize>);

/// Words for which there are kernels with positions of type `I`.
#[allow(private_interfaces)]
pub trait WithColumns<I: Integer>: Word {
    /// The variant for a processor with `level`.
    #[doc(hidden)]
    fn variant(level: Level) -> ItemsFn<I, Self>;
}

/// [`items`] for one instruction set, with its features.
macro_rules! compiled {
    ($set:ty, $i:ty, $w:ty $(, $feature:literal)?) => {{
        /// # Safety
        /// As [`items`].
        $(#[target_feature(enable = $feature)])?
        unsafe fn compiled(job: &Job<'_, $i, $w>, range: Range<usize>) {
            // SAFETY: this function's `# Safety` section is that of `items`, and its features enable the instructions of the set.
            unsafe { items::<$set, $i, $w>(job, range) }
        }
        compiled
    }};
}

macro_rules! with_columns {
    ($($w:ty: $($i:ty),+;)+) => {$($(
        #[allow(private_interfaces)]
        impl WithColumns<$i> for $w {
            fn variant(level: Level) -> ItemsFn<$i, $w> {
                by_level!(level, compiled!(set::Whole, $i, $w))
            }
        }
    )+)+};
}

with_columns! {
    u16: i64, i32;
    u32: i64, i32;
    u64: i64, i32;
}
