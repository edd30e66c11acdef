//! Reduction and polynomials in `f32`, for angles that are themselves `f32`.
//!
//! As `wide`, with the rest of each rounding kept in a second number `t`. For angles up to [`LIMIT`] `n` has 17 bits. The first
//! fused product is exact: the angle and `n` times the first piece are multiples of 2^-24, and their difference is below 1. The
//! sum after it is Dekker's, which loses nothing as its first number is a multiple of the second's last place.

use super::{polynomial, two_product};
use crate::simd::Turn;

/// The size of an angle up to which this is accurate.
pub(super) const LIMIT: f64 = 131_072.0;

/// 1.5 * 2^23: the sum of it and a number below 2^22 is rounded to an integer, whose lowest bits are those of the sum.
pub(super) const ROUNDER: f64 = 12_582_912.0;

/// Half of pi in three floats.
const HALF_PI: [f64; 3] = [
    1.570_796_370_506_286_6,
    -4.371_138_828_673_793e-8,
    -1.715_124_510_005_881_9e-15,
];

/// `(sin r / r - 1) / r^2` in powers of `r^2`, the best polynomial on the interval: relative error 2^-27.8.
const SIN: [f64; 3] = [
    -0.166_666_534_794_184_47,
    0.008_332_083_974_094_098,
    -0.000_195_043_865_178_971_78,
];

/// `(cos r - 1 + r^2 / 2) / r^4` in powers of `r^2`: error 2^-33.
const COS: [f64; 3] = [
    0.041_666_644_391_963_305,
    -0.001_388_724_341_684_171_2,
    2.442_396_623_936_069_8e-5,
];

/// Sine and cosine less the quarter turns. `n` is their negated number.
#[inline(always)]
pub(super) unsafe fn single<S: Turn>(angle: S::V, n: S::V) -> (S::V, S::V) {
    // SAFETY: the processor has the instructions of `S`, which `Turn` requires of every caller; no memory is touched.
    unsafe {
        let first = S::fused(n, S::splat(HALF_PI[0]), angle);
        let (taken, lost) = two_product::<S>(n, S::splat(HALF_PI[1]));
        let r = S::add(first, taken);
        let t = S::sub(taken, S::sub(r, first));
        let t = S::add(t, S::fused(n, S::splat(HALF_PI[2]), lost));

        let z = S::mul(r, r);
        let drop = S::mul(S::splat(0.5), z);
        let top = S::sub(S::splat(1.0), drop);
        // sin(r + t) = r + (r^3 S + t (1 - z/2))
        let bent = S::mul(S::mul(r, z), polynomial::<S, 3>(z, &SIN));
        let sin = S::add(r, S::mul_add(t, top, bent));
        // cos(r + t) = 1 - z/2 + (z^2 C - r t), with what 1 - z/2 loses.
        let lost = S::sub(S::sub(S::splat(1.0), top), drop);
        let bent = S::mul(S::mul(z, z), polynomial::<S, 3>(z, &COS));
        let cos = S::add(top, S::add(lost, S::neg_mul_add(r, t, bent)));
        (sin, cos)
    }
}
