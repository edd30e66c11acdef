//! Copies that go past the processor's cache.
//!
//! An ordinary store reads the line that it writes to first. A streaming store does not, so that a copy of what is too large for the
//! cache moves two thirds of the bytes.

#![allow(unsafe_code)]

/// Copies `count` elements. Other threads see them after [`finish`].
///
/// # Safety
/// Both places are good for so many elements, and do not overlap.
pub(super) unsafe fn copy<T: Copy>(from: *const T, to: *mut T, count: usize) {
    // SAFETY: the same bytes.
    unsafe { bytes(from.cast(), to.cast(), count * size_of::<T>()) }
}

/// Makes what has been copied visible to other threads, as ordinary stores are when this thread hands on its work.
pub(super) fn finish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has the instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// # Safety
/// As [`copy`].
#[cfg(target_arch = "x86_64")]
unsafe fn bytes(from: *const u8, to: *mut u8, count: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
    /// Bytes of a line of the cache; a store of less than a line costs as much as one of a line.
    const LINE: usize = 64;
    const VECTOR: usize = size_of::<__m128i>();
    let head = to.align_offset(LINE).min(count);
    let lines = (count - head) / LINE;
    let tail = head + lines * LINE;
    // SAFETY: all within `count` bytes; streaming stores go to addresses that are multiples of a line.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, head);
        for line in 0..lines {
            let at = head + line * LINE;
            let [a, b, c, d] =
                [0, 1, 2, 3].map(|i| _mm_loadu_si128(from.add(at + i * VECTOR).cast::<__m128i>()));
            for (i, vector) in [a, b, c, d].into_iter().enumerate() {
                _mm_stream_si128(to.add(at + i * VECTOR).cast::<__m128i>(), vector);
            }
        }
        std::ptr::copy_nonoverlapping(from.add(tail), to.add(tail), count - tail);
    }
}

/// # Safety
/// As [`copy`].
#[cfg(not(target_arch = "x86_64"))]
unsafe fn bytes(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: as said.
    unsafe { std::ptr::copy_nonoverlapping(from, to, count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_is_copied() {
        let from: Vec<u8> = (0..400).map(|i| (i % 251) as u8).collect();
        for (start, shift) in [(0, 0), (1, 7), (3, 64), (64, 65), (5, 13)] {
            for count in (0..140).chain([255, 256, 300]) {
                let mut to = vec![255u8; 400];
                // SAFETY: both have room for so many.
                unsafe { copy(from.as_ptr().add(start), to.as_mut_ptr().add(shift), count) };
                finish();
                assert_eq!(to[shift..shift + count], from[start..start + count]);
                assert!(
                    to[..shift]
                        .iter()
                        .chain(&to[shift + count..])
                        .all(|&b| b == 255)
                );
            }
        }
    }
}
