//! The algorithm, over any vector set.
//!
//! A row is one position, or one tuple of coordinates: a loop over vectors of frequencies. Frequencies that do not fill a vector
//! are done as part of the row's last vector, which overlaps the one before and writes to the overlap what is there already.

#![allow(unsafe_code)]

use crate::angle::{self, Position};
use crate::contract::rotary_table::RotaryTableGeometry;
use crate::simd::pairs::{read, write};
use crate::simd::trig::Trig;
use crate::simd::{Element, Memory};
use std::ops::Range;

/// One call, as a kernel sees it, with frequencies in the type of the arithmetic. `cos` and `sin` overlap nothing.
pub(super) struct Job<'a, P, A, T> {
    pub(super) geometry: &'a RotaryTableGeometry,
    pub(super) amplitude: f64,
    pub(super) positions: *const P,
    pub(super) frequencies: *const A,
    pub(super) cos: *mut T,
    pub(super) sin: *mut T,
}

/// The rows `range` of a job. `PRECISE`: products keep what rounding loses, which takes a set of `f64`. `SCALED`: the amplitude is not 1.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its geometry says, and nobody else touches
/// the rows `range` of `cos` and `sin` meanwhile.
#[inline(always)]
pub(super) unsafe fn rows<S, P, A, T, const PRECISE: bool, const SCALED: bool>(
    job: &Job<'_, P, A, T>,
    range: Range<usize>,
) where
    P: Position,
    A: Element,
    T: Element,
    S: Trig<A> + Memory<T>,
{
    // SAFETY: the job's pointers are good for `range`, as this function's `# Safety` section requires, and so they are for either
    // kind of sine.
    unsafe {
        if near::<S, P, A, T>(job, range.clone()) {
            each_row::<S, P, A, T, PRECISE, SCALED, false>(job, range);
        } else {
            each_row::<S, P, A, T, PRECISE, SCALED, true>(job, range);
        }
    }
}

/// [`angle::near`] for all these rows.
///
/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn near<S, P, A, T>(job: &Job<'_, P, A, T>, range: Range<usize>) -> bool
where
    P: Position,
    A: Element,
    T: Element,
    S: Trig<A> + Memory<T>,
{
    let RotaryTableGeometry {
        streams,
        inner,
        width,
        ..
    } = *job.geometry;
    // SAFETY: positions of the rows, and all frequencies.
    unsafe {
        let mut farthest = 0f64;
        for row in range {
            let positions = job.positions.add(first_position(job.geometry, row));
            let far = (0..streams).map(|p| (*positions.add(p * inner)).to_f64().abs());
            farthest = farthest.max(far.sum());
        }
        angle::near::<S, A>(farthest, job.frequencies, streams * width)
    }
}

/// Where the position of a row's first stream is.
#[inline(always)]
fn first_position(geometry: &RotaryTableGeometry, row: usize) -> usize {
    let RotaryTableGeometry { streams, inner, .. } = *geometry;
    row / inner * streams * inner + row % inner
}

/// [`rows`], `FAR`: some angles may be beyond the limit.
///
/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn each_row<S, P, A, T, const PRECISE: bool, const SCALED: bool, const FAR: bool>(
    job: &Job<'_, P, A, T>,
    range: Range<usize>,
) where
    P: Position,
    A: Element,
    T: Element,
    S: Trig<A> + Memory<T>,
{
    let width = job.geometry.width;
    for row in range {
        // SAFETY: the rows lie in cos and sin, and the positions that go with them in positions.
        unsafe {
            let at = Row {
                job,
                positions: job.positions.add(first_position(job.geometry, row)),
                start: row * width,
            };
            if width < S::LANES {
                at.columns::<S, PRECISE, SCALED, FAR, false>(0, width);
                continue;
            }
            let mut column = 0;
            while column + S::LANES <= width {
                at.columns::<S, PRECISE, SCALED, FAR, true>(column, S::LANES);
                column += S::LANES;
            }
            if column < width {
                at.columns::<S, PRECISE, SCALED, FAR, true>(width - S::LANES, S::LANES);
            }
        }
    }
}

/// One row: where the position of its first stream is, and its first element.
struct Row<'a, 'b, P, A, T> {
    job: &'a Job<'b, P, A, T>,
    positions: *const P,
    start: usize,
}

impl<P: Position, A: Element, T: Element> Row<'_, '_, P, A, T> {
    /// `count` columns from `column` on; a whole vector of them if `WHOLE`.
    ///
    /// # Safety
    /// As [`rows`], and the columns lie in the row.
    #[inline(always)]
    unsafe fn columns<
        S,
        const PRECISE: bool,
        const SCALED: bool,
        const FAR: bool,
        const WHOLE: bool,
    >(
        &self,
        column: usize,
        count: usize,
    ) where
        S: Trig<A> + Memory<T>,
    {
        // SAFETY: this function's `# Safety` section says that the `count` columns lie in the row, so that both tables have the
        // places from `start + column` on.
        unsafe {
            let (high, low) = self.angles::<S, PRECISE, WHOLE>(column, count);
            let (sin, cos) = S::sin_cos::<PRECISE, FAR>(high, low);
            self.put::<S, SCALED, WHOLE>(self.job.cos.add(self.start + column), count, cos);
            self.put::<S, SCALED, WHOLE>(self.job.sin.add(self.start + column), count, sin);
        }
    }

    /// The angles, as sums of two.
    ///
    /// # Safety
    /// As [`Row::columns`].
    #[inline(always)]
    unsafe fn angles<S, const PRECISE: bool, const WHOLE: bool>(
        &self,
        column: usize,
        count: usize,
    ) -> (S::V, S::V)
    where
        S: Trig<A>,
    {
        let RotaryTableGeometry {
            streams,
            inner,
            width,
            ..
        } = *self.job.geometry;
        // SAFETY: the geometry has `streams` positions per row, `inner` apart, and as many rows of `width` frequencies; in these the
        // `count` columns lie.
        unsafe {
            let mut angle = (S::splat(0.0), S::splat(0.0));
            for stream in 0..streams {
                let position = *self.positions.add(stream * inner);
                let position = angle::position::<A>(position, PRECISE);
                let frequencies = self.job.frequencies.add(stream * width + column);
                let frequencies = read::<S, A, WHOLE>(frequencies, count);
                let product = angle::product::<S, A, PRECISE>(position, frequencies);
                // The first product starts the sum: -0 + 0 would be 0.
                angle = match stream {
                    0 => product,
                    _ => angle::sum::<S, A, PRECISE>(angle, product),
                };
            }
            angle
        }
    }

    /// # Safety
    /// `to` is good for `count` elements, which are a vector if `WHOLE`.
    #[inline(always)]
    unsafe fn put<S, const SCALED: bool, const WHOLE: bool>(
        &self,
        to: *mut T,
        count: usize,
        mut v: S::V,
    ) where
        S: Trig<A> + Memory<T>,
    {
        // SAFETY: this function's `# Safety` section says that `to` is good for `count` elements, and that they are a vector if
        // `WHOLE`.
        unsafe {
            if SCALED {
                v = S::mul(<S as Memory<A>>::rounded(v), S::splat(self.job.amplitude));
            }
            write::<S, T, WHOLE>(to, v, count);
        }
    }
}
