//! Memory that a thread works in, kept from one item to the next: pages that are new to a process cost more than the work on them.

#![allow(unsafe_code)]

use std::cell::Cell;

/// A line of a cache, so that vectors do not straddle two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

thread_local! {
    static SPARE: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// A number of the arithmetic.
///
/// # Safety
/// Every pattern of bits is one, and it needs no more alignment than a line of a cache.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: floats.
unsafe impl Plain for f32 {}
// SAFETY: floats.
unsafe impl Plain for f64 {}

/// Calls `work` with places for as many numbers as `counts` say, each list at the start of a line of a cache. What is there before is
/// arbitrary.
pub(super) fn with<N: Plain, R, const LISTS: usize>(
    counts: [usize; LISTS],
    work: impl FnOnce([&mut [N]; LISTS]) -> R,
) -> R {
    const { assert!(size_of::<Line>().is_multiple_of(size_of::<N>())) };
    let per_line = size_of::<Line>() / size_of::<N>();
    let lines = counts.map(|count| count.div_ceil(per_line));
    let total = lines.iter().sum();
    let mut room = SPARE.take();
    if room.len() < total {
        room = vec![Line([0; 8]); total];
    }
    let mut rest = &mut room[..];
    let mut index = 0;
    let lists = counts.map(|count| {
        let (list, behind) = std::mem::take(&mut rest).split_at_mut(lines[index]);
        (rest, index) = (behind, index + 1);
        // SAFETY: the lines have room for `count` numbers, and any bits are one.
        unsafe { std::slice::from_raw_parts_mut(list.as_mut_ptr().cast(), count) }
    });
    let result = work(lists);
    SPARE.set(room);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_apart_and_reused() {
        with([3, 0, 17], |[a, b, c]: [&mut [f32]; 3]| {
            assert_eq!((a.len(), b.len(), c.len()), (3, 0, 17));
            a.fill(1.0);
            c.fill(2.0);
            assert_eq!(a, [1.0; 3]);
            assert!(a.as_ptr().addr().is_multiple_of(64) && c.as_ptr().addr().is_multiple_of(64));
            // Inside, there is other room.
            with([9], |[d]: [&mut [f64]; 1]| d.fill(3.0));
            assert_eq!(c, [2.0; 17]);
        });
        let first = with([9], |[a]: [&mut [f32]; 1]| a.as_ptr());
        let again = with([17], |[a]: [&mut [f64]; 1]| a.as_ptr());
        assert_eq!(first.addr(), again.addr());
    }
}
