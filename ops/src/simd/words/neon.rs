//! NEON: 8 words of 2 bytes, 4 of 4 bytes, 2 of 8 bytes.

use super::{Words, first_of};
use std::arch::aarch64::*;
use std::arch::asm;

/// Vectors of NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY of every block below: the trait's contract is that the processor has the instructions and the pointers are good for a
// vector of words; the loads and stores used need no alignment beyond that of a word.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    /// The bytes of `v` at `places`.
    #[inline(always)]
    unsafe fn bytes_at(v: uint8x16_t, places: uint8x16_t) -> uint8x16_t {
        unsafe { vqtbl1q_u8(v, places) }
    }

    /// Asks for the cache line at `from`: an instruction that has no intrinsic yet, and never faults.
    #[inline(always)]
    unsafe fn ask_for(from: *const u8) {
        unsafe {
            asm!("prfm pldl1keep, [{0}]", in(reg) from, options(nostack, readonly, preserves_flags));
        }
    }

    impl Words<u16> for Neon {
        type V = uint16x8_t;
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn load(from: *const u16) -> Self::V {
            unsafe { vld1q_u16(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u16, v: Self::V) {
            unsafe { vst1q_u16(to, v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u16) {
            unsafe { ask_for(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: Self::V) -> Self::V {
            unsafe {
                let pairs = vrev64q_u16(v);
                vextq_u16::<4>(pairs, pairs)
            }
        }
        #[inline(always)]
        unsafe fn interleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
            unsafe { (vzip1q_u16(a, b), vzip2q_u16(a, b)) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u16, last: u32, indices: *const u32) -> Option<Self::V> {
            unsafe {
                let first = first_of(last, indices, 8);
                let start = vdupq_n_u32(first);
                let low = vsubq_u32(vld1q_u32(indices), start);
                let high = vsubq_u32(vld1q_u32(indices.add(4)), start);
                if vmaxvq_u32(vmaxq_u32(low, high)) >= 8 {
                    return None;
                }
                let near = vcombine_u16(vmovn_u32(low), vmovn_u32(high));
                // Word n has the bytes 2 n and 2 n + 1.
                let places = vmlaq_u16(vdupq_n_u16(0x0100), near, vdupq_n_u16(0x0202));
                let source = vreinterpretq_u8_u16(vld1q_u16(row.add(first as usize)));
                let picked = bytes_at(source, vreinterpretq_u8_u16(places));
                Some(vreinterpretq_u16_u8(picked))
            }
        }
    }

    impl Words<u32> for Neon {
        type V = uint32x4_t;
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn load(from: *const u32) -> Self::V {
            unsafe { vld1q_u32(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u32, v: Self::V) {
            unsafe { vst1q_u32(to, v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u32) {
            unsafe { ask_for(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: Self::V) -> Self::V {
            unsafe {
                let pairs = vrev64q_u32(v);
                vextq_u32::<2>(pairs, pairs)
            }
        }
        #[inline(always)]
        unsafe fn interleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
            unsafe { (vzip1q_u32(a, b), vzip2q_u32(a, b)) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u32, last: u32, indices: *const u32) -> Option<Self::V> {
            unsafe {
                let first = first_of(last, indices, 4);
                let near = vsubq_u32(vld1q_u32(indices), vdupq_n_u32(first));
                if vmaxvq_u32(near) >= 4 {
                    return None;
                }
                // Word n has the bytes from 4 n to 4 n + 3.
                let places = vmlaq_u32(vdupq_n_u32(0x0302_0100), near, vdupq_n_u32(0x0404_0404));
                let source = vreinterpretq_u8_u32(vld1q_u32(row.add(first as usize)));
                let picked = bytes_at(source, vreinterpretq_u8_u32(places));
                Some(vreinterpretq_u32_u8(picked))
            }
        }
    }

    impl Words<u64> for Neon {
        type V = uint64x2_t;
        const LANES: usize = 2;

        #[inline(always)]
        unsafe fn load(from: *const u64) -> Self::V {
            unsafe { vld1q_u64(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u64, v: Self::V) {
            unsafe { vst1q_u64(to, v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u64) {
            unsafe { ask_for(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: Self::V) -> Self::V {
            unsafe { vextq_u64::<1>(v, v) }
        }
        #[inline(always)]
        unsafe fn interleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
            unsafe { (vzip1q_u64(a, b), vzip2q_u64(a, b)) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u64, _: u32, indices: *const u32) -> Option<Self::V> {
            // Loading two words is as fast as finding them in a vector.
            unsafe {
                let word = |lane| vld1_u64(row.add(*indices.add(lane) as usize));
                Some(vcombine_u64(word(0), word(1)))
            }
        }
    }
}
