//! Sine and cosine of vectors of angles, from one reduction.
//!
//! An angle is the unevaluated sum of two doubles. `n` quarter turns are taken off in pieces of pi/2 by fused products, which
//! leaves `r` in about `[-pi/4, pi/4]`; polynomials in `r` are then swapped and negated by `n mod 4`.
//!
//! Why this is exact enough, for angles up to [`LARGEST_ANGLE`] = 2^31 (so `n` < 2^31): the first fused product is exact, as
//! `high` and `n` times the first piece are multiples of 2^-53 and their difference is below 1. So is adding `low` where the
//! angle is a product of a position of 31 bits and a float: it is a multiple of the float's last place. Of the next two fused
//! products each rounds relatively to the result, and the pieces go on to 2^-161: `r` keeps its relative accuracy however near
//! the angle is to a multiple of pi/2. In double the rest of each rounding is kept as well.
//!
//! Numbers beyond the limit, infinities and NaN take the platform's own functions, lane by lane.

use super::{Element, MAX_LANES, Memory, Turn};
use crate::contract::ElementType;
use crate::contract::rotary_table::LARGEST_ANGLE;

/// 1.5 * 2^52: the sum of it and a number below 2^51 is rounded to an integer, whose lowest bits are those of the sum.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

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

/// Sine and cosine of `high + low`, good for results in `T` (`f32` or `f64`). `LOW`: `low` is not zero.
///
/// # Safety
/// The processor has the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn sin_cos<S: Turn + Memory<f64>, T: Element, const LOW: bool>(
    high: S::V,
    low: S::V,
) -> (S::V, S::V) {
    // SAFETY: as above.
    unsafe {
        let per_quarter = S::splat(std::f64::consts::FRAC_2_PI);
        let quarters = S::mul_add(high, per_quarter, S::splat(ROUNDER));
        let n = S::sub(S::splat(ROUNDER), quarters);
        let (sin, cos) = if matches!(T::TYPE, ElementType::F64) {
            long::<S, LOW>(high, low, n)
        } else {
            short::<S, LOW>(high, low, n)
        };
        let (sin, cos) = S::turned(quarters, sin, cos);
        if S::all_within(high, LARGEST_ANGLE) {
            (sin, cos)
        } else {
            patched::<S>(high, low, sin, cos)
        }
    }
}

/// To somewhat more than `f32`. `n` is the negated number of quarters.
#[inline(always)]
unsafe fn short<S: Turn, const LOW: bool>(high: S::V, low: S::V, n: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's.
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

/// To `f64`. The reduced angle is `r + t`, and the functions of the sum are Taylor's with `t` to the first power.
#[inline(always)]
unsafe fn long<S: Turn, const LOW: bool>(high: S::V, low: S::V, n: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's.
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

/// Knuth's sum: rounded, and what the rounding lost.
#[inline(always)]
unsafe fn two_sum<S: Turn>(a: S::V, b: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's.
    unsafe {
        let sum = S::add(a, b);
        let back = S::sub(sum, a);
        let error = S::add(S::sub(a, S::sub(sum, back)), S::sub(b, back));
        (sum, error)
    }
}

/// `a * b` without error: rounded, and what the rounding lost.
#[inline(always)]
pub(crate) unsafe fn two_product<S: Turn>(a: S::V, b: S::V) -> (S::V, S::V) {
    // SAFETY: the caller's.
    unsafe {
        let product = S::mul(a, b);
        let negated = S::flip(product, S::flipper(true));
        (product, S::fused(a, b, negated))
    }
}

/// Adds `b` to the unevaluated sum `a`; the sum of high parts is without error, that of low parts rounded.
#[inline(always)]
pub(crate) unsafe fn add_pairs<S: Turn>(a: (S::V, S::V), b: (S::V, S::V)) -> (S::V, S::V) {
    // SAFETY: the caller's.
    unsafe {
        let (high, error) = two_sum::<S>(a.0, b.0);
        (high, S::add(error, S::add(a.1, b.1)))
    }
}

/// By Horner's rule, the constant term first.
#[inline(always)]
unsafe fn polynomial<S: Turn, const N: usize>(z: S::V, terms: &[f64; N]) -> S::V {
    // SAFETY: the caller's.
    unsafe {
        let mut value = S::splat(terms[N - 1]);
        for &term in terms.iter().rev().skip(1) {
            value = S::mul_add(value, z, S::splat(term));
        }
        value
    }
}

/// `sin` and `cos`, with the platform's own where an angle is beyond the limit.
#[inline(always)]
unsafe fn patched<S: Turn + Memory<f64>>(
    high: S::V,
    low: S::V,
    sin: S::V,
    cos: S::V,
) -> (S::V, S::V) {
    let mut buffers = [[0.0; MAX_LANES]; 4];
    // SAFETY: each buffer has a whole vector.
    unsafe {
        for (buffer, v) in buffers.iter_mut().zip([high, low, sin, cos]) {
            S::store(buffer.as_mut_ptr(), v);
        }
        patch(&mut buffers, S::LANES);
        (S::load(buffers[2].as_ptr()), S::load(buffers[3].as_ptr()))
    }
}

#[cold]
#[inline(never)]
fn patch([high, low, sin, cos]: &mut [[f64; MAX_LANES]; 4], lanes: usize) {
    for i in 0..lanes {
        if high[i].abs() <= LARGEST_ANGLE {
            continue;
        }
        // By the addition theorem; the low part of an angle that large may be any.
        let (s, c) = high[i].sin_cos();
        let (ls, lc) = low[i].sin_cos();
        sin[i] = s * lc + c * ls;
        cos[i] = c * lc - s * ls;
    }
}
