//! The algorithm, over any vector set.
//!
//! A row is one position, or one tuple of coordinates: a loop over vectors of frequencies. Frequencies that do not fill a vector
//! are done as part of the row's last one; it overlaps the one before and writes there what is written already.

#![allow(unsafe_code)]

use super::Position;
use crate::contract::ElementType;
use crate::contract::rotary_table::RotaryTableGeometry;
use crate::simd::trig::{add_pairs, sin_cos, two_product};
use crate::simd::{Element, Memory, Turn};
use std::ops::Range;

/// One call, as a kernel sees it. `cos` and `sin` overlap nothing.
pub(super) struct Job<'a, P, T> {
    pub(super) geometry: &'a RotaryTableGeometry,
    pub(super) amplitude: f64,
    pub(super) positions: *const P,
    pub(super) frequencies: *const T,
    pub(super) cos: *mut T,
    pub(super) sin: *mut T,
}

/// The rows `range` of a job. `PRECISE`: products keep what rounding loses.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its geometry says, and nobody else touches
/// the rows `range` of `cos` and `sin` meanwhile.
#[inline(always)]
pub(super) unsafe fn rows<S, P, T, const PRECISE: bool>(job: &Job<'_, P, T>, range: Range<usize>)
where
    P: Position,
    T: Element,
    S: Memory<T> + Memory<f64> + Turn,
{
    let RotaryTableGeometry {
        streams,
        inner,
        width,
        ..
    } = *job.geometry;
    for row in range {
        // SAFETY: the rows lie in cos and sin, and the positions that go with them in positions.
        unsafe {
            let at = Row {
                job,
                positions: job
                    .positions
                    .add(row / inner * streams * inner + row % inner),
                start: row * width,
            };
            if width < S::LANES {
                at.columns::<S, PRECISE, false>(0, width);
                continue;
            }
            let mut column = 0;
            while column + S::LANES <= width {
                at.columns::<S, PRECISE, true>(column, S::LANES);
                column += S::LANES;
            }
            if column < width {
                at.columns::<S, PRECISE, true>(width - S::LANES, S::LANES);
            }
        }
    }
}

/// One row: where the position of its first stream is, and its first element.
struct Row<'a, 'b, P, T> {
    job: &'a Job<'b, P, T>,
    positions: *const P,
    start: usize,
}

impl<P: Position, T: Element> Row<'_, '_, P, T> {
    /// `count` columns from `column` on; a whole vector of them if `WHOLE`.
    ///
    /// # Safety
    /// As [`rows`], and the columns lie in the row.
    #[inline(always)]
    unsafe fn columns<S, const PRECISE: bool, const WHOLE: bool>(&self, column: usize, count: usize)
    where
        S: Memory<T> + Memory<f64> + Turn,
    {
        // SAFETY: the caller's.
        unsafe {
            let (high, low) = self.angles::<S, PRECISE, WHOLE>(column, count);
            let (sin, cos) = sin_cos::<S, T, PRECISE>(high, low);
            self.put::<S, WHOLE>(self.job.cos.add(self.start + column), count, cos);
            self.put::<S, WHOLE>(self.job.sin.add(self.start + column), count, sin);
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
        S: Memory<T> + Memory<f64> + Turn,
    {
        let RotaryTableGeometry {
            streams,
            inner,
            width,
            ..
        } = *self.job.geometry;
        // SAFETY: the caller's.
        unsafe {
            let zero = S::splat(0.0);
            let mut angle = (zero, zero);
            for stream in 0..streams {
                let position = *self.positions.add(stream * inner);
                let position = match T::TYPE {
                    ElementType::F32 if !PRECISE => f64::from(position.to_f32()),
                    _ => position.to_f64(),
                };
                let frequencies = self.job.frequencies.add(stream * width + column);
                let frequencies = if WHOLE {
                    <S as Memory<T>>::load(frequencies)
                } else {
                    <S as Memory<T>>::load_part(frequencies, count)
                };
                let product = if PRECISE {
                    two_product::<S>(S::splat(position), frequencies)
                } else {
                    let product = S::mul(S::splat(position), frequencies);
                    (<S as Memory<T>>::rounded(product), zero)
                };
                angle = match stream {
                    0 => product,
                    _ if PRECISE => add_pairs::<S>(angle, product),
                    _ => (<S as Memory<T>>::rounded(S::add(angle.0, product.0)), zero),
                };
            }
            angle
        }
    }

    /// # Safety
    /// `to` is good for `count` elements, which are a vector if `WHOLE`.
    #[inline(always)]
    unsafe fn put<S, const WHOLE: bool>(&self, to: *mut T, count: usize, mut v: S::V)
    where
        S: Memory<T> + Turn,
    {
        // SAFETY: the caller's.
        unsafe {
            if self.job.amplitude != 1.0 {
                v = S::mul(S::rounded(v), S::splat(self.job.amplitude));
            }
            if WHOLE {
                S::store(to, v);
            } else {
                S::store_part(to, v, count);
            }
        }
    }
}
