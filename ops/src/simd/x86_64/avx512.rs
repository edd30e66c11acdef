//! AVX-512F: 16 numbers in `f32`, 8 in `f64`. Pair order is memory order.

use super::avx2;
use crate::simd::{Blocks, Memory, Simd, Turn};
use half::{bf16, f16};
use std::arch::x86_64::*;

/// Vectors of 16 `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32;

/// Vectors of 8 `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64;

pub(crate) use crate::simd::words::avx512::Avx512 as Whole;

/// Vectors that are multiplied by the same numbers together.
pub(crate) const PANEL: usize = 4;

// SAFETY of every block below: the traits' contract is that the processor has the instructions and the pointers are good for a
// vector of elements; the loads and stores used are the unaligned ones.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    impl Simd for F32 {
        type V = __m512;
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn neg_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fnmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn flipper(negate: bool) -> __m512 {
            unsafe { _mm512_set1_ps(if negate { -0.0 } else { 0.0 }) }
        }
        #[inline(always)]
        unsafe fn flip(v: __m512, flipper: __m512) -> __m512 {
            unsafe {
                _mm512_castsi512_ps(_mm512_xor_si512(
                    _mm512_castps_si512(v),
                    _mm512_castps_si512(flipper),
                ))
            }
        }
        #[inline(always)]
        unsafe fn split(low: __m512, high: __m512) -> (__m512, __m512) {
            unsafe {
                let even =
                    _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
                (
                    _mm512_permutex2var_ps(low, even, high),
                    _mm512_permutex2var_ps(low, odd, high),
                )
            }
        }
        #[inline(always)]
        unsafe fn weave(first: __m512, second: __m512) -> (__m512, __m512) {
            unsafe {
                let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
                (
                    _mm512_permutex2var_ps(first, low, second),
                    _mm512_permutex2var_ps(first, high, second),
                )
            }
        }
        #[inline(always)]
        unsafe fn to_pair_order(v: __m512) -> __m512 {
            v
        }
        #[inline(always)]
        unsafe fn from_pair_order(v: __m512) -> __m512 {
            v
        }
    }

    impl Turn for F32 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self::V {
            unsafe { _mm512_set1_ps(value as f32) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn all_within(v: __m512, limit: f64) -> bool {
            unsafe {
                let size = _mm512_abs_ps(v);
                _mm512_cmp_ps_mask::<_CMP_LE_OQ>(size, _mm512_set1_ps(limit as f32)) == 0xffff
            }
        }
        #[inline(always)]
        unsafe fn turned(quarters: __m512, sin: __m512, cos: __m512) -> (__m512, __m512) {
            unsafe {
                let quarters = _mm512_castps_si512(quarters);
                let odd = _mm512_test_epi32_mask(quarters, _mm512_set1_epi32(1));
                let first = _mm512_mask_blend_ps(odd, sin, cos);
                let second = _mm512_mask_blend_ps(odd, cos, sin);
                // The second lowest bit as a sign.
                let signed = |v, bits| {
                    let sign = _mm512_and_si512(
                        _mm512_slli_epi32::<30>(bits),
                        _mm512_set1_epi32(i32::MIN),
                    );
                    _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(v), sign))
                };
                let next = _mm512_add_epi32(quarters, _mm512_set1_epi32(1));
                (signed(first, quarters), signed(second, next))
            }
        }
    }

    impl Memory<f32> for F32 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            v
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m512) {
            unsafe { _mm512_storeu_ps(to, v) }
        }
    }

    impl Memory<f16> for F32 {
        #[inline(always)]
        unsafe fn load(from: *const f16) -> __m512 {
            unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f16, v: __m512) {
            unsafe {
                _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v))
            }
        }
    }

    impl Memory<bf16> for F32 {
        #[inline(always)]
        unsafe fn load(from: *const bf16) -> __m512 {
            unsafe {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
            }
        }
        #[inline(always)]
        unsafe fn store(to: *mut bf16, v: __m512) {
            unsafe {
                let bits = _mm512_castps_si512(v);
                let upper = _mm512_srli_epi32::<16>(bits);
                // Half of the unit kept, less one where the kept part is even: carries on more than half, and on a tie to even.
                let odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
                let bias = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
                let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, bias));
                // A carry would turn a NaN into an infinity or worse: keep its upper half and make it quiet.
                let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
                let kept = _mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40));
                _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(kept));
            }
        }
    }

    impl Simd for F64 {
        type V = __m512d;
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn mul(a: __m512d, b: __m512d) -> __m512d {
            unsafe { _mm512_mul_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
            unsafe { _mm512_fmadd_pd(a, b, c) }
        }
        #[inline(always)]
        unsafe fn neg_mul_add(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
            unsafe { _mm512_fnmadd_pd(a, b, c) }
        }
        #[inline(always)]
        unsafe fn flipper(negate: bool) -> __m512d {
            unsafe { _mm512_set1_pd(if negate { -0.0 } else { 0.0 }) }
        }
        #[inline(always)]
        unsafe fn flip(v: __m512d, flipper: __m512d) -> __m512d {
            unsafe {
                _mm512_castsi512_pd(_mm512_xor_si512(
                    _mm512_castpd_si512(v),
                    _mm512_castpd_si512(flipper),
                ))
            }
        }
        #[inline(always)]
        unsafe fn split(low: __m512d, high: __m512d) -> (__m512d, __m512d) {
            unsafe {
                let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
                let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
                (
                    _mm512_permutex2var_pd(low, even, high),
                    _mm512_permutex2var_pd(low, odd, high),
                )
            }
        }
        #[inline(always)]
        unsafe fn weave(first: __m512d, second: __m512d) -> (__m512d, __m512d) {
            unsafe {
                let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
                let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
                (
                    _mm512_permutex2var_pd(first, low, second),
                    _mm512_permutex2var_pd(first, high, second),
                )
            }
        }
        #[inline(always)]
        unsafe fn to_pair_order(v: __m512d) -> __m512d {
            v
        }
        #[inline(always)]
        unsafe fn from_pair_order(v: __m512d) -> __m512d {
            v
        }
    }

    impl Turn for F64 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self::V {
            unsafe { _mm512_set1_pd(value) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_add_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm512_sub_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm512_fmadd_pd(a, b, c) }
        }
        #[inline(always)]
        unsafe fn all_within(v: __m512d, limit: f64) -> bool {
            unsafe {
                let size = _mm512_abs_pd(v);
                _mm512_cmp_pd_mask::<_CMP_LE_OQ>(size, _mm512_set1_pd(limit)) == 0xff
            }
        }
        #[inline(always)]
        unsafe fn turned(quarters: __m512d, sin: __m512d, cos: __m512d) -> (__m512d, __m512d) {
            unsafe {
                let quarters = _mm512_castpd_si512(quarters);
                let odd = _mm512_test_epi64_mask(quarters, _mm512_set1_epi64(1));
                let first = _mm512_mask_blend_pd(odd, sin, cos);
                let second = _mm512_mask_blend_pd(odd, cos, sin);
                // The second lowest bit as a sign.
                let signed = |v, bits| {
                    let sign = _mm512_and_si512(
                        _mm512_slli_epi64::<62>(bits),
                        _mm512_set1_epi64(i64::MIN),
                    );
                    _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(v), sign))
                };
                let next = _mm512_add_epi64(quarters, _mm512_set1_epi64(1));
                (signed(first, quarters), signed(second, next))
            }
        }
    }

    impl Memory<f64> for F64 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            v
        }
        #[inline(always)]
        unsafe fn load(from: *const f64) -> __m512d {
            unsafe { _mm512_loadu_pd(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f64, v: __m512d) {
            unsafe { _mm512_storeu_pd(to, v) }
        }
    }

    impl Memory<f32> for F64 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            unsafe { _mm512_cvtps_pd(_mm512_cvtpd_ps(v)) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512d {
            unsafe { _mm512_cvtps_pd(_mm256_loadu_ps(from)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m512d) {
            unsafe { _mm256_storeu_ps(to, _mm512_cvtpd_ps(v)) }
        }
    }

    macro_rules! blocks {
        ($($set:ty),+) => {$(
            impl Blocks for $set {
                const BYTES: usize = 64;

                #[inline(always)]
                unsafe fn copy(from: *const u8, to: *mut u8) {
                    unsafe {
                        let v = _mm512_loadu_si512(from.cast());
                        _mm512_storeu_si512(to.cast(), v);
                    }
                }
                #[inline(always)]
                unsafe fn stream(from: *const u8, to: *mut u8) {
                    unsafe {
                        let v = _mm512_loadu_si512(from.cast());
                        _mm512_stream_si512(to.cast(), v);
                    }
                }
                #[inline(always)]
                unsafe fn fence() {
                    unsafe { _mm_sfence() }
                }
            }
        )+};
    }

    blocks!(F32, F64);

    impl Memory<f16> for F64 {
        #[inline(always)]
        unsafe fn load(from: *const f16) -> __m512d {
            unsafe { _mm512_cvtps_pd(avx2::F32::load(from)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f16, v: __m512d) {
            unsafe { avx2::F32::store(to, _mm512_cvtpd_ps(v)) }
        }
    }

    impl Memory<bf16> for F64 {
        #[inline(always)]
        unsafe fn load(from: *const bf16) -> __m512d {
            unsafe { _mm512_cvtps_pd(avx2::F32::load(from)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut bf16, v: __m512d) {
            unsafe { avx2::F32::store(to, _mm512_cvtpd_ps(v)) }
        }
    }
}
