//! Copying elements as they are, a vector of bytes at a time.

use super::{Element, MAX_LANES, copy_few};

/// A vector of bytes.
///
/// # Safety
/// As [`Simd`](super::Simd); and the pointers must be good for a vector.
pub(crate) trait Blocks: Copy {
    /// Bytes in a vector; a power of two, at most 64.
    const BYTES: usize;

    /// A vector from anywhere to anywhere.
    unsafe fn copy(from: *const u8, to: *mut u8);
    /// A vector from anywhere to a multiple of [`Blocks::BYTES`], past the caches: not in order with other writes until
    /// [`Blocks::fence`].
    unsafe fn stream(from: *const u8, to: *mut u8);
    /// Puts what was written before in order with what is written after.
    unsafe fn fence();
}

/// Vectors between two looks at the end.
const UNROLLED: usize = 4;

/// Copies `count` elements. `STREAM`: past the caches where whole vectors are written, and a [`Blocks::fence`] is owed.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers are good for `count` elements each, which do not overlap.
#[inline(always)]
pub(crate) unsafe fn copy<S: Blocks, T: Element, const STREAM: bool>(
    from: *const T,
    to: *mut T,
    count: usize,
) {
    let bytes = count * size_of::<T>();
    if bytes < S::BYTES {
        // Fewer than 64 bytes of at least two each.
        const { assert!(64 <= 2 * size_of::<u16>() * MAX_LANES) };
        // SAFETY: this function's `# Safety` section says that both places are good for `count` elements, which the assertion above
        // shows to be fewer than twice `MAX_LANES`.
        return unsafe { copy_few(from, to, count) };
    }
    // SAFETY: every vector lies within the elements: whole ones from the start, and one that ends with them.
    unsafe {
        let (from, to) = (from.cast::<u8>(), to.cast::<u8>());
        let mut at = 0;
        let before = to.addr().wrapping_neg() % S::BYTES;
        if STREAM && before != 0 {
            S::copy(from, to);
            at = before;
        }
        while at + UNROLLED * S::BYTES <= bytes {
            for vector in 0..UNROLLED {
                one::<S, STREAM>(from, to, at + vector * S::BYTES);
            }
            at += UNROLLED * S::BYTES;
        }
        while at + S::BYTES <= bytes {
            one::<S, STREAM>(from, to, at);
            at += S::BYTES;
        }
        if at < bytes {
            S::copy(from.add(bytes - S::BYTES), to.add(bytes - S::BYTES));
        }
    }
}

/// The vector at `at`.
///
/// # Safety
/// As for [`copy`]; where `STREAM`, `to` and `at` add up to a multiple of the vector's size.
#[inline(always)]
unsafe fn one<S: Blocks, const STREAM: bool>(from: *const u8, to: *mut u8, at: usize) {
    // SAFETY: the vector at `at` lies in both places, and is aligned where `STREAM`, as this function's `# Safety` section
    // requires.
    unsafe {
        if STREAM {
            S::stream(from.add(at), to.add(at));
        } else {
            S::copy(from.add(at), to.add(at));
        }
    }
}
