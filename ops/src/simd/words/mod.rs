//! Vectors of words: elements that are moved and never computed on, so that a NaN keeps its payload.
//!
//! What moves them is the same for all types of one size: kernels that only copy are compiled for words of 2, 4 and 8 bytes.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod scalar;

use super::Element;
use half::{bf16, f16};

/// An unsigned integer as wide as an element.
pub trait Word: Copy + Send + Sync + 'static {
    /// Zero.
    const ZERO: Self;
}

impl Word for u16 {
    const ZERO: Self = 0;
}
impl Word for u32 {
    const ZERO: Self = 0;
}
impl Word for u64 {
    const ZERO: Self = 0;
}

/// An element that is moved as a word.
pub trait AsWord: Element {
    /// The word of its size.
    type Word: Word;
}

impl AsWord for f32 {
    type Word = u32;
}
impl AsWord for f16 {
    type Word = u16;
}
impl AsWord for bf16 {
    type Word = u16;
}
impl AsWord for f64 {
    type Word = u64;
}

/// Largest [`Words::LANES`].
pub(crate) const MAX_LANES: usize = 16;

/// Largest [`Words::PARTS`].
const MAX_PARTS: usize = 4;

/// A vector of `LANES` words of type `W`.
///
/// # Safety
/// Every function requires that the processor has the instructions of the implementing type, and pointers that are good for what
/// is said. No alignment beyond that of the type is needed.
pub(crate) trait Words<W: Word>: Copy {
    /// The vector.
    type V: Copy;
    /// Words in a vector; a power of two, at most [`MAX_LANES`].
    const LANES: usize;
    /// Parts of a vector within which words are moved most cheaply; a power of two, at most [`MAX_PARTS`].
    const PARTS: usize = 1;

    /// `LANES` words at `from`.
    unsafe fn load(from: *const W) -> Self::V;
    /// `LANES` words to `to`.
    unsafe fn store(to: *mut W, v: Self::V);
    /// Asks for the cache line at `from`, which may be anywhere.
    unsafe fn prefetch(from: *const W);
    /// The words of `v` from the last to the first.
    unsafe fn reverse(v: Self::V) -> Self::V;
    /// The words of `a` and `b` interleaved: the first half of the result, and the second. Each part of the vectors is interleaved
    /// by itself.
    unsafe fn interleave(a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// A square of parts, whose rows are the first [`Words::PARTS`] vectors, transposed. The others are left.
    #[inline(always)]
    unsafe fn transpose_parts(rows: [Self::V; MAX_PARTS]) -> [Self::V; MAX_PARTS] {
        const { assert!(Self::PARTS == 1) };
        rows
    }
    /// `row[indices[i]]` in lane `i`; `None` where the indices lie too far apart for the set. `row` is good for `last + LANES`
    /// words, `indices` for `LANES`, and each of them is below `last + LANES`.
    unsafe fn pick(row: *const W, last: u32, indices: *const u32) -> Option<Self::V>;
}

/// The first word of a vector that holds all of `row[indices[..lanes]]`, if any does: the sets look among the ends only, since
/// indices mostly rise or fall.
///
/// # Safety
/// As [`Words::pick`].
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
unsafe fn first_of(last: u32, indices: *const u32, lanes: usize) -> u32 {
    // SAFETY: `Words::pick` requires `lanes` indices, of which these are the first and the last.
    let (one, other) = unsafe { (*indices, *indices.add(lanes - 1)) };
    one.min(other).min(last)
}

/// Turns a square of `LANES` rows into its transpose. The rows at `from`, and those at `to`, are as many words apart as said.
///
/// # Safety
/// As [`Words`]; `from` and `to` do not overlap.
#[inline(always)]
pub(crate) unsafe fn transpose<S: Words<W>, W: Word>(
    (from, from_stride): (*const W, isize),
    (to, to_stride): (*mut W, isize),
) {
    // Words of a part.
    let side = S::LANES / S::PARTS;
    // SAFETY: this function's `# Safety` section requires that `from` and `to` have `LANES` rows of `LANES` words each, at their
    // strides, and do not overlap.
    unsafe {
        let mut rows = [S::load(from); MAX_LANES];
        for (i, row) in rows[..S::LANES].iter_mut().enumerate() {
            *row = S::load(from.offset(i as isize * from_stride));
        }
        // First as many rows as a part has words are transposed, in all parts at once. Each round interleaves the halves of these
        // rows: it moves one bit of the row's number into the column's, and one back.
        let mut round = 1;
        while round < side {
            let old = rows;
            for first in (0..S::LANES).step_by(side) {
                for i in 0..side / 2 {
                    let both = S::interleave(old[first + i], old[first + i + side / 2]);
                    (rows[first + 2 * i], rows[first + 2 * i + 1]) = both;
                }
            }
            round *= 2;
        }
        // Then the parts.
        for i in 0..side {
            let mut parts = [rows[i]; MAX_PARTS];
            for (p, part) in parts[..S::PARTS].iter_mut().enumerate() {
                *part = rows[p * side + i];
            }
            let parts = S::transpose_parts(parts);
            for (p, part) in parts[..S::PARTS].iter().enumerate() {
                rows[p * side + i] = *part;
            }
        }
        for (i, row) in rows[..S::LANES].iter().enumerate() {
            S::store(to.offset(i as isize * to_stride), *row);
        }
    }
}
