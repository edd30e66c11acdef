//! NEON: 4 numbers in `f32`, 2 in `f64`. Pair order is memory order.
//!
//! Floats become `f16` and back by instructions that every AArch64 processor has. Rust's functions for them are younger than the
//! oldest compiler we support, so they are written out.

use crate::simd::{Blocks, Memory, Simd, Turn};
use half::{bf16, f16};
use std::arch::aarch64::*;
use std::arch::asm;

/// Vectors of 4 `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32;

/// Vectors of 2 `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64;

pub(crate) use crate::simd::words::neon::Neon as Whole;

/// Vectors that are multiplied by the same numbers together.
pub(crate) const PANEL: usize = 4;

// SAFETY of every block below: the traits' contract is that the processor has the instructions and the pointers are good for a
// vector of elements; the loads and stores used need no alignment beyond that of an element.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    impl Simd for F32 {
        type V = float32x4_t;
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vmulq_f32(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { vfmaq_f32(c, a, b) }
        }
        #[inline(always)]
        unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { vfmsq_f32(c, a, b) }
        }
        #[inline(always)]
        unsafe fn flipper(negate: bool) -> Self::V {
            unsafe { vdupq_n_f32(if negate { -0.0 } else { 0.0 }) }
        }
        #[inline(always)]
        unsafe fn flip(v: Self::V, flipper: Self::V) -> Self::V {
            unsafe { xor(v, vreinterpretq_u32_f32(flipper)) }
        }
        #[inline(always)]
        unsafe fn split(low: Self::V, high: Self::V) -> (Self::V, Self::V) {
            unsafe { (vuzp1q_f32(low, high), vuzp2q_f32(low, high)) }
        }
        #[inline(always)]
        unsafe fn weave(first: Self::V, second: Self::V) -> (Self::V, Self::V) {
            unsafe { (vzip1q_f32(first, second), vzip2q_f32(first, second)) }
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

    #[inline(always)]
    unsafe fn xor(v: float32x4_t, bits: uint32x4_t) -> float32x4_t {
        unsafe { vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), bits)) }
    }

    impl Turn for F32 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self::V {
            unsafe { vdupq_n_f32(value as f32) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vaddq_f32(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vsubq_f32(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { vfmaq_f32(c, a, b) }
        }
        #[inline(always)]
        unsafe fn all_within(v: Self::V, limit: f64) -> bool {
            unsafe {
                let within = vcleq_f32(vabsq_f32(v), vdupq_n_f32(limit as f32));
                vminvq_u32(within) == u32::MAX
            }
        }
        #[inline(always)]
        unsafe fn turned(quarters: Self::V, sin: Self::V, cos: Self::V) -> (Self::V, Self::V) {
            unsafe {
                let quarters = vreinterpretq_u32_f32(quarters);
                let one = vdupq_n_u32(1);
                let odd = vtstq_u32(quarters, one);
                let first = vbslq_f32(odd, cos, sin);
                let second = vbslq_f32(odd, sin, cos);
                // The second lowest bit as a sign.
                let sign = |bits| vandq_u32(vshlq_n_u32::<30>(bits), vdupq_n_u32(1 << 31));
                let next = vaddq_u32(quarters, one);
                (xor(first, sign(quarters)), xor(second, sign(next)))
            }
        }
    }

    impl Memory<f32> for F32 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            v
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { vld1q_f32(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: Self::V) {
            unsafe { vst1q_f32(to, v) }
        }
    }

    #[inline(always)]
    unsafe fn of_f16(halves: uint16x4_t) -> float32x4_t {
        let v: float32x4_t;
        unsafe {
            asm!("fcvtl {v:v}.4s, {halves:v}.4h", v = lateout(vreg) v, halves = in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags));
        }
        v
    }

    #[inline(always)]
    unsafe fn to_f16(v: float32x4_t) -> uint16x4_t {
        let halves: uint16x4_t;
        unsafe {
            asm!("fcvtn {halves:v}.4h, {v:v}.4s", halves = lateout(vreg) halves, v = in(vreg) v,
                options(pure, nomem, nostack, preserves_flags));
        }
        halves
    }

    #[inline(always)]
    unsafe fn of_bf16(upper: uint16x4_t) -> float32x4_t {
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(upper)) }
    }

    #[inline(always)]
    unsafe fn to_bf16(v: float32x4_t) -> uint16x4_t {
        unsafe {
            let bits = vreinterpretq_u32_f32(v);
            let upper = vshrq_n_u32::<16>(bits);
            // Half of the unit kept, less one where the kept part is even: carries on more than half, and on a tie to even.
            let bias = vaddq_u32(vandq_u32(upper, vdupq_n_u32(1)), vdupq_n_u32(0x7fff));
            let rounded = vshrq_n_u32::<16>(vaddq_u32(bits, bias));
            // A carry would turn a NaN into an infinity or worse: keep its upper half and make it quiet.
            let quiet = vorrq_u32(upper, vdupq_n_u32(0x40));
            vmovn_u32(vbslq_u32(vceqq_f32(v, v), rounded, quiet))
        }
    }

    impl Memory<f16> for F32 {
        #[inline(always)]
        unsafe fn load(from: *const f16) -> Self::V {
            unsafe { of_f16(vld1_u16(from.cast())) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f16, v: Self::V) {
            unsafe { vst1_u16(to.cast(), to_f16(v)) }
        }
    }

    impl Memory<bf16> for F32 {
        #[inline(always)]
        unsafe fn load(from: *const bf16) -> Self::V {
            unsafe { of_bf16(vld1_u16(from.cast())) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut bf16, v: Self::V) {
            unsafe { vst1_u16(to.cast(), to_bf16(v)) }
        }
    }

    impl Simd for F64 {
        type V = float64x2_t;
        const LANES: usize = 2;

        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vmulq_f64(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { vfmaq_f64(c, a, b) }
        }
        #[inline(always)]
        unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { vfmsq_f64(c, a, b) }
        }
        #[inline(always)]
        unsafe fn flipper(negate: bool) -> Self::V {
            unsafe { vdupq_n_f64(if negate { -0.0 } else { 0.0 }) }
        }
        #[inline(always)]
        unsafe fn flip(v: Self::V, flipper: Self::V) -> Self::V {
            unsafe { xor_wide(v, vreinterpretq_u64_f64(flipper)) }
        }
        #[inline(always)]
        unsafe fn split(low: Self::V, high: Self::V) -> (Self::V, Self::V) {
            unsafe { (vuzp1q_f64(low, high), vuzp2q_f64(low, high)) }
        }
        #[inline(always)]
        unsafe fn weave(first: Self::V, second: Self::V) -> (Self::V, Self::V) {
            unsafe { (vzip1q_f64(first, second), vzip2q_f64(first, second)) }
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

    #[inline(always)]
    unsafe fn xor_wide(v: float64x2_t, bits: uint64x2_t) -> float64x2_t {
        unsafe { vreinterpretq_f64_u64(veorq_u64(vreinterpretq_u64_f64(v), bits)) }
    }

    impl Turn for F64 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self::V {
            unsafe { vdupq_n_f64(value) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vaddq_f64(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { vsubq_f64(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { vfmaq_f64(c, a, b) }
        }
        #[inline(always)]
        unsafe fn all_within(v: Self::V, limit: f64) -> bool {
            unsafe {
                let within = vcleq_f64(vabsq_f64(v), vdupq_n_f64(limit));
                vminvq_u32(vreinterpretq_u32_u64(within)) == u32::MAX
            }
        }
        #[inline(always)]
        unsafe fn turned(quarters: Self::V, sin: Self::V, cos: Self::V) -> (Self::V, Self::V) {
            unsafe {
                let quarters = vreinterpretq_u64_f64(quarters);
                let one = vdupq_n_u64(1);
                let odd = vtstq_u64(quarters, one);
                let first = vbslq_f64(odd, cos, sin);
                let second = vbslq_f64(odd, sin, cos);
                // The second lowest bit as a sign.
                let sign = |bits| vandq_u64(vshlq_n_u64::<62>(bits), vdupq_n_u64(1 << 63));
                let next = vaddq_u64(quarters, one);
                (
                    xor_wide(first, sign(quarters)),
                    xor_wide(second, sign(next)),
                )
            }
        }
    }

    impl Memory<f64> for F64 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            v
        }
        #[inline(always)]
        unsafe fn load(from: *const f64) -> Self::V {
            unsafe { vld1q_f64(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f64, v: Self::V) {
            unsafe { vst1q_f64(to, v) }
        }
    }

    impl Memory<f32> for F64 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            unsafe { vcvt_f64_f32(vcvt_f32_f64(v)) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            unsafe { vcvt_f64_f32(vld1_f32(from)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: Self::V) {
            unsafe { vst1_f32(to, vcvt_f32_f64(v)) }
        }
    }

    /// Two elements of 16 bits, and two more that are zero.
    #[inline(always)]
    unsafe fn two(from: *const u16) -> uint16x4_t {
        unsafe { vcreate_u16(from.cast::<u32>().read_unaligned().into()) }
    }

    /// The first two of four elements.
    #[inline(always)]
    unsafe fn put_two(to: *mut u16, v: uint16x4_t) {
        unsafe {
            let word = vget_lane_u32::<0>(vreinterpret_u32_u16(v));
            to.cast::<u32>().write_unaligned(word);
        }
    }

    impl Memory<f16> for F64 {
        #[inline(always)]
        unsafe fn load(from: *const f16) -> Self::V {
            unsafe { vcvt_f64_f32(vget_low_f32(of_f16(two(from.cast())))) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f16, v: Self::V) {
            unsafe {
                let floats = vcvt_f32_f64(v);
                put_two(to.cast(), to_f16(vcombine_f32(floats, floats)));
            }
        }
    }

    impl Memory<bf16> for F64 {
        #[inline(always)]
        unsafe fn load(from: *const bf16) -> Self::V {
            unsafe { vcvt_f64_f32(vget_low_f32(of_bf16(two(from.cast())))) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut bf16, v: Self::V) {
            unsafe {
                let floats = vcvt_f32_f64(v);
                put_two(to.cast(), to_bf16(vcombine_f32(floats, floats)));
            }
        }
    }

    macro_rules! blocks {
        ($($set:ty),+) => {$(
            impl Blocks for $set {
                const BYTES: usize = 16;

                #[inline(always)]
                unsafe fn copy(from: *const u8, to: *mut u8) {
                    unsafe { vst1q_u8(to, vld1q_u8(from)) }
                }
                // An ordinary store: nobody has measured whether one past the caches is worth it.
                #[inline(always)]
                unsafe fn stream(from: *const u8, to: *mut u8) {
                    unsafe { Self::copy(from, to) }
                }
                #[inline(always)]
                unsafe fn fence() {}
            }
        )+};
    }

    blocks!(F32, F64);
}
