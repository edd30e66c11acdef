//! AVX-512F.

use super::Softmax;
use crate::simd::x86_64::avx512::{F32, F64};
use std::arch::x86_64::*;

// SAFETY of every block below: the trait's contract is that the processor has the instructions and that pointers are good for what
// is said; the loads and stores used are the unaligned ones.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    impl Softmax for F32 {
        type Number = f32;

        #[inline(always)]
        unsafe fn div(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_max_ps(a, b) }
        }
        // Of a NaN and a number, `max` and `min` take what stands second.
        #[inline(always)]
        unsafe fn at_least(v: __m512, least: __m512) -> __m512 {
            unsafe { _mm512_max_ps(least, v) }
        }
        #[inline(always)]
        unsafe fn at_most(v: __m512, most: __m512) -> __m512 {
            unsafe { _mm512_min_ps(most, v) }
        }
        #[inline(always)]
        unsafe fn zero_below(x: __m512, least: __m512, v: __m512) -> __m512 {
            unsafe {
                let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x, least);
                _mm512_maskz_mov_ps(kept, v)
            }
        }
        #[inline(always)]
        unsafe fn power(bits: __m512) -> __m512 {
            unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(bits))) }
        }
        #[inline(always)]
        unsafe fn choose(mask: *const u8, v: __m512, other: __m512) -> __m512 {
            unsafe {
                let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(mask.cast()));
                let chosen = _mm512_test_epi32_mask(wide, wide);
                _mm512_mask_blend_ps(chosen, other, v)
            }
        }
        #[inline(always)]
        unsafe fn sum(v: __m512) -> f32 {
            unsafe { _mm512_reduce_add_ps(v) }
        }
        #[inline(always)]
        unsafe fn largest(v: __m512) -> f32 {
            unsafe { _mm512_reduce_max_ps(v) }
        }
        #[inline(always)]
        unsafe fn sums([a, b, c, d]: [__m512; 4], to: *mut f32) {
            unsafe {
                // In each quarter the sums of two and two of its numbers, of a, b, a, b.
                let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                let quarters = _mm512_add_ps(
                    _mm512_shuffle_ps::<0b01_00_01_00>(ab, cd),
                    _mm512_shuffle_ps::<0b11_10_11_10>(ab, cd),
                );
                let halves = _mm512_add_ps(
                    quarters,
                    _mm512_shuffle_f32x4::<0b01_00_11_10>(quarters, quarters),
                );
                let whole = _mm512_add_ps(
                    halves,
                    _mm512_shuffle_f32x4::<0b10_11_00_01>(halves, halves),
                );
                _mm_storeu_ps(to, _mm512_castps512_ps128(whole));
            }
        }
    }

    impl Softmax for F64 {
        type Number = f64;

        #[inline(always)]
        unsafe fn div(a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_div_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_max_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn at_least(v: __m512d, least: __m512d) -> __m512d {
            unsafe { _mm512_max_pd(least, v) }
        }
        #[inline(always)]
        unsafe fn at_most(v: __m512d, most: __m512d) -> __m512d {
            unsafe { _mm512_min_pd(most, v) }
        }
        #[inline(always)]
        unsafe fn zero_below(x: __m512d, least: __m512d, v: __m512d) -> __m512d {
            unsafe {
                let kept = _mm512_cmp_pd_mask::<_CMP_NLT_UQ>(x, least);
                _mm512_maskz_mov_pd(kept, v)
            }
        }
        #[inline(always)]
        unsafe fn power(bits: __m512d) -> __m512d {
            unsafe { _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castpd_si512(bits))) }
        }
        #[inline(always)]
        unsafe fn choose(mask: *const u8, v: __m512d, other: __m512d) -> __m512d {
            unsafe {
                let wide = _mm512_cvtepu8_epi64(_mm_loadl_epi64(mask.cast()));
                let chosen = _mm512_test_epi64_mask(wide, wide);
                _mm512_mask_blend_pd(chosen, other, v)
            }
        }
        #[inline(always)]
        unsafe fn sum(v: __m512d) -> f64 {
            unsafe { _mm512_reduce_add_pd(v) }
        }
        #[inline(always)]
        unsafe fn largest(v: __m512d) -> f64 {
            unsafe { _mm512_reduce_max_pd(v) }
        }
    }
}
