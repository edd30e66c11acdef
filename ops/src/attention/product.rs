//! Products of a matrix with a panel: rows of numbers as wide as some vectors.

#![allow(unsafe_code)]

use crate::simd::softmax::Softmax;

/// Rows of a product that are computed together. With the widest panel there are enough sums for none to wait for another.
const TOGETHER: usize = 4;

/// A matrix read number by number: where it begins, and how far apart rows and columns are.
#[derive(Clone, Copy)]
pub(super) struct Matrix<N> {
    pub(super) start: *const N,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Sets `output`, or adds to it if `add`, the product of `rows` rows and `depth` columns of `matrix` with `panel`. Panel and output
/// have rows of `VECTORS` vectors, which follow each other.
///
/// # Safety
/// The processor has the instructions of `S`, and the pointers are good for what is said; `output` overlaps nothing.
#[inline(always)]
pub(super) unsafe fn product<S: Softmax, const VECTORS: usize>(
    matrix: Matrix<S::Number>,
    panel: *const S::Number,
    output: *mut S::Number,
    (rows, depth): (usize, usize),
    add: bool,
) {
    let whole = rows - rows % TOGETHER;
    // SAFETY: the groups of rows lie within the `rows` that this function's `# Safety` section says are there.
    unsafe {
        for row in (0..whole).step_by(TOGETHER) {
            group::<S, VECTORS, TOGETHER>(matrix, panel, output, (row, depth), add);
        }
        for row in whole..rows {
            group::<S, VECTORS, 1>(matrix, panel, output, (row, depth), add);
        }
    }
}

/// `ROWS` rows of a [`product`], from `first` on.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn group<S: Softmax, const VECTORS: usize, const ROWS: usize>(
    matrix: Matrix<S::Number>,
    panel: *const S::Number,
    output: *mut S::Number,
    (first, depth): (usize, usize),
    add: bool,
) {
    let width = VECTORS * S::LANES;
    // SAFETY: rows of the panel and of the output, and numbers of the matrix, that `product` vouches for.
    unsafe {
        let output = output.add(first * width);
        let start = matrix.start.add(first * matrix.row);
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        if add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::load(output.add(r * width + v * S::LANES).cast_const());
                }
            }
        }
        for d in 0..depth {
            let panel = panel.add(d * width);
            let mut vectors = [S::splat(0.0); VECTORS];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = S::load(panel.add(v * S::LANES));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let number = *start.add(r * matrix.row + d * matrix.column);
                let number = S::splat(number.into());
                for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                    *sum = S::mul_add(number, vector, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                S::store(output.add(r * width + v * S::LANES), sum);
            }
        }
    }
}
