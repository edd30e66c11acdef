//! What is done to panels and rows of numbers beside products.

#![allow(unsafe_code)]

use crate::simd::softmax::{Exponential, Softmax, exp, tanh};
use crate::simd::words::{AsWord, Words, transpose};
use crate::simd::{Element, Memory};

/// A panel: rows of a block in the lanes of `vectors` vectors. What is known of the rows comes in whole vectors.
#[derive(Clone, Copy)]
pub(super) struct Panel<N> {
    /// Vectors of it.
    pub(super) vectors: usize,
    /// Scores: a row of lanes for each key.
    pub(super) scores: *mut N,
    /// Weighed values: a row of lanes for each channel.
    pub(super) weighed: *mut N,
    /// For each row the largest score so far.
    pub(super) largest: *mut N,
    /// For each row the sum of the exponentials of scores less that.
    pub(super) sums: *mut N,
}

/// Elements as numbers times `factor`.
///
/// # Safety
/// The processor has the instructions of `S`, and both places are good for `count` elements.
#[inline(always)]
pub(super) unsafe fn read<S: Softmax + Memory<T>, T: Element>(
    from: *const T,
    to: *mut S::Number,
    count: usize,
    factor: f64,
) {
    // SAFETY: whole vectors, and a part of one, of the `count` elements.
    unsafe {
        let factor = S::splat(factor);
        let whole = count - count % S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            let v = <S as Memory<T>>::load(from.add(at));
            <S as Memory<S::Number>>::store(to.add(at), S::mul(v, factor));
        }
        let last = <S as Memory<T>>::load_part(from.add(whole), count - whole);
        <S as Memory<S::Number>>::store_part(to.add(whole), S::mul(last, factor), count - whole);
    }
}

/// Numbers times `factor` as elements.
///
/// # Safety
/// As [`read`].
#[inline(always)]
pub(super) unsafe fn write<S: Softmax + Memory<T>, T: Element>(
    from: *const S::Number,
    to: *mut T,
    count: usize,
    factor: f64,
) {
    // SAFETY: as for `read`.
    unsafe {
        let factor = S::splat(factor);
        let whole = count - count % S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            let v = <S as Memory<S::Number>>::load(from.add(at));
            <S as Memory<T>>::store(to.add(at), S::mul(v, factor));
        }
        let last = <S as Memory<S::Number>>::load_part(from.add(whole), count - whole);
        <S as Memory<T>>::store_part(to.add(whole), S::mul(last, factor), count - whole);
    }
}

/// Writes `rows` rows of `columns` numbers at `from` as columns to `to`. The rows of both are as many numbers apart as said.
///
/// # Safety
/// The processor has the instructions of `M`; the pointers are good for what is said, and do not overlap.
#[inline(always)]
pub(super) unsafe fn turn<M: Words<N::Word>, N: AsWord>(
    (from, from_stride): (*const N, usize),
    (to, to_stride): (*mut N, usize),
    (rows, columns): (usize, usize),
) {
    // SAFETY: squares and single numbers within the rows and columns that this function's `# Safety` section says are there.
    unsafe {
        let (whole_rows, whole_columns) = (rows - rows % M::LANES, columns - columns % M::LANES);
        for r in (0..whole_rows).step_by(M::LANES) {
            for c in (0..whole_columns).step_by(M::LANES) {
                transpose::<M, N::Word>(
                    (from.add(r * from_stride + c).cast(), from_stride as isize),
                    (to.add(c * to_stride + r).cast(), to_stride as isize),
                );
            }
        }
        for r in 0..rows {
            let start = if r < whole_rows { whole_columns } else { 0 };
            for c in start..columns {
                *to.add(c * to_stride + r) = *from.add(r * from_stride + c);
            }
        }
    }
}

/// Adds `count` numbers, whole vectors, to others.
///
/// # Safety
/// As [`read`].
#[inline(always)]
pub(super) unsafe fn add<S: Softmax>(from: *const S::Number, to: *mut S::Number, count: usize) {
    for at in (0..count).step_by(S::LANES) {
        // SAFETY: whole vectors of the `count` numbers.
        unsafe {
            let sum = S::add(S::load(to.add(at).cast_const()), S::load(from.add(at)));
            S::store(to.add(at), sum);
        }
    }
}

/// Brings `count` scores, whole vectors, below a bound.
///
/// # Safety
/// As [`read`].
#[inline(always)]
pub(super) unsafe fn cap<S: Softmax>(scores: *mut S::Number, count: usize, bound: f64) {
    for at in (0..count).step_by(S::LANES) {
        // SAFETY: whole vectors of the `count` numbers.
        unsafe {
            let score = S::load(scores.add(at).cast_const());
            S::store(scores.add(at), capped::<S>(score, bound));
        }
    }
}

/// Scores below a bound.
///
/// # Safety
/// The processor has the instructions of `S`.
#[inline(always)]
pub(super) unsafe fn capped<S: Softmax>(score: S::V, bound: f64) -> S::V {
    // SAFETY: this is arithmetic of `S`, whose instructions the processor has by this function's `# Safety` section.
    unsafe {
        S::mul(
            S::splat(bound),
            tanh::<S>(S::mul(score, S::splat(1.0 / bound))),
        )
    }
}

/// What scores are taken less of: the largest, but a finite number, so that scores of negative infinity have no weight where there are
/// no others.
///
/// # Safety
/// The processor has the instructions of `S`.
#[inline(always)]
pub(super) unsafe fn shift<S: Softmax>(largest: S::V) -> S::V {
    // SAFETY: as for `capped`.
    unsafe { S::at_least(largest, S::splat(S::Number::LOWEST)) }
}

/// Turns the scores of a panel with `keys` keys to exponentials less the largest of each row, and brings what is known of the rows up
/// to date, with `values` channels of weighed values.
///
/// # Safety
/// The processor has the instructions of `S`, and the panel's pointers are good for what is said.
#[inline(always)]
pub(super) unsafe fn weights<S: Softmax>(panel: Panel<S::Number>, keys: usize, values: usize) {
    let width = panel.vectors * S::LANES;
    for lane in (0..width).step_by(S::LANES) {
        // SAFETY: vectors of the panel, for which its pointers are good by this function's `# Safety` section.
        unsafe {
            let scores = panel.scores.add(lane);
            let (largest, sums) = (panel.largest.add(lane), panel.sums.add(lane));
            let before = S::load(largest.cast_const());
            let mut most = before;
            for key in 0..keys {
                most = S::max(most, S::load(scores.add(key * width).cast_const()));
            }
            S::store(largest, most);
            let shift = shift::<S>(most);
            let mut sum = S::splat(0.0);
            for key in 0..keys {
                let at = scores.add(key * width);
                let weight = exp::<S>(S::sub(S::load(at.cast_const()), shift));
                S::store(at, weight);
                sum = S::add(sum, weight);
            }
            let factor = exp::<S>(S::sub(before, shift));
            let old = S::load(sums.cast_const());
            S::store(sums, S::mul_add(old, factor, sum));
            if S::all_within(S::sub(before, most), 0.0) {
                continue;
            }
            for channel in 0..values {
                let at = panel.weighed.add(channel * width + lane);
                S::store(at, S::mul(S::load(at.cast_const()), factor));
            }
        }
    }
}
