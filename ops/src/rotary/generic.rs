//! The algorithm, over any vector set.
//!
//! Rows are walked in memory order: the rows of one position lie far apart in `[B, N, S, D]`, and tables are small enough to
//! stay in a cache. A row is a loop over vectors of pairs. All reads of an iteration come before its writes, and where input and
//! output have the same layout an iteration writes just what it has read, so `y` may be `x`.

#![allow(unsafe_code)]

use crate::contract::broadcast::Run;
use crate::contract::rotary::RotaryGeometry;
use crate::simd::pairs::{members, put, read};
use crate::simd::{Element, Memory};
use std::ops::Range;

/// One call, as a kernel sees it. `x` and `y` are either the same or do not overlap.
pub(super) struct Job<'a, T, TT> {
    pub(super) geometry: &'a RotaryGeometry,
    pub(super) inverse: bool,
    pub(super) x: *const T,
    pub(super) y: *mut T,
    pub(super) cos: *const TT,
    pub(super) sin: *const TT,
}

/// The rows `range` of a job.
///
/// `IN`, `OUT`: pairs are neighbours in the input, in the output. `CHANNEL`: tables have one entry a channel. `HALF`: number of
/// pairs of a row, 0 where it is not known when compiling.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its geometry says, and nobody else touches
/// the rows `range` of `y` meanwhile.
#[inline(always)]
pub(super) unsafe fn rows<
    S,
    T,
    TT,
    const IN: bool,
    const OUT: bool,
    const CHANNEL: bool,
    const HALF: usize,
>(
    job: &Job<'_, T, TT>,
    range: Range<usize>,
) where
    T: Element,
    TT: Element,
    S: Memory<T> + Memory<TT>,
{
    let RotaryGeometry {
        channels,
        offset,
        rotated,
        ref rows,
        ..
    } = *job.geometry;
    let half = if HALF == 0 { rotated / 2 } else { HALF };
    let width = if CHANNEL { 2 * half } else { half };
    let end = offset + 2 * half;
    let in_place = std::ptr::eq(job.x, job.y);
    let copies = !in_place && channels != 2 * half;
    // Pairs that move within the row would overwrite what is still to be read.
    let mut moved = if in_place && IN != OUT {
        vec![T::ZERO; 2 * half]
    } else {
        Vec::new()
    };
    for Run {
        first,
        count,
        table_rows: [cos_row, sin_row],
        steps: [cos_step, sin_step],
    } in rows.runs(range)
    {
        // SAFETY: rows of the range lie in x and y, and the rows of the tables that go with them in cos and sin.
        unsafe {
            let flipper = S::flipper(job.inverse);
            let mut x = job.x.add(first * channels);
            let mut y = job.y.add(first * channels);
            let mut cos = job.cos.add(cos_row * width);
            let mut sin = job.sin.add(sin_row * width);
            for _ in 0..count {
                if copies {
                    std::ptr::copy_nonoverlapping(x, y, offset);
                    std::ptr::copy_nonoverlapping(x.add(end), y.add(end), channels - end);
                }
                let mut from = x.add(offset);
                if !moved.is_empty() {
                    std::ptr::copy_nonoverlapping(from, moved.as_mut_ptr(), 2 * half);
                    from = moved.as_ptr();
                }
                row::<S, T, TT, IN, OUT, CHANNEL>(from, y.add(offset), cos, sin, half, flipper);
                // Not `add`: after the last row the sum may lie beyond the end.
                x = x.wrapping_add(channels);
                y = y.wrapping_add(channels);
                cos = cos.wrapping_add(cos_step * width);
                sin = sin.wrapping_add(sin_step * width);
            }
        }
    }
}

/// The rotated range of one row.
///
/// # Safety
/// As [`rows`]: `x` and `y` are good for `2 * half` elements, the tables for that or half of it.
#[inline(always)]
unsafe fn row<S, T, TT, const IN: bool, const OUT: bool, const CHANNEL: bool>(
    x: *const T,
    y: *mut T,
    cos: *const TT,
    sin: *const TT,
    half: usize,
    flipper: S::V,
) where
    T: Element,
    TT: Element,
    S: Memory<T> + Memory<TT>,
{
    if half < S::LANES {
        // SAFETY: there are `half` pairs.
        unsafe {
            let (a, b) =
                turned::<S, T, TT, IN, OUT, CHANNEL, false>(x, cos, sin, half, 0, half, flipper);
            put::<S, T, OUT, false>(y, half, 0, half, a, b);
        }
        return;
    }
    let whole = half - half % S::LANES;
    // SAFETY: each vector of pairs lies within the `half` pairs.
    unsafe {
        // Pairs that do not fill a vector are done as part of the row's last one. It overlaps the one before: it is read before
        // anything is written, and writes there what is written already.
        let last = half - S::LANES;
        let rest = (whole < half).then(|| {
            turned::<S, T, TT, IN, OUT, CHANNEL, true>(x, cos, sin, half, last, S::LANES, flipper)
        });
        let mut k = 0;
        while k < whole {
            let (a, b) =
                turned::<S, T, TT, IN, OUT, CHANNEL, true>(x, cos, sin, half, k, S::LANES, flipper);
            put::<S, T, OUT, true>(y, half, k, S::LANES, a, b);
            k += S::LANES;
        }
        if let Some((a, b)) = rest {
            put::<S, T, OUT, true>(y, half, last, S::LANES, a, b);
        }
    }
}

/// `count` pairs from `k` on, turned; a whole vector of them if `WHOLE`. In the order [`put`] takes.
///
/// # Safety
/// As [`row`], and `k + count <= half`.
#[inline(always)]
unsafe fn turned<
    S,
    T,
    TT,
    const IN: bool,
    const OUT: bool,
    const CHANNEL: bool,
    const WHOLE: bool,
>(
    x: *const T,
    cos: *const TT,
    sin: *const TT,
    half: usize,
    k: usize,
    count: usize,
    flipper: S::V,
) -> (S::V, S::V)
where
    T: Element,
    TT: Element,
    S: Memory<T> + Memory<TT>,
{
    // SAFETY: `members` touches the positions of pairs `k .. k + count` alone, which the caller vouches for.
    unsafe {
        let (a, b) = members::<S, T, IN, WHOLE>(x, half, k, count);
        let (cos_a, cos_b, sin_a, sin_b) = if CHANNEL {
            let (ca, cb) = members::<S, TT, IN, WHOLE>(cos, half, k, count);
            let (sa, sb) = members::<S, TT, IN, WHOLE>(sin, half, k, count);
            (ca, cb, S::flip(sa, flipper), S::flip(sb, flipper))
        } else {
            let mut c = read::<S, TT, WHOLE>(cos.add(k), count);
            let mut s = S::flip(read::<S, TT, WHOLE>(sin.add(k), count), flipper);
            if IN {
                (c, s) = (S::to_pair_order(c), S::to_pair_order(s));
            }
            (c, c, s, s)
        };
        let out_a = S::neg_mul_add(b, sin_a, S::mul(a, cos_a));
        let out_b = S::mul_add(a, sin_b, S::mul(b, cos_b));
        match (IN, OUT) {
            (true, false) => (S::from_pair_order(out_a), S::from_pair_order(out_b)),
            (false, true) => (S::to_pair_order(out_a), S::to_pair_order(out_b)),
            _ => (out_a, out_b),
        }
    }
}
