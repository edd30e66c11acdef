//! One number at a time.

use super::Softmax;
use crate::simd::scalar::Scalar;

macro_rules! softmax {
    ($t:ty, $bits:ty) => {
        impl Softmax for Scalar<$t> {
            type Number = $t;

            #[inline(always)]
            unsafe fn div(a: $t, b: $t) -> $t {
                a / b
            }
            #[inline(always)]
            unsafe fn max(a: $t, b: $t) -> $t {
                if a > b { a } else { b }
            }
            #[inline(always)]
            unsafe fn at_least(v: $t, least: $t) -> $t {
                if v < least { least } else { v }
            }
            #[inline(always)]
            unsafe fn at_most(v: $t, most: $t) -> $t {
                if v > most { most } else { v }
            }
            #[inline(always)]
            unsafe fn zero_below(x: $t, least: $t, v: $t) -> $t {
                if x < least { 0.0 } else { v }
            }
            #[inline(always)]
            unsafe fn power(bits: $t) -> $t {
                <$t>::from_bits(bits.to_bits() << (<$t>::MANTISSA_DIGITS - 1) as $bits)
            }
            #[inline(always)]
            unsafe fn choose(mask: *const u8, v: $t, other: $t) -> $t {
                // SAFETY: the caller vouches for one byte.
                if unsafe { *mask } != 0 { v } else { other }
            }
            #[inline(always)]
            unsafe fn sum(v: $t) -> $t {
                v
            }
            #[inline(always)]
            unsafe fn largest(v: $t) -> $t {
                v
            }
        }
    };
}

softmax!(f32, u32);
softmax!(f64, u64);
