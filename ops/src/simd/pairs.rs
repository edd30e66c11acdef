//! Pairs of channels in memory: neighbours (`NEAR`), or `half` elements apart.

use super::{Element, Memory};

/// First and second members of the pairs `k .. k + count`; in pair order if they are neighbours.
///
/// # Safety
/// The processor has the instructions of `S`, and `at` is good for those pairs: a whole vector of them if `WHOLE`.
#[inline(always)]
pub(crate) unsafe fn members<S: Memory<T>, T: Element, const NEAR: bool, const WHOLE: bool>(
    at: *const T,
    half: usize,
    k: usize,
    count: usize,
) -> (S::V, S::V) {
    // SAFETY: elements `2k .. 2(k + count)`, or `count` of them at `k` and at `half + k`.
    unsafe {
        if NEAR {
            let low = count.saturating_mul(2).min(S::LANES);
            let at = at.add(2 * k);
            S::split(
                read::<S, T, WHOLE>(at, low),
                read::<S, T, WHOLE>(at.add(low), 2 * count - low),
            )
        } else {
            (
                read::<S, T, WHOLE>(at.add(k), count),
                read::<S, T, WHOLE>(at.add(half + k), count),
            )
        }
    }
}

/// The inverse of [`members`].
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn put<S: Memory<T>, T: Element, const NEAR: bool, const WHOLE: bool>(
    at: *mut T,
    half: usize,
    k: usize,
    count: usize,
    a: S::V,
    b: S::V,
) {
    // SAFETY: as for `members`.
    unsafe {
        if NEAR {
            let low = count.saturating_mul(2).min(S::LANES);
            let at = at.add(2 * k);
            let (first, second) = S::weave(a, b);
            write::<S, T, WHOLE>(at, first, low);
            write::<S, T, WHOLE>(at.add(low), second, 2 * count - low);
        } else {
            write::<S, T, WHOLE>(at.add(k), a, count);
            write::<S, T, WHOLE>(at.add(half + k), b, count);
        }
    }
}

/// `count` elements, which are a vector if `WHOLE`.
///
/// # Safety
/// The processor has the instructions of `S`, and `from` is good for the elements.
#[inline(always)]
pub(crate) unsafe fn read<S: Memory<T>, T: Element, const WHOLE: bool>(
    from: *const T,
    count: usize,
) -> S::V {
    // SAFETY: the caller vouches for `count` elements, which are a vector if `WHOLE`.
    unsafe {
        if WHOLE {
            S::load(from)
        } else {
            S::load_part(from, count)
        }
    }
}

/// The inverse of [`read`].
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn write<S: Memory<T>, T: Element, const WHOLE: bool>(
    to: *mut T,
    v: S::V,
    count: usize,
) {
    // SAFETY: as for `read`.
    unsafe {
        if WHOLE {
            S::store(to, v)
        } else {
            S::store_part(to, v, count)
        }
    }
}
