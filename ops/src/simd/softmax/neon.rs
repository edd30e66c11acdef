//! NEON.

use super::Softmax;
use crate::simd::aarch64::neon::{F32, F64};
use std::arch::aarch64::*;

// SAFETY of every block below: the trait's contract is that the processor has the instructions and that pointers are good for what
// is said; the loads and stores used need no alignment beyond that of an element.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    // NEON's `max` and `min` give NaN for a NaN.
    impl Softmax for F32 {
        type Number = f32;

        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vdivq_f32(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vmaxq_f32(a, b) }
        }
        #[inline(always)]
        unsafe fn at_least(v: Self::V, least: Self::V) -> Self::V {
            unsafe { vmaxq_f32(v, least) }
        }
        #[inline(always)]
        unsafe fn at_most(v: Self::V, most: Self::V) -> Self::V {
            unsafe { vminq_f32(v, most) }
        }
        #[inline(always)]
        unsafe fn zero_below(x: Self::V, least: Self::V, v: Self::V) -> Self::V {
            unsafe {
                let bits = vreinterpretq_u32_f32(v);
                vreinterpretq_f32_u32(vbicq_u32(bits, vcltq_f32(x, least)))
            }
        }
        #[inline(always)]
        unsafe fn power(bits: Self::V) -> Self::V {
            unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<23>(vreinterpretq_u32_f32(bits))) }
        }
        #[inline(always)]
        unsafe fn choose(mask: *const u8, v: Self::V, other: Self::V) -> Self::V {
            unsafe {
                let four = mask.cast::<u32>().read_unaligned();
                let wide = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four.into()))));
                vbslq_f32(vtstq_u32(wide, wide), v, other)
            }
        }
        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            unsafe { vaddvq_f32(v) }
        }
        #[inline(always)]
        unsafe fn largest(v: Self::V) -> f32 {
            unsafe { vmaxvq_f32(v) }
        }
        #[inline(always)]
        unsafe fn sums([a, b, c, d]: [Self::V; 4], to: *mut f32) {
            unsafe { vst1q_f32(to, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d))) }
        }
    }

    impl Softmax for F64 {
        type Number = f64;

        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vdivq_f64(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vmaxq_f64(a, b) }
        }
        #[inline(always)]
        unsafe fn at_least(v: Self::V, least: Self::V) -> Self::V {
            unsafe { vmaxq_f64(v, least) }
        }
        #[inline(always)]
        unsafe fn at_most(v: Self::V, most: Self::V) -> Self::V {
            unsafe { vminq_f64(v, most) }
        }
        #[inline(always)]
        unsafe fn zero_below(x: Self::V, least: Self::V, v: Self::V) -> Self::V {
            unsafe {
                let bits = vreinterpretq_u64_f64(v);
                let below = vcltq_f64(x, least);
                vreinterpretq_f64_u64(vbicq_u64(bits, below))
            }
        }
        #[inline(always)]
        unsafe fn power(bits: Self::V) -> Self::V {
            unsafe { vreinterpretq_f64_u64(vshlq_n_u64::<52>(vreinterpretq_u64_f64(bits))) }
        }
        #[inline(always)]
        unsafe fn choose(mask: *const u8, v: Self::V, other: Self::V) -> Self::V {
            unsafe {
                let bit = |at: usize| if *mask.add(at) == 0 { 0 } else { u64::MAX };
                let chosen = vcombine_u64(vcreate_u64(bit(0)), vcreate_u64(bit(1)));
                vbslq_f64(chosen, v, other)
            }
        }
        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f64 {
            unsafe { vaddvq_f64(v) }
        }
        #[inline(always)]
        unsafe fn largest(v: Self::V) -> f64 {
            unsafe { vmaxvq_f64(v) }
        }
    }
}
