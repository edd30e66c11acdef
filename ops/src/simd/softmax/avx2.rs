//! AVX2.

use super::Softmax;
use crate::simd::x86_64::avx2::{F32, F64};
use std::arch::x86_64::*;

// SAFETY of every block below: the trait's contract is that the processor has the instructions and that pointers are good for what
// is said; the loads and stores used are the unaligned ones.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    impl Softmax for F32 {
        type Number = f32;

        #[inline(always)]
        unsafe fn div(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_max_ps(a, b) }
        }
        // Of a NaN and a number, `max` and `min` take what stands second.
        #[inline(always)]
        unsafe fn at_least(v: __m256, least: __m256) -> __m256 {
            unsafe { _mm256_max_ps(least, v) }
        }
        #[inline(always)]
        unsafe fn at_most(v: __m256, most: __m256) -> __m256 {
            unsafe { _mm256_min_ps(most, v) }
        }
        #[inline(always)]
        unsafe fn zero_below(x: __m256, least: __m256, v: __m256) -> __m256 {
            unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(x, least), v) }
        }
        #[inline(always)]
        unsafe fn power(bits: __m256) -> __m256 {
            unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(bits))) }
        }
        #[inline(always)]
        unsafe fn choose(mask: *const u8, v: __m256, other: __m256) -> __m256 {
            unsafe {
                let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(mask.cast()));
                let zero = _mm256_cmpeq_epi32(wide, _mm256_setzero_si256());
                _mm256_blendv_ps(v, other, _mm256_castsi256_ps(zero))
            }
        }
        #[inline(always)]
        unsafe fn sum(v: __m256) -> f32 {
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
        #[inline(always)]
        unsafe fn largest(v: __m256) -> f32 {
            unsafe {
                let four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
                let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
            }
        }
        #[inline(always)]
        unsafe fn sums([a, b, c, d]: [__m256; 4], to: *mut f32) {
            unsafe {
                let both = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
                let (low, high) = (
                    _mm256_castps256_ps128(both),
                    _mm256_extractf128_ps::<1>(both),
                );
                _mm_storeu_ps(to, _mm_add_ps(low, high));
            }
        }
    }

    impl Softmax for F64 {
        type Number = f64;

        #[inline(always)]
        unsafe fn div(a: __m256d, b: __m256d) -> __m256d {
            unsafe { _mm256_div_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn max(a: __m256d, b: __m256d) -> __m256d {
            unsafe { _mm256_max_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn at_least(v: __m256d, least: __m256d) -> __m256d {
            unsafe { _mm256_max_pd(least, v) }
        }
        #[inline(always)]
        unsafe fn at_most(v: __m256d, most: __m256d) -> __m256d {
            unsafe { _mm256_min_pd(most, v) }
        }
        #[inline(always)]
        unsafe fn zero_below(x: __m256d, least: __m256d, v: __m256d) -> __m256d {
            unsafe { _mm256_and_pd(_mm256_cmp_pd::<_CMP_NLT_UQ>(x, least), v) }
        }
        #[inline(always)]
        unsafe fn power(bits: __m256d) -> __m256d {
            unsafe { _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(bits))) }
        }
        #[inline(always)]
        unsafe fn choose(mask: *const u8, v: __m256d, other: __m256d) -> __m256d {
            unsafe {
                let bytes = _mm_cvtsi32_si128(mask.cast::<i32>().read_unaligned());
                let wide = _mm256_cvtepu8_epi64(bytes);
                let zero = _mm256_cmpeq_epi64(wide, _mm256_setzero_si256());
                _mm256_blendv_pd(v, other, _mm256_castsi256_pd(zero))
            }
        }
        #[inline(always)]
        unsafe fn sum(v: __m256d) -> f64 {
            unsafe {
                let two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
                _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
            }
        }
        #[inline(always)]
        unsafe fn largest(v: __m256d) -> f64 {
            unsafe {
                let two = _mm_max_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
                _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)))
            }
        }
    }
}
