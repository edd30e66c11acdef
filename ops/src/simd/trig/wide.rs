//! Reduction and polynomials in `f64`.
//!
//! An angle is the unevaluated sum of two doubles. `n` quarter turns are taken off in pieces of pi/2 by fused products, which
//! leaves `r` in about `[-pi/4, pi/4]`.
//!
//! Why this is exact enough, for angles up to 2^31 (so `n` < 2^31): the first fused product is exact, as `high` and `n` times the
//! first piece are multiples of 2^-53 and their difference is below 1. So is adding `low` where the angle is a product of a
//! position of 31 bits and a float: it is a multiple of the float's last place. Of the next two fused products each rounds
//! relatively to the result, and the pieces go on to 2^-161: `r` keeps its relative accuracy however near the angle is to a
//! multiple of pi/2. In `long` the rest of each rounding is kept as well.

use super::{polynomial, two_product, two_sum};
use crate::simd::Turn;

/// 1.5 * 2^52: the sum of it and a number below 2^51 is rounded to an integer, whose lowest bits are those of the sum.
pub(super) const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Half of pi in three doubles.
const HALF_PI: [f64; 3] = [
    std::f64::consts::FRAC_PI_2,
    6.123_233_995_736_766e-17,
    -1.497_384_904_859_169_8e-33,
];

/// `(sin r / r - 1) / r^2` in powers of `r^2`, the best polynomial on the interval: relative error 2^-37.6.
const SHORT_SIN: [f64; 4] = [
    -0.166_666_666_416_267_07,
    0.008_333_329_385_914_488,
    -0.000_198_393_348_448_479_6,
    2.718_311_581_868_188_7e-6,
];

/// `(cos r - 1) / r^2` in powers of `r^2`: error 2^-34.1.
const SHORT_COS: [f64; 4] = [
    -0.499_999_997_251_051_8,
    0.041_666_623_324_019_08,
    -0.001_388_676_378_433_556_3,
    2.439_044_976_978_591e-5,
];

/// As [`SHORT_SIN`], relative error 2^-58.
const LONG_SIN: [f64; 6] = [
    -0.166_666_666_666_666_32,
    0.008_333_333_333_322_425,
    -0.000_198_412_698_298_168_8,
    2.755_731_369_520_026_5e-6,
    -2.505_075_864_892_597e-8,
    1.589_682_766_414_152_4e-10,
];

/// `(cos r - 1 + r^2 / 2) / r^4` in powers of `r^2`: error 2^-64.
const LONG_COS: [f64; 6] = [
    0.041_666_666_666_666_6,
    -0.001_388_888_888_887_413_8,
    2.480_158_728_949_175_2e-5,
    -2.755_731_435_522_018_4e-7,
    2.087_572_368_142_767e-9,
    -1.135_966_970_807_851e-11,
];

/// Accurate to somewhat more than `f32`. `n` is the negated number of quarters.
#[inline(always)]
pub(super) unsafe fn short<S: Turn, const LOW: bool>(
    high: S::V,
    low: S::V,
    n: S::V,
) -> (S::V, S::V) {
    // SAFETY: this is arithmetic of `S`, whose instructions the processor has by `Turn`'s `# Safety` section.
    unsafe {
        let mut r = S::fused(n, S::splat(HALF_PI[0]), high);
        if LOW {
            r = S::add(r, low);
        }
        r = S::fused(n, S::splat(HALF_PI[1]), r);
        if LOW {
            r = S::fused(n, S::splat(HALF_PI[2]), r);
        }
        let z = S::mul(r, r);
        let sin = S::mul_add(S::mul(z, polynomial::<S, 4>(z, &SHORT_SIN)), r, r);
        let cos = S::mul_add(z, polynomial::<S, 4>(z, &SHORT_COS), S::splat(1.0));
        (sin, cos)
    }
}

/// Accurate to `f64`. The reduced angle is `r + t`, and the functions of the sum are Taylor's with `t` to the first power.
#[inline(always)]
pub(super) unsafe fn long<S: Turn, const LOW: bool>(
    high: S::V,
    low: S::V,
    n: S::V,
) -> (S::V, S::V) {
    // SAFETY: as for `short`: arithmetic of `S`, without memory.
    unsafe {
        let first = S::fused(n, S::splat(HALF_PI[0]), high);
        let (taken, lost) = two_product::<S>(n, S::splat(HALF_PI[1]));
        let (mut r, mut t) = two_sum::<S>(first, taken);
        if LOW {
            let (sum, error) = two_sum::<S>(r, low);
            (r, t) = (sum, S::add(t, error));
        }
        t = S::add(t, S::fused(n, S::splat(HALF_PI[2]), lost));
        let whole = S::add(r, t);
        t = S::add(S::sub(r, whole), t);
        r = whole;

        let z = S::mul(r, r);
        let half = S::splat(0.5);
        // sin(r + t) = r + (r^3 S + t (1 - z/2))
        let bent = S::mul(S::mul(r, z), polynomial::<S, 6>(z, &LONG_SIN));
        let curve = S::neg_mul_add(half, z, S::splat(1.0));
        let sin = S::add(r, S::mul_add(t, curve, bent));
        // cos(r + t) = 1 - z/2 + (z^2 C - r t), with what 1 - z/2 loses.
        let drop = S::mul(half, z);
        let top = S::sub(S::splat(1.0), drop);
        let lost = S::sub(S::sub(S::splat(1.0), top), drop);
        let bent = S::mul(S::mul(z, z), polynomial::<S, 6>(z, &LONG_COS));
        let cos = S::add(top, S::add(lost, S::neg_mul_add(r, t, bent)));
        (sin, cos)
    }
}
