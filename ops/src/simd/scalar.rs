//! One number at a time, on any processor.

use super::{Element, Memory, Simd, Turn};
use half::{bf16, f16};
use std::marker::PhantomData;

/// Numbers of type `A`, `f32` or `f64`.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<A>(PhantomData<A>);

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
}

impl Turn for Scalar<f64> {
    #[inline(always)]
    unsafe fn splat(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    unsafe fn add(a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    unsafe fn sub(a: f64, b: f64) -> f64 {
        a - b
    }
    #[inline(always)]
    unsafe fn fused(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    unsafe fn all_within(v: f64, limit: f64) -> bool {
        v.abs() <= limit
    }
    #[inline(always)]
    unsafe fn turned(quarters: f64, sin: f64, cos: f64) -> (f64, f64) {
        let quarters = quarters.to_bits();
        let sign = |bit: u64| bit << 62 & 1 << 63;
        let (first, second) = if quarters & 1 == 0 {
            (sin, cos)
        } else {
            (cos, sin)
        };
        (
            f64::from_bits(first.to_bits() ^ sign(quarters)),
            f64::from_bits(second.to_bits() ^ sign(quarters.wrapping_add(1))),
        )
    }
}
