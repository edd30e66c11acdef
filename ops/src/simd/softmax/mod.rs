//! What a softmax needs beside sums and products: exponentials, the largest of scores, and masks of bytes.
//!
//! `e^x` is `2^n * e^r`, where `n` is the whole number nearest to `x / ln 2`. What `e^r` has above 1 is the Taylor polynomial, so far
//! that its remainder is below a tenth of the unit in the last place; from it `tanh` is exact to some units near 0 too.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use super::{Element, Turn};

/// A set with the operations of a softmax.
///
/// # Safety
/// As [`Simd`](super::Simd).
pub(crate) trait Softmax: Turn + super::Memory<Self::Number> {
    /// A number of the arithmetic.
    type Number: Exponential;

    /// `a / b`
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// The larger of two numbers; any of both where one is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// Each number, but at least `least`; NaN stays.
    unsafe fn at_least(v: Self::V, least: Self::V) -> Self::V;
    /// Each number, but at most `most`; NaN stays.
    unsafe fn at_most(v: Self::V, most: Self::V) -> Self::V;
    /// `v`, or zero where `x` is below `least`.
    unsafe fn zero_below(x: Self::V, least: Self::V, v: Self::V) -> Self::V;
    /// The power of 2 whose biased exponent is in the lowest bits of each number's significand.
    unsafe fn power(bits: Self::V) -> Self::V;
    /// `v` where a byte is not zero, else `other`; there are `LANES` bytes at `mask`.
    unsafe fn choose(mask: *const u8, v: Self::V, other: Self::V) -> Self::V;
    /// The sum of the numbers.
    unsafe fn sum(v: Self::V) -> Self::Number;
    /// The largest of the numbers; any of them, or NaN, where one is NaN.
    unsafe fn largest(v: Self::V) -> Self::Number;
    /// The sum of the numbers of each of four vectors, to four neighbouring places.
    #[inline(always)]
    unsafe fn sums(v: [Self::V; 4], to: *mut Self::Number) {
        for (i, v) in v.into_iter().enumerate() {
            // SAFETY: the caller vouches for four places, and `Softmax`'s `# Safety` section for the instructions.
            unsafe { *to.add(i) = Self::sum(v) };
        }
    }
}

/// `f32` or `f64`, with what exponentials of its vectors need.
pub(crate) trait Exponential: Element + Into<f64> {
    /// What added to a number below 2^21 leaves the nearest whole number, plus the bias of exponents, in the lowest bits.
    const ROUNDER: f64;
    /// `ln 2`, to few enough bits for products with whole numbers to be exact, and the rest.
    const LN_2: (f64, f64);
    /// The smallest `x` whose exponential, and its factor `2^n`, are normal numbers; `e^x` is 0 below.
    const LEAST: f64;
    /// Where `tanh` is 1 to within rounding.
    const TANH_MOST: f64;
    /// The lowest finite number.
    const LOWEST: f64;
    /// Minus infinity.
    const NEGATIVE_INFINITY: Self;
    /// Reciprocals of factorials, from that of 2: the terms of the polynomial.
    const TERMS: &'static [f64];
}

/// 1/2!, 1/3!, ...
const FACTORIALS: [f64; 12] = {
    let mut terms = [0.0; 12];
    let (mut factorial, mut n) = (1.0, 2);
    while n < 14 {
        factorial *= n as f64;
        terms[n - 2] = 1.0 / factorial;
        n += 1;
    }
    terms
};

impl Exponential for f32 {
    const ROUNDER: f64 = 1.5 * (1u64 << 23) as f64 + 127.0;
    const LN_2: (f64, f64) = (0.693_359_375, -2.121_944_400_546_905_8e-4);
    const LEAST: f64 = -87.0;
    const TANH_MOST: f64 = 10.0;
    const LOWEST: f64 = f32::MIN as f64;
    const NEGATIVE_INFINITY: f32 = f32::NEG_INFINITY;
    /// Up to r^7 / 7!: |r| is at most ln 2 / 2, and (ln 2 / 2)^8 / 8! below 2^-27.
    const TERMS: &'static [f64] = FACTORIALS.split_at(6).0;
}

impl Exponential for f64 {
    const ROUNDER: f64 = 1.5 * (1u64 << 52) as f64 + 1023.0;
    const LN_2: (f64, f64) = (
        f64::from_bits(0x3fe6_2e42_fee0_0000),
        1.908_214_929_270_587_7e-10,
    );
    const LEAST: f64 = -708.0;
    const TANH_MOST: f64 = 20.0;
    const LOWEST: f64 = f64::MIN;
    const NEGATIVE_INFINITY: f64 = f64::NEG_INFINITY;
    /// Up to r^13 / 13!: (ln 2 / 2)^14 / 14! is below 2^-57.
    const TERMS: &'static [f64] = &FACTORIALS;
}

/// `2^n` and `e^r - 1` for `x = n ln 2 + r`.
///
/// # Safety
/// As [`Softmax`].
#[inline(always)]
unsafe fn parts<S: Softmax>(x: S::V) -> (S::V, S::V) {
    // SAFETY: this is arithmetic of `S`, whose instructions the processor has by this function's `# Safety` section.
    unsafe {
        let rounder = S::splat(<S::Number>::ROUNDER);
        let whole = S::mul_add(x, S::splat(std::f64::consts::LOG2_E), rounder);
        let n = S::sub(whole, rounder);
        let (high, low) = <S::Number>::LN_2;
        let r = S::neg_mul_add(n, S::splat(high), x);
        let r = S::neg_mul_add(n, S::splat(low), r);
        let terms = <S::Number>::TERMS;
        let mut value = S::splat(terms[terms.len() - 1]);
        for &term in terms.iter().rev().skip(1) {
            value = S::mul_add(value, r, S::splat(term));
        }
        let above = S::mul_add(S::mul(value, r), r, r);
        (S::power(whole), above)
    }
}

/// `e^x` of numbers that are not above 0, or NaN: exact to 2 units in the last place, and 0 below [`Exponential::LEAST`].
///
/// # Safety
/// As [`Softmax`].
#[inline(always)]
pub(crate) unsafe fn exp<S: Softmax>(x: S::V) -> S::V {
    // SAFETY: as for `parts`.
    unsafe {
        let least = S::splat(<S::Number>::LEAST);
        let (power, above) = parts::<S>(S::at_least(x, least));
        S::zero_below(x, least, S::mul_add(power, above, power))
    }
}

/// `tanh x`, exact to some units in the last place; NaN stays.
///
/// # Safety
/// As [`Softmax`].
#[inline(always)]
pub(crate) unsafe fn tanh<S: Softmax>(x: S::V) -> S::V {
    // SAFETY: as for `parts`.
    unsafe {
        let most = <S::Number>::TANH_MOST;
        let x = S::at_most(S::at_least(x, S::splat(-most)), S::splat(most));
        // (e^2x - 1) / (e^2x + 1), where e^2x - 1 has lost nothing to the 1.
        let (power, above) = parts::<S>(S::add(x, x));
        let less_one = S::mul_add(power, above, S::sub(power, S::splat(1.0)));
        S::div(less_one, S::add(less_one, S::splat(2.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Level, MAX_LANES, by_level};

    /// Exponential and hyperbolic tangent of numbers, in one set.
    type Both<N> = unsafe fn(&mut [N]);

    macro_rules! compiled {
        ($set:ty, $n:ty, $f:ident $(, $feature:literal)?) => {{
            $(#[target_feature(enable = $feature)])?
            unsafe fn compiled(numbers: &mut [$n]) {
                // SAFETY: the features enable the instructions; chunks are padded to whole vectors.
                unsafe {
                    for chunk in numbers.chunks_mut(<$set as crate::simd::Simd>::LANES) {
                        let mut padded = [0.0; MAX_LANES];
                        padded[..chunk.len()].copy_from_slice(chunk);
                        let v = <$set as crate::simd::Memory<$n>>::load(padded.as_ptr());
                        <$set as crate::simd::Memory<$n>>::store(padded.as_mut_ptr(), $f::<$set>(v));
                        chunk.copy_from_slice(&padded[..chunk.len()]);
                    }
                }
            }
            compiled as Both<$n>
        }};
    }

    /// The largest error in units of epsilon times the result.
    fn worst<N: Exponential>(
        function: Both<N>,
        exact: fn(f64) -> f64,
        numbers: impl Iterator<Item = f64>,
        epsilon: f64,
    ) -> f64 {
        let given: Vec<N> = numbers.map(N::from_f64).collect();
        let mut got = given.clone();
        // SAFETY: the level is available.
        unsafe { function(&mut got) };
        let error = |(x, y): (&N, &N)| {
            let (expected, y): (f64, f64) = (exact((*x).into()), (*y).into());
            if y == expected {
                return 0.0;
            }
            ((y - expected) / expected).abs() / epsilon
        };
        given.iter().zip(&got).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn exponentials_are_close() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let single = by_level!(level, compiled!(set::F32, f32, exp));
            let double = by_level!(level, compiled!(set::F64, f64, exp));
            let to = |least: f64| (0..=200_000).map(move |i| least * f64::from(i) / 200_000.0);
            let errors = [
                worst(single, f64::exp, to(-87.0), f32::EPSILON.into()),
                worst(double, f64::exp, to(-708.0), f64::EPSILON),
            ];
            assert!(errors.iter().all(|&e| e < 1.5), "{level:?} {errors:?}");

            let single_tanh = by_level!(level, compiled!(set::F32, f32, tanh));
            let double_tanh = by_level!(level, compiled!(set::F64, f64, tanh));
            let around = || {
                let even = (-120_000..=120_000).map(|i| f64::from(i) / 5000.0);
                even.chain((0..140).map(|i| -(2f64.powi(-i))))
            };
            let normal = |x: &f64| x.abs() > 1e-37;
            let errors = [
                worst(
                    single_tanh,
                    f64::tanh,
                    around().filter(normal),
                    f32::EPSILON.into(),
                ),
                worst(double_tanh, f64::tanh, around(), f64::EPSILON),
            ];
            assert!(errors.iter().all(|&e| e < 4.0), "{level:?} {errors:?}");
        }
    }

    #[test]
    fn what_is_not_ordinary() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let function = by_level!(level, compiled!(set::F32, f32, exp));
            let mut numbers = [0.0, -0.0, f32::NEG_INFINITY, f32::NAN, -88.0, f32::MIN];
            // SAFETY: the level is available.
            unsafe { function(&mut numbers) };
            assert!(numbers[3].is_nan(), "{level:?}");
            numbers[3] = 0.0;
            assert_eq!(numbers, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0], "{level:?}");

            let function = by_level!(level, compiled!(set::F64, f64, exp));
            let mut numbers = [0.0, f64::NEG_INFINITY, f64::NAN, -709.0, f64::MIN];
            // SAFETY: as above.
            unsafe { function(&mut numbers) };
            assert!(numbers[2].is_nan(), "{level:?}");
            numbers[2] = 0.0;
            assert_eq!(numbers, [1.0, 0.0, 0.0, 0.0, 0.0], "{level:?}");

            let function = by_level!(level, compiled!(set::F32, f32, tanh));
            let mut numbers = [0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX];
            // SAFETY: as above.
            unsafe { function(&mut numbers) };
            assert!(numbers[3].is_nan(), "{level:?}");
            numbers[3] = 0.0;
            assert_eq!(numbers, [0.0, 1.0, -1.0, 0.0, 1.0], "{level:?}");
        }
    }
}
