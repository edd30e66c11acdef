//! The algorithm, over any vector set.
//!
//! Rows of `y` are walked in memory order: the rows of one position lie far apart in `[B, N, S, D]`, and tables are small enough to stay
//! in a cache. A row is a loop over vectors of pairs. Where several rows share a row of the tables, as heads of one position do,
//! that row is read and converted once and held in registers, as far as there are enough. All reads of an iteration come before its
//! writes, and where input and output have the same layout an iteration writes just what it has read, so `y` may be `x`.

#![allow(unsafe_code)]

use crate::contract::broadcast::Run;
use crate::contract::rotary::RotaryGeometry;
use crate::simd::pairs::{members, put, read};
use crate::simd::{Element, Memory, Simd};
use std::ops::Range;

/// One call, as a kernel sees it. `x` and `y` do not overlap, or are the same and have the same rows.
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
/// `IN`, `OUT`: pairs are neighbours in the input, in the output. `CHANNEL`: tables have one entry per channel. `HALF`: number of
/// pairs of a row, or 0 where it is not known at compile time.
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
        first: x_first,
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
        table_rows: [x_row, cos_row, sin_row],
        steps: [x_step, cos_step, sin_step],
    } in rows.runs(range)
    {
        // SAFETY: rows of the range lie in x and y, and the rows of the tables that go with them in cos and sin.
        unsafe {
            let flipper = S::flipper(job.inverse);
            let mut x = job.x.add((x_first + x_row) * channels);
            let mut y = job.y.add(first * channels);
            let mut table = Table::<S, TT, IN, CHANNEL> {
                cos: job.cos.add(cos_row * width),
                sin: job.sin.add(sin_row * width),
                half,
                flipper,
            };
            let held = if HALF != 0 && (cos_step, sin_step) == (0, 0) && count > 1 {
                table.held()
            } else {
                None
            };
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
                match &held {
                    Some(held) => row::<S, T, IN, OUT>(from, y.add(offset), half, held),
                    None => row::<S, T, IN, OUT>(from, y.add(offset), half, &table),
                }
                // Not `add`: after the last row the sum may lie beyond the end.
                x = x.wrapping_add(x_step * channels);
                y = y.wrapping_add(channels);
                table.cos = table.cos.wrapping_add(cos_step * width);
                table.sin = table.sin.wrapping_add(sin_step * width);
            }
        }
    }
}

/// Most vectors of pairs that are held of a row of the tables.
const HELD: usize = 16;

/// The factors of the two members of some pairs: cosines for both, sines for both, in pair order if these are neighbours.
#[derive(Clone, Copy)]
struct Factors<V> {
    cos: [V; 2],
    sin: [V; 2],
}

/// A row of the tables, or of what is held of it.
trait FactorsOf<S: Simd> {
    /// The factors of `count` pairs from `k` on; a whole vector of them if `WHOLE`.
    ///
    /// # Safety
    /// The processor has the instructions of `S`, and the row is of a job, with `k + count` pairs or more. `k` is a multiple of
    /// `LANES`, or `LANES` less than the row's pairs.
    unsafe fn at<const WHOLE: bool>(&self, k: usize, count: usize) -> Factors<S::V>;
}

/// A row of the tables, in memory.
struct Table<S: Simd, TT, const IN: bool, const CHANNEL: bool> {
    cos: *const TT,
    sin: *const TT,
    half: usize,
    flipper: S::V,
}

impl<S: Memory<TT>, TT: Element, const IN: bool, const CHANNEL: bool> FactorsOf<S>
    for Table<S, TT, IN, CHANNEL>
{
    #[inline(always)]
    unsafe fn at<const WHOLE: bool>(&self, k: usize, count: usize) -> Factors<S::V> {
        // SAFETY: entries of pairs `k .. k + count` alone are read, which the caller vouches for.
        unsafe {
            if CHANNEL {
                let (ca, cb) = members::<S, TT, IN, WHOLE>(self.cos, self.half, k, count);
                let (sa, sb) = members::<S, TT, IN, WHOLE>(self.sin, self.half, k, count);
                return Factors {
                    cos: [ca, cb],
                    sin: [S::flip(sa, self.flipper), S::flip(sb, self.flipper)],
                };
            }
            let mut cos = read::<S, TT, WHOLE>(self.cos.add(k), count);
            let mut sin = S::flip(read::<S, TT, WHOLE>(self.sin.add(k), count), self.flipper);
            if IN {
                (cos, sin) = (S::to_pair_order(cos), S::to_pair_order(sin));
            }
            Factors {
                cos: [cos; 2],
                sin: [sin; 2],
            }
        }
    }
}

impl<S: Memory<TT>, TT: Element, const IN: bool, const CHANNEL: bool> Table<S, TT, IN, CHANNEL> {
    /// All its factors, if they are not too many.
    ///
    /// # Safety
    /// As [`FactorsOf::at`].
    #[inline(always)]
    unsafe fn held(&self) -> Option<Held<S>> {
        let half = self.half;
        if half < S::LANES || half.div_ceil(S::LANES) > HELD {
            return None;
        }
        // SAFETY: there are more pairs than a vector has.
        unsafe {
            let last = half - S::LANES;
            let mut held = Held([self.at::<true>(last, S::LANES); HELD]);
            for (i, factors) in held.0[..half / S::LANES].iter_mut().enumerate() {
                *factors = self.at::<true>(i * S::LANES, S::LANES);
            }
            Some(held)
        }
    }
}

/// The factors of a row, a vector each. Those of the row's end, where they overlap the ones before, are behind these.
struct Held<S: Simd>([Factors<S::V>; HELD]);

impl<S: Simd> FactorsOf<S> for Held<S> {
    #[inline(always)]
    unsafe fn at<const WHOLE: bool>(&self, k: usize, _: usize) -> Factors<S::V> {
        self.0[k.div_ceil(S::LANES)]
    }
}

/// The rotated range of one row.
///
/// # Safety
/// As [`rows`]: `x` and `y` are good for `2 * half` elements, and `table` is a row of as many pairs.
#[inline(always)]
unsafe fn row<S, T, const IN: bool, const OUT: bool>(
    x: *const T,
    y: *mut T,
    half: usize,
    table: &impl FactorsOf<S>,
) where
    T: Element,
    S: Memory<T>,
{
    if half < S::LANES {
        // SAFETY: there are `half` pairs.
        unsafe {
            let factors = table.at::<false>(0, half);
            let (a, b) = turned::<S, T, IN, OUT, false>(x, half, 0, half, factors);
            put::<S, T, OUT, false>(y, half, 0, half, a, b);
        }
        return;
    }
    let whole = half - half % S::LANES;
    // SAFETY: each vector of pairs lies within the `half` pairs.
    unsafe {
        // Pairs that do not fill a vector are done as part of the row's last vector, which overlaps the one before. It is read
        // before anything is written, and writes to the overlap what is there already.
        let last = half - S::LANES;
        let rest = (whole < half).then(|| {
            let factors = table.at::<true>(last, S::LANES);
            turned::<S, T, IN, OUT, true>(x, half, last, S::LANES, factors)
        });
        let mut k = 0;
        while k < whole {
            let factors = table.at::<true>(k, S::LANES);
            let (a, b) = turned::<S, T, IN, OUT, true>(x, half, k, S::LANES, factors);
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
unsafe fn turned<S, T, const IN: bool, const OUT: bool, const WHOLE: bool>(
    x: *const T,
    half: usize,
    k: usize,
    count: usize,
    factors: Factors<S::V>,
) -> (S::V, S::V)
where
    T: Element,
    S: Memory<T>,
{
    // SAFETY: `members` touches the positions of pairs `k .. k + count` alone, which the caller vouches for.
    unsafe {
        let (a, b) = members::<S, T, IN, WHOLE>(x, half, k, count);
        let Factors { cos, sin } = factors;
        let out_a = S::neg_mul_add(b, sin[0], S::mul(a, cos[0]));
        let out_b = S::mul_add(a, sin[1], S::mul(b, cos[1]));
        match (IN, OUT) {
            (true, false) => (S::from_pair_order(out_a), S::from_pair_order(out_b)),
            (false, true) => (S::to_pair_order(out_a), S::to_pair_order(out_b)),
            _ => (out_a, out_b),
        }
    }
}
