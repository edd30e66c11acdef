//! One number at a time, on any processor.

use super::{Blocks, Element, Memory, Simd, Turn};
use half::{bf16, f16};
use std::marker::PhantomData;

/// Numbers of type `A`, `f32` or `f64`.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<A>(PhantomData<A>);

/// One `f32`.
pub(crate) type F32 = Scalar<f32>;

/// One `f64`.
pub(crate) type F64 = Scalar<f64>;

pub(crate) use crate::simd::words::scalar::Plain as Whole;

/// Vectors that are multiplied by the same numbers together.
pub(crate) const PANEL: usize = 4;

macro_rules! scalar {
    ($arithmetic:ty, $($element:ty: $read:expr, $write:expr;)+) => {
        impl Simd for Scalar<$arithmetic> {
            type V = $arithmetic;
            const LANES: usize = 1;

            #[inline(always)]
            unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
                a * b
            }
            #[inline(always)]
            unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                a * b + c
            }
            #[inline(always)]
            unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                c - a * b
            }
            #[inline(always)]
            unsafe fn flipper(negate: bool) -> Self::V {
                if negate { -1.0 } else { 1.0 }
            }
            #[inline(always)]
            unsafe fn flip(v: Self::V, flipper: Self::V) -> Self::V {
                v * flipper
            }
            #[inline(always)]
            unsafe fn split(low: Self::V, high: Self::V) -> (Self::V, Self::V) {
                (low, high)
            }
            #[inline(always)]
            unsafe fn weave(first: Self::V, second: Self::V) -> (Self::V, Self::V) {
                (first, second)
            }
            #[inline(always)]
            unsafe fn to_pair_order(v: Self::V) -> Self::V {
                v
            }
            #[inline(always)]
            unsafe fn from_pair_order(v: Self::V) -> Self::V {
                v
            }
        }

        $(impl Memory<$element> for Scalar<$arithmetic> {
            #[inline(always)]
            unsafe fn load(from: *const $element) -> Self::V {
                // SAFETY: the caller vouches for one element.
                $read(unsafe { from.read() })
            }
            #[inline(always)]
            unsafe fn store(to: *mut $element, v: Self::V) {
                // SAFETY: the caller vouches for one element.
                unsafe { to.write($write(v)) }
            }
        })+
    };
}

scalar! { f32,
    f32: std::convert::identity, std::convert::identity;
    f16: f16::to_f32, f16::from_f32;
    bf16: bf16::to_f32, bf16::from_f32;
}
scalar! { f64,
    f64: std::convert::identity, std::convert::identity;
    f32: f64::from, <f32 as Element>::from_f64;
    f16: f16::to_f64, |v| f16::from_f32(v as f32);
    bf16: bf16::to_f64, |v| bf16::from_f32(v as f32);
}

impl<A: Copy> Blocks for Scalar<A> {
    const BYTES: usize = 16;

    #[inline(always)]
    unsafe fn copy(from: *const u8, to: *mut u8) {
        // SAFETY: the caller vouches for both places, which do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(from, to, Self::BYTES) }
    }
    #[inline(always)]
    unsafe fn stream(from: *const u8, to: *mut u8) {
        // SAFETY: both places are good for a vector, as for `copy`; the scalar set asks for no alignment.
        unsafe { Self::copy(from, to) }
    }
    #[inline(always)]
    unsafe fn fence() {}
}

macro_rules! turn {
    ($arithmetic:ty, $bits:ty, |$a:ident, $b:ident, $c:ident| $fused:expr) => {
        impl Turn for Scalar<$arithmetic> {
            #[inline(always)]
            unsafe fn splat(value: f64) -> Self::V {
                value as $arithmetic
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                a + b
            }
            #[inline(always)]
            unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
                a - b
            }
            #[inline(always)]
            unsafe fn fused($a: Self::V, $b: Self::V, $c: Self::V) -> Self::V {
                $fused
            }
            #[inline(always)]
            unsafe fn all_within(v: Self::V, limit: f64) -> bool {
                f64::from(v).abs() <= limit
            }
            #[inline(always)]
            unsafe fn turned(quarters: Self::V, sin: Self::V, cos: Self::V) -> (Self::V, Self::V) {
                const TOP: $bits = 1 << (<$bits>::BITS - 1);
                let quarters = quarters.to_bits();
                let sign = |bits: $bits| bits << (<$bits>::BITS - 2) & TOP;
                let (first, second) = if quarters & 1 == 0 {
                    (sin, cos)
                } else {
                    (cos, sin)
                };
                (
                    <$arithmetic>::from_bits(first.to_bits() ^ sign(quarters)),
                    <$arithmetic>::from_bits(second.to_bits() ^ sign(quarters.wrapping_add(1))),
                )
            }
        }
    };
}

// The product of two floats is exact in double. Rounding the sum twice is no loss where this is used: the results are exact, or
// far smaller than what they correct.
turn!(
    f32,
    u32,
    |a, b, c| (f64::from(a) * f64::from(b) + f64::from(c)) as f32
);
turn!(f64, u64, |a, b, c| a.mul_add(b, c));
