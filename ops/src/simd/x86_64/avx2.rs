//! AVX2, FMA and F16C: 8 numbers in `f32`, 4 in `f64`.
//!
//! Pair order is what the in-lane shuffles give: the middle quarters are swapped, so that splitting and weaving are two
//! instructions each.

use crate::simd::{Blocks, Memory, Simd, Turn};
use half::{bf16, f16};
use std::arch::x86_64::*;

/// Swaps the two middle 64-bit quarters; its own inverse.
const MIDDLE_SWAPPED: i32 = 0b11_01_10_00;

/// Vectors of 8 `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32;

/// Vectors of 4 `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64;

pub(crate) use crate::simd::words::avx2::Avx2 as Whole;

/// Vectors that are multiplied by the same numbers together: with six rows of sums, as many as there are registers for.
pub(crate) const PANEL: usize = 2;

// SAFETY of every block below: the traits' contract is that the processor has the instructions and the pointers are good for a
// vector of elements; the loads and stores used are the unaligned ones.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    impl Simd for F32 {
        type V = __m256;
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn neg_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fnmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn flipper(negate: bool) -> __m256 {
            unsafe { _mm256_set1_ps(if negate { -0.0 } else { 0.0 }) }
        }
        #[inline(always)]
        unsafe fn flip(v: __m256, flipper: __m256) -> __m256 {
            unsafe { _mm256_xor_ps(v, flipper) }
        }
        #[inline(always)]
        unsafe fn split(low: __m256, high: __m256) -> (__m256, __m256) {
            unsafe {
                (
                    _mm256_shuffle_ps::<0b10_00_10_00>(low, high),
                    _mm256_shuffle_ps::<0b11_01_11_01>(low, high),
                )
            }
        }
        #[inline(always)]
        unsafe fn weave(first: __m256, second: __m256) -> (__m256, __m256) {
            unsafe {
                (
                    _mm256_unpacklo_ps(first, second),
                    _mm256_unpackhi_ps(first, second),
                )
            }
        }
        #[inline(always)]
        unsafe fn to_pair_order(v: __m256) -> __m256 {
            unsafe {
                _mm256_castpd_ps(_mm256_permute4x64_pd::<MIDDLE_SWAPPED>(_mm256_castps_pd(v)))
            }
        }
        #[inline(always)]
        unsafe fn from_pair_order(v: __m256) -> __m256 {
            unsafe { Self::to_pair_order(v) }
        }
    }

    impl Turn for F32 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self::V {
            unsafe { _mm256_set1_ps(value as f32) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn all_within(v: __m256, limit: f64) -> bool {
            unsafe {
                let size = _mm256_andnot_ps(_mm256_set1_ps(-0.0), v);
                let within = _mm256_cmp_ps::<_CMP_LE_OQ>(size, _mm256_set1_ps(limit as f32));
                _mm256_movemask_ps(within) == 0xff
            }
        }
        #[inline(always)]
        unsafe fn turned(quarters: __m256, sin: __m256, cos: __m256) -> (__m256, __m256) {
            unsafe {
                let quarters = _mm256_castps_si256(quarters);
                let odd = _mm256_castsi256_ps(_mm256_slli_epi32::<31>(quarters));
                let first = _mm256_blendv_ps(sin, cos, odd);
                let second = _mm256_blendv_ps(cos, sin, odd);
                // The second lowest bit as a sign.
                let sign = |bits| {
                    let shifted = _mm256_castsi256_ps(_mm256_slli_epi32::<30>(bits));
                    _mm256_and_ps(shifted, _mm256_set1_ps(-0.0))
                };
                let next = _mm256_add_epi32(quarters, _mm256_set1_epi32(1));
                (
                    _mm256_xor_ps(first, sign(quarters)),
                    _mm256_xor_ps(second, sign(next)),
                )
            }
        }
    }

    impl Memory<f32> for F32 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            v
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m256) {
            unsafe { _mm256_storeu_ps(to, v) }
        }
    }

    impl Memory<f16> for F32 {
        #[inline(always)]
        unsafe fn load(from: *const f16) -> __m256 {
            unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f16, v: __m256) {
            unsafe { _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v)) }
        }
    }

    impl Memory<bf16> for F32 {
        #[inline(always)]
        unsafe fn load(from: *const bf16) -> __m256 {
            unsafe {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            }
        }
        #[inline(always)]
        unsafe fn store(to: *mut bf16, v: __m256) {
            unsafe {
                _mm_storeu_si128(to.cast(), bf16_of(v));
            }
        }
    }

    /// The nearest `bf16`, ties to even.
    #[inline(always)]
    unsafe fn bf16_of(v: __m256) -> __m128i {
        unsafe {
            let bits = _mm256_castps_si256(v);
            let upper = _mm256_srli_epi32::<16>(bits);
            // Half of the unit kept, less one where the kept part is even: carries on more than half, and on a tie to even.
            let odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
            let bias = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
            let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, bias));
            // A carry would turn a NaN into an infinity or worse: keep its upper half and make it quiet.
            let quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
            let kept = _mm256_blendv_epi8(rounded, quiet, nan);
            let packed = _mm256_packus_epi32(kept, kept);
            let packed = _mm256_permute4x64_epi64::<MIDDLE_SWAPPED>(packed);
            _mm256_castsi256_si128(packed)
        }
    }

    impl Simd for F64 {
        type V = __m256d;
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn mul(a: __m256d, b: __m256d) -> __m256d {
            unsafe { _mm256_mul_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
            unsafe { _mm256_fmadd_pd(a, b, c) }
        }
        #[inline(always)]
        unsafe fn neg_mul_add(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
            unsafe { _mm256_fnmadd_pd(a, b, c) }
        }
        #[inline(always)]
        unsafe fn flipper(negate: bool) -> __m256d {
            unsafe { _mm256_set1_pd(if negate { -0.0 } else { 0.0 }) }
        }
        #[inline(always)]
        unsafe fn flip(v: __m256d, flipper: __m256d) -> __m256d {
            unsafe { _mm256_xor_pd(v, flipper) }
        }
        #[inline(always)]
        unsafe fn split(low: __m256d, high: __m256d) -> (__m256d, __m256d) {
            unsafe { (_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high)) }
        }
        #[inline(always)]
        unsafe fn weave(first: __m256d, second: __m256d) -> (__m256d, __m256d) {
            unsafe {
                (
                    _mm256_unpacklo_pd(first, second),
                    _mm256_unpackhi_pd(first, second),
                )
            }
        }
        #[inline(always)]
        unsafe fn to_pair_order(v: __m256d) -> __m256d {
            unsafe { _mm256_permute4x64_pd::<MIDDLE_SWAPPED>(v) }
        }
        #[inline(always)]
        unsafe fn from_pair_order(v: __m256d) -> __m256d {
            unsafe { Self::to_pair_order(v) }
        }
    }

    impl Turn for F64 {
        #[inline(always)]
        unsafe fn splat(value: f64) -> Self::V {
            unsafe { _mm256_set1_pd(value) }
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_add_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            unsafe { _mm256_sub_pd(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            unsafe { _mm256_fmadd_pd(a, b, c) }
        }
        #[inline(always)]
        unsafe fn all_within(v: __m256d, limit: f64) -> bool {
            unsafe {
                let size = _mm256_andnot_pd(_mm256_set1_pd(-0.0), v);
                let within = _mm256_cmp_pd::<_CMP_LE_OQ>(size, _mm256_set1_pd(limit));
                _mm256_movemask_pd(within) == 0b1111
            }
        }
        #[inline(always)]
        unsafe fn turned(quarters: __m256d, sin: __m256d, cos: __m256d) -> (__m256d, __m256d) {
            unsafe {
                let quarters = _mm256_castpd_si256(quarters);
                let odd = _mm256_castsi256_pd(_mm256_slli_epi64::<63>(quarters));
                let first = _mm256_blendv_pd(sin, cos, odd);
                let second = _mm256_blendv_pd(cos, sin, odd);
                // The second lowest bit as a sign.
                let sign = |bits| {
                    let shifted = _mm256_castsi256_pd(_mm256_slli_epi64::<62>(bits));
                    _mm256_and_pd(shifted, _mm256_set1_pd(-0.0))
                };
                let next = _mm256_add_epi64(quarters, _mm256_set1_epi64x(1));
                (
                    _mm256_xor_pd(first, sign(quarters)),
                    _mm256_xor_pd(second, sign(next)),
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
        unsafe fn load(from: *const f64) -> __m256d {
            unsafe { _mm256_loadu_pd(from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f64, v: __m256d) {
            unsafe { _mm256_storeu_pd(to, v) }
        }
    }

    impl Memory<f32> for F64 {
        #[inline(always)]
        unsafe fn rounded(v: Self::V) -> Self::V {
            unsafe { _mm256_cvtps_pd(_mm256_cvtpd_ps(v)) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256d {
            unsafe { _mm256_cvtps_pd(_mm_loadu_ps(from)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, v: __m256d) {
            unsafe { _mm_storeu_ps(to, _mm256_cvtpd_ps(v)) }
        }
    }

    macro_rules! blocks {
        ($($set:ty),+) => {$(
            impl Blocks for $set {
                const BYTES: usize = 32;

                #[inline(always)]
                unsafe fn copy(from: *const u8, to: *mut u8) {
                    unsafe {
                        let v = _mm256_loadu_si256(from.cast());
                        _mm256_storeu_si256(to.cast(), v);
                    }
                }
                #[inline(always)]
                unsafe fn stream(from: *const u8, to: *mut u8) {
                    unsafe {
                        let v = _mm256_loadu_si256(from.cast());
                        _mm256_stream_si256(to.cast(), v);
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
        unsafe fn load(from: *const f16) -> __m256d {
            unsafe { _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64(from.cast()))) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f16, v: __m256d) {
            unsafe {
                let halves = _mm_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_cvtpd_ps(v));
                _mm_storel_epi64(to.cast(), halves);
            }
        }
    }

    impl Memory<bf16> for F64 {
        #[inline(always)]
        unsafe fn load(from: *const bf16) -> __m256d {
            unsafe {
                let wide = _mm_cvtepu16_epi32(_mm_loadl_epi64(from.cast()));
                _mm256_cvtps_pd(_mm_castsi128_ps(_mm_slli_epi32::<16>(wide)))
            }
        }
        #[inline(always)]
        unsafe fn store(to: *mut bf16, v: __m256d) {
            unsafe {
                let floats = _mm256_zextps128_ps256(_mm256_cvtpd_ps(v));
                _mm_storel_epi64(to.cast(), bf16_of(floats));
            }
        }
    }
}
