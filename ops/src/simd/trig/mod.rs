//! Sine and cosine of vectors of angles, from one reduction.
//!
//! Whole quarter turns are subtracted from an angle. Polynomials give sine and cosine of the rest, which are swapped and negated
//! according to the number of quarter turns. `single` does so in `f32` for angles that are `f32`, `wide` in `f64` for the others;
//! the results in `f32` of both are within [`ULP_ERROR`](crate::contract::angle::ULP_ERROR), and those of `wide` almost always the
//! nearest. Angles too large for `single` take `wide`, and those too large for `wide` the platform's own functions, number by
//! number: a result does not depend on which others are in its vector.

mod single;
mod wide;

use super::scalar::{self, Scalar};
use super::{Element, MAX_LANES, Memory, Simd, Turn};
use crate::contract::angle::LARGEST_ANGLE;

#[cfg(target_arch = "aarch64")]
use super::aarch64::neon;
#[cfg(target_arch = "x86_64")]
use super::x86_64::{avx2, avx512};

/// A set with a sine and a cosine that are accurate enough for results in `T`.
///
/// # Safety
/// As [`Simd`].
pub(crate) trait Trig<T: Element>: Memory<T> + Turn {
    /// The size of an angle up to which `FAR` makes no difference.
    const LIMIT: f64;

    /// Sine and cosine of `high + low`. `LOW`: `low` may be other than zero, which it may not in sets of `f32`. `FAR`: angles may
    /// be finite and beyond the limit.
    unsafe fn sin_cos<const LOW: bool, const FAR: bool>(
        high: Self::V,
        low: Self::V,
    ) -> (Self::V, Self::V);
}

macro_rules! trig {
    ($set:ty, $t:ty, $limit:expr, $rounder:expr, |$high:ident, $low:ident, $n:ident| $rest:expr, $patch:expr) => {
        impl Trig<$t> for $set {
            const LIMIT: f64 = $limit;

            #[inline(always)]
            unsafe fn sin_cos<const LOW: bool, const FAR: bool>(
                $high: Self::V,
                $low: Self::V,
            ) -> (Self::V, Self::V) {
                // SAFETY: whoever calls a function of `Trig` has checked for the instructions of the set; the buffers have room for
                // whole vectors.
                unsafe {
                    let rounder = <$set>::splat($rounder);
                    let per_quarter = <$set>::splat(std::f64::consts::FRAC_2_PI);
                    let quarters = <$set>::mul_add($high, per_quarter, rounder);
                    let $n = <$set>::sub(rounder, quarters);
                    let (sin, cos) = $rest;
                    let (sin, cos) = <$set>::turned(quarters, sin, cos);
                    if !FAR || <$set>::all_within($high, $limit) {
                        return (sin, cos);
                    }
                    let mut buffers = [[0.0; MAX_LANES]; 4];
                    for (buffer, v) in buffers.iter_mut().zip([$high, $low, sin, cos]) {
                        <$set>::store(buffer.as_mut_ptr(), v);
                    }
                    $patch(&mut buffers, <$set>::LANES);
                    (
                        <$set>::load(buffers[2].as_ptr()),
                        <$set>::load(buffers[3].as_ptr()),
                    )
                }
            }
        }
    };
}

/// The three functions of one instruction set.
macro_rules! set {
    ($single:ty, $wide:ty) => {
        trig!(
            $single,
            f32,
            single::LIMIT,
            single::ROUNDER,
            |high, low, n| single::single::<$single>(high, n),
            patch_single
        );
        trig!(
            $wide,
            f32,
            LARGEST_ANGLE,
            wide::ROUNDER,
            |high, low, n| wide::short::<$wide, LOW>(high, low, n),
            patch_wide
        );
        trig!(
            $wide,
            f64,
            LARGEST_ANGLE,
            wide::ROUNDER,
            |high, low, n| wide::long::<$wide, LOW>(high, low, n),
            patch_wide
        );
    };
}

set!(scalar::F32, scalar::F64);
#[cfg(target_arch = "x86_64")]
set!(avx2::F32, avx2::F64);
#[cfg(target_arch = "x86_64")]
set!(avx512::F32, avx512::F64);
#[cfg(target_arch = "aarch64")]
set!(neon::F32, neon::F64);

/// Replaces what is beyond the limit of `single`, in rows of angles, nothing, sines and cosines.
#[cold]
#[inline(never)]
fn patch_single([angle, _, sin, cos]: &mut [[f32; MAX_LANES]; 4], lanes: usize) {
    for i in 0..lanes {
        let angle = f64::from(angle[i]);
        if angle.abs() <= single::LIMIT {
            continue;
        }
        // SAFETY: every processor has the scalar set.
        let (s, c) = unsafe { <Scalar<f64> as Trig<f32>>::sin_cos::<false, true>(angle, 0.0) };
        (sin[i], cos[i]) = (s as f32, c as f32);
    }
}

/// Replaces what is beyond the limit of `wide`, in rows of high and low parts, sines and cosines.
#[cold]
#[inline(never)]
fn patch_wide([high, low, sin, cos]: &mut [[f64; MAX_LANES]; 4], lanes: usize) {
    for i in 0..lanes {
        if high[i].abs() <= LARGEST_ANGLE {
            continue;
        }
        // By the addition theorem: the low part of an angle that large may have any size.
        let (s, c) = high[i].sin_cos();
        let (ls, lc) = low[i].sin_cos();
        sin[i] = s * lc + c * ls;
        cos[i] = c * lc - s * ls;
    }
}

/// Knuth's sum: rounded, and what the rounding lost.
#[inline(always)]
unsafe fn two_sum<S: Turn>(a: S::V, b: S::V) -> (S::V, S::V) {
    // SAFETY: this is arithmetic of `S`, whose instructions the processor has by `Turn`'s `# Safety` section.
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
    // SAFETY: as for `two_sum`: arithmetic of `S`, without memory.
    unsafe {
        let product = S::mul(a, b);
        let negated = S::flip(product, S::flipper(true));
        (product, S::fused(a, b, negated))
    }
}

/// Adds `b` to the unevaluated sum `a`; the sum of high parts is without error, that of low parts rounded.
#[inline(always)]
pub(crate) unsafe fn add_pairs<S: Turn>(a: (S::V, S::V), b: (S::V, S::V)) -> (S::V, S::V) {
    // SAFETY: as for `two_sum`: arithmetic of `S`, without memory.
    unsafe {
        let (high, error) = two_sum::<S>(a.0, b.0);
        (high, S::add(error, S::add(a.1, b.1)))
    }
}

/// By Horner's rule, the constant term first.
#[inline(always)]
unsafe fn polynomial<S: Turn, const N: usize>(z: S::V, terms: &[f64; N]) -> S::V {
    // SAFETY: as for `two_sum`: arithmetic of `S`; the terms are read in safe code.
    unsafe {
        let mut value = S::splat(terms[N - 1]);
        for &term in terms.iter().rev().skip(1) {
            value = S::mul_add(value, z, S::splat(term));
        }
        value
    }
}
