//! The algorithm, over any vector set.
//!
//! A row is one position: a loop over vectors of frequencies, whose sines and cosines are put where pairs of channels lie.
//! Frequencies that do not fill a vector are done as part of the row's last vector, which overlaps the one before and writes to the
//! overlap what is there already.

#![allow(unsafe_code)]

use crate::angle;
use crate::contract::sinusoidal::SinusoidalGeometry;
use crate::simd::pairs::{put, read};
use crate::simd::trig::Trig;
use crate::simd::{Element, Memory};

/// Some rows of a call, as a kernel sees them, with frequencies in the type of the arithmetic. `embedding` overlaps nothing.
pub(super) struct Job<'a, A, T> {
    pub(super) geometry: &'a SinusoidalGeometry,
    pub(super) cos_first: bool,
    pub(super) amplitude: f64,
    /// As [`angle::position`] gives them, one per row.
    pub(super) positions: &'a [f64],
    pub(super) frequencies: *const A,
    /// The first of the rows.
    pub(super) embedding: *mut T,
}

/// The rows of a job, with arithmetic of type `A`. `PRECISE`: products keep what rounding loses, which takes a set of `f64`.
/// `SCALED`: the amplitude is not 1. `NEAR`: sine and cosine of a frequency are neighbours.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its geometry says, and nobody else touches
/// these rows of the embedding meanwhile.
#[inline(always)]
pub(super) unsafe fn rows<S, A, T, const PRECISE: bool, const SCALED: bool, const NEAR: bool>(
    job: &Job<'_, A, T>,
) where
    A: Element,
    T: Element,
    S: Trig<A> + Memory<T>,
{
    let farthest = job.positions.iter().fold(0f64, |far, p| far.max(p.abs()));
    // SAFETY: `angle::near` reads the `used` frequencies that the geometry says, for which the job's pointer is good; the rest is
    // this function's own `# Safety` section.
    unsafe {
        if angle::near::<S, A>(farthest, job.frequencies, job.geometry.used) {
            each_row::<S, A, T, PRECISE, SCALED, NEAR, false>(job);
        } else {
            each_row::<S, A, T, PRECISE, SCALED, NEAR, true>(job);
        }
    }
}

/// [`rows`], `FAR`: some angles may be beyond the limit of the vectors' own sine.
///
/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn each_row<
    S,
    A,
    T,
    const PRECISE: bool,
    const SCALED: bool,
    const NEAR: bool,
    const FAR: bool,
>(
    job: &Job<'_, A, T>,
) where
    A: Element,
    T: Element,
    S: Trig<A> + Memory<T>,
{
    let SinusoidalGeometry {
        width, pairs, used, ..
    } = *job.geometry;
    for (index, &position) in job.positions.iter().enumerate() {
        // SAFETY: the row lies in the embedding; columns below `pairs` have two elements in it, those up to `used` one.
        unsafe {
            let row = job.embedding.add(index * width);
            if pairs < S::LANES {
                let (a, b) =
                    functions::<S, A, T, PRECISE, SCALED, FAR, false>(job, position, 0, pairs);
                put_both::<S, T, NEAR, false>(row, used, 0, pairs, a, b);
            } else {
                let mut column = 0;
                while column < pairs {
                    let at = column.min(pairs - S::LANES);
                    let (a, b) = functions::<S, A, T, PRECISE, SCALED, FAR, true>(
                        job,
                        position,
                        at,
                        S::LANES,
                    );
                    put_both::<S, T, NEAR, true>(row, used, at, S::LANES, a, b);
                    column += S::LANES;
                }
            }
            let mut column = pairs;
            while column < used {
                let count = (used - column).min(S::LANES);
                let (a, _) =
                    functions::<S, A, T, PRECISE, SCALED, FAR, false>(job, position, column, count);
                let at = if NEAR { 2 * column } else { column };
                S::store_part(row.add(at), a, count);
                column += count;
            }
            let filled = pairs + used;
            std::ptr::write_bytes(row.add(filled), 0, width - filled);
        }
    }
}

/// The first and the second function of `count` frequencies from `column` on; a whole vector of them if `WHOLE`.
///
/// # Safety
/// As [`rows`], and there are these frequencies.
#[inline(always)]
unsafe fn functions<
    S,
    A,
    T,
    const PRECISE: bool,
    const SCALED: bool,
    const FAR: bool,
    const WHOLE: bool,
>(
    job: &Job<'_, A, T>,
    position: f64,
    column: usize,
    count: usize,
) -> (S::V, S::V)
where
    A: Element,
    T: Element,
    S: Trig<A> + Memory<T>,
{
    // SAFETY: this function's `# Safety` section says that there are `count` frequencies from `column` on, a vector if `WHOLE`, and
    // that the processor has the instructions of `S`.
    unsafe {
        let frequencies = read::<S, A, WHOLE>(job.frequencies.add(column), count);
        let (high, low) = angle::product::<S, A, PRECISE>(position, frequencies);
        let (mut sin, mut cos) = S::sin_cos::<PRECISE, FAR>(high, low);
        if SCALED {
            let amplitude = S::splat(job.amplitude);
            sin = S::mul(<S as Memory<A>>::rounded(sin), amplitude);
            cos = S::mul(<S as Memory<A>>::rounded(cos), amplitude);
        }
        if job.cos_first {
            (cos, sin)
        } else {
            (sin, cos)
        }
    }
}

/// [`put`], of values in the order of memory.
///
/// # Safety
/// As [`put`].
#[inline(always)]
unsafe fn put_both<S: Memory<T>, T: Element, const NEAR: bool, const WHOLE: bool>(
    row: *mut T,
    half: usize,
    column: usize,
    count: usize,
    mut a: S::V,
    mut b: S::V,
) {
    // SAFETY: `put` is called with the caller's own arguments, and this function's `# Safety` section is that of `put`.
    unsafe {
        if NEAR {
            (a, b) = (S::to_pair_order(a), S::to_pair_order(b));
        }
        put::<S, T, NEAR, WHOLE>(row, half, column, count, a, b);
    }
}
