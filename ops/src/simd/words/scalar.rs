//! Words on any processor.

use super::{Word, Words};
use std::array;

/// Eight words at a time, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl<W: Word> Words<W> for Plain {
    type V = [W; 8];
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const W) -> [W; 8] {
        // SAFETY: the caller vouches for eight words; an array is aligned like its elements.
        unsafe { from.cast::<[W; 8]>().read() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut W, v: [W; 8]) {
        // SAFETY: as above.
        unsafe { to.cast::<[W; 8]>().write(v) }
    }
    #[inline(always)]
    unsafe fn prefetch(_: *const W) {}
    #[inline(always)]
    unsafe fn reverse(mut v: [W; 8]) -> [W; 8] {
        v.reverse();
        v
    }
    #[inline(always)]
    unsafe fn interleave(a: [W; 8], b: [W; 8]) -> ([W; 8], [W; 8]) {
        let half = |start: usize| {
            array::from_fn(|i| {
                if i % 2 == 0 {
                    a[start + i / 2]
                } else {
                    b[start + i / 2]
                }
            })
        };
        (half(0), half(4))
    }
    #[inline(always)]
    unsafe fn pick(row: *const W, _: u32, indices: *const u32) -> Option<[W; 8]> {
        // SAFETY: the caller vouches for the indices, and that the row has the words they name.
        Some(array::from_fn(|i| unsafe {
            *row.add(*indices.add(i) as usize)
        }))
    }
}
