//! Few rows with a stretch of keys: vectors along the channels.
//!
//! Reading keys and values takes longest, so each is read once for some rows together. The scores of a stretch fit a cache near the
//! processor.

#![allow(unsafe_code)]

use super::job::{Attended, Job, Rows};
use super::panel::{capped, shift};
use super::state::HEAD;
use crate::simd::softmax::{Exponential, Softmax, exp};
use crate::simd::{Element, MAX_LANES, Memory};
use std::ops::Range;

/// Most keys of a stretch.
pub(super) const STRETCH: usize = 512;

/// Keys whose products with a query are summed together.
const TOGETHER: usize = 4;

/// Places for the scores of a row: vectors and groups of keys may end behind the last key.
pub(super) const PLACES: usize = STRETCH + MAX_LANES;

/// The states of all rows after a stretch of keys alone.
///
/// `queries` are the queries times the scale, every row filled up to whole vectors with zeros; there are [`PLACES`] scores a row.
///
/// # Safety
/// The processor has the instructions of `S`. The pointers of `job` are good for what its geometry says, and slices as long as said.
#[inline(always)]
pub(super) unsafe fn stretch<S: Softmax<Number = T::Number> + Memory<T>, T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    keys: Range<usize>,
    (queries, scores): (&[T::Number], &mut [T::Number]),
    states: &mut [T::Number],
) {
    let (channels, values) = (job.geometry.channels, job.geometry.values);
    let width = channels.next_multiple_of(S::LANES);
    let size = job.state_size();
    // SAFETY: the keys, and room for their scores, that this function's `# Safety` section says are there; groups of rows lie within
    // the rows.
    unsafe {
        let [k, v] = job.keys(rows, &keys);
        let mut row = 0;
        while row < rows.count {
            let queries = queries.as_ptr().add(row * width);
            let to = scores.as_mut_ptr().add(row * PLACES);
            let given = (k, keys.len(), channels);
            row += match rows.count - row {
                4.. => scored::<S, T, 4>(queries, given, to),
                2.. => scored::<S, T, 2>(queries, given, to),
                _ => scored::<S, T, 1>(queries, given, to),
            };
        }
        for row in 0..rows.count {
            let scores = scores.as_mut_ptr().add(row * PLACES);
            let (largest, sum) = weights::<S, T>(job, rows, row, &keys, scores);
            (states[row * size], states[row * size + 1]) = (largest, sum);
        }
        let mut row = 0;
        while row < rows.count {
            let weights = scores.as_ptr().add(row * PLACES);
            let to = (states.as_mut_ptr().add(row * size + HEAD), size);
            let given = (v, keys.len(), values);
            row += match rows.count - row {
                4.. => weighed::<S, T, 4>(weights, given, to),
                2.. => weighed::<S, T, 2>(weights, given, to),
                _ => weighed::<S, T, 1>(weights, given, to),
            };
        }
    }
}

/// The products of `ROWS` queries with keys. Returns `ROWS`.
///
/// # Safety
/// As [`stretch`]: there are `count` keys of `channels` elements, and [`PLACES`] places a row.
#[inline(always)]
unsafe fn scored<S: Softmax<Number = T::Number> + Memory<T>, T: Attended, const ROWS: usize>(
    queries: *const T::Number,
    (keys, count, channels): (*const T, usize, usize),
    to: *mut T::Number,
) -> usize {
    let width = channels.next_multiple_of(S::LANES);
    // SAFETY: keys beyond the last are the last once more; the rest is what this function's `# Safety` section says.
    unsafe {
        for key in (0..count).step_by(TOGETHER) {
            let mut from = [keys; TOGETHER];
            for (i, from) in from.iter_mut().enumerate() {
                *from = keys.add((key + i).min(count - 1) * channels);
            }
            let mut sums = [[S::splat(0.0); TOGETHER]; ROWS];
            for at in (0..channels).step_by(S::LANES) {
                let mut some = [S::splat(0.0); TOGETHER];
                for (some, from) in some.iter_mut().zip(from) {
                    *some = load::<S, T>(from.add(at), channels - at);
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let query = S::load(queries.add(r * width + at));
                    for (sum, &key) in sums.iter_mut().zip(&some) {
                        *sum = S::mul_add(query, key, *sum);
                    }
                }
            }
            for (r, &sums) in sums.iter().enumerate() {
                S::sums(sums, to.add(r * PLACES + key));
            }
        }
    }
    ROWS
}

/// Turns products at `scores` to exponentials of scores less the largest. Gives the largest, and the sum.
///
/// # Safety
/// As [`stretch`]: there are [`PLACES`] places, the products first.
#[inline(always)]
unsafe fn weights<S: Softmax<Number = T::Number> + Memory<T>, T: Attended>(
    job: &Job<'_, T>,
    rows: &Rows,
    row: usize,
    keys: &Range<usize>,
    scores: *mut T::Number,
) -> (T::Number, T::Number) {
    let count = keys.len();
    // SAFETY: whole vectors of places, and elements of bias and mask for `keys`.
    unsafe {
        let steps = [job.geometry.bias.steps[3], job.geometry.mask.steps[3]];
        let bias = job.bias.map(|bias| {
            let start = job.plane_row(&job.geometry.bias, rows, row);
            let bias = bias.add(start + keys.start * steps[0]);
            (bias, S::splat((*bias).to_f64()))
        });
        let mask = job.mask.map(|mask| {
            let start = job.plane_row(&job.geometry.mask, rows, row);
            job.mask_of(mask, start, keys)
        });
        let fill = S::splat(job.attributes.fill.into());
        let bound = f64::from(job.attributes.softcap);
        let lowest = S::splat(f64::NEG_INFINITY);
        let mut largest = lowest;
        for at in (0..count).step_by(S::LANES) {
            let some = (count - at).min(S::LANES);
            let mut score = S::load(scores.add(at).cast_const());
            if bound != 0.0 {
                score = capped::<S>(score, bound);
            }
            if let Some((bias, only)) = bias {
                let bias = match steps[0] {
                    0 => only,
                    _ => load::<S, T>(bias.add(at), some),
                };
                score = S::add(score, bias);
            }
            if let Some(mask) = mask {
                let mut bytes = [0; MAX_LANES];
                match steps[1] {
                    0 => bytes = [mask[0]; MAX_LANES],
                    _ => bytes[..some].copy_from_slice(&mask[at..at + some]),
                }
                score = S::choose(bytes.as_ptr(), score, fill);
            }
            S::store(scores.add(at), score);
            if some < S::LANES {
                // What is behind the last key has no weight.
                for place in at + some..at + S::LANES {
                    *scores.add(place) = T::Number::NEGATIVE_INFINITY;
                }
                score = S::load(scores.add(at).cast_const());
            }
            largest = S::max(largest, score);
        }
        let largest = S::largest(largest);
        let shift = shift::<S>(S::splat(largest.into()));
        let mut sum = S::splat(0.0);
        for at in (0..count).step_by(S::LANES) {
            let score = S::load(scores.add(at).cast_const());
            let weight = exp::<S>(S::sub(score, shift));
            S::store(scores.add(at), weight);
            sum = S::add(sum, weight);
        }
        (largest, S::sum(sum))
    }
}

/// The values weighed by `ROWS` rows of weights. Returns `ROWS`.
///
/// # Safety
/// As [`stretch`]: there are `count` values of `channels` elements, [`PLACES`] weights a row, and room in rows that are `stride` apart.
#[inline(always)]
unsafe fn weighed<S: Softmax<Number = T::Number> + Memory<T>, T: Attended, const ROWS: usize>(
    weights: *const T::Number,
    (values, count, channels): (*const T, usize, usize),
    (to, stride): (*mut T::Number, usize),
) -> usize {
    let mut at = 0;
    // SAFETY: stretches of the channels that this function's `# Safety` section says are there.
    unsafe {
        while at + 4 * S::LANES <= channels {
            let (values, to) = (values.add(at), to.add(at));
            columns::<S, T, ROWS, 4>(weights, (values, count, channels), (to, stride), S::LANES);
            at += 4 * S::LANES;
        }
        while at < channels {
            let some = (channels - at).min(S::LANES);
            let (values, to) = (values.add(at), to.add(at));
            columns::<S, T, ROWS, 1>(weights, (values, count, channels), (to, stride), some);
            at += some;
        }
    }
    ROWS
}

/// `VECTORS` vectors of channels of [`weighed`]; of a single one `some` channels.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn columns<
    S: Softmax<Number = T::Number> + Memory<T>,
    T: Attended,
    const ROWS: usize,
    const VECTORS: usize,
>(
    weights: *const T::Number,
    (values, count, channels): (*const T, usize, usize),
    (to, stride): (*mut T::Number, usize),
    some: usize,
) {
    // SAFETY: this function's `# Safety` section.
    unsafe {
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        for key in 0..count {
            let mut vectors = [S::splat(0.0); VECTORS];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = load::<S, T>(values.add(key * channels + v * S::LANES), some);
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let weight = S::splat((*weights.add(r * PLACES + key)).into());
                for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                    *sum = S::mul_add(weight, vector, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = to.add(r * stride + v * S::LANES);
                <S as Memory<T::Number>>::store_part(to, sum, some);
            }
        }
    }
}

/// `count` elements, at most a vector; the rest are zeros.
///
/// # Safety
/// As [`Memory`].
#[inline(always)]
unsafe fn load<S: Memory<T>, T: Element>(from: *const T, count: usize) -> S::V {
    // SAFETY: the caller vouches for `count` elements.
    unsafe {
        if count >= S::LANES {
            S::load(from)
        } else {
            S::load_part(from, count)
        }
    }
}
