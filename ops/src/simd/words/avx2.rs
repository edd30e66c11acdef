//! AVX2: 8 words of 2 or 4 bytes, 4 of 8 bytes.

use super::{MAX_PARTS, Words, first_of};
pub(super) use implementation::halves;
use std::arch::x86_64::*;

/// Vectors of AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// SAFETY of every block below: the trait's contract is that the processor has the instructions and the pointers are good for a
// vector of words; the loads and stores used are the unaligned ones.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    /// Eight indices less `first`; `None` where one of them is not below 8.
    #[inline(always)]
    unsafe fn near(indices: *const u32, first: u32) -> Option<__m256i> {
        unsafe {
            let indices = _mm256_loadu_si256(indices.cast());
            let from_first = _mm256_sub_epi32(indices, _mm256_set1_epi32(first as i32));
            let beyond = _mm256_set1_epi32(!7);
            (_mm256_testz_si256(from_first, beyond) != 0).then_some(from_first)
        }
    }

    impl Words<u16> for Avx2 {
        type V = __m128i;
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn load(from: *const u16) -> __m128i {
            unsafe { _mm_loadu_si128(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u16, v: __m128i) {
            unsafe { _mm_storeu_si128(to.cast(), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u16) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: __m128i) -> __m128i {
            unsafe {
                let order = _mm_set_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
                _mm_shuffle_epi8(v, order)
            }
        }
        #[inline(always)]
        unsafe fn interleave(a: __m128i, b: __m128i) -> (__m128i, __m128i) {
            unsafe { (_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b)) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u16, last: u32, indices: *const u32) -> Option<__m128i> {
            unsafe {
                let first = first_of(last, indices, 8);
                let near = near(indices, first)?;
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(row.add(first as usize).cast()));
                let picked = _mm256_permutevar8x32_epi32(wide, near);
                let packed = _mm256_packus_epi32(picked, picked);
                let joined = _mm256_permute4x64_epi64::<0b00_00_10_00>(packed);
                Some(_mm256_castsi256_si128(joined))
            }
        }
    }

    impl Words<u32> for Avx2 {
        type V = __m256i;
        const LANES: usize = 8;
        const PARTS: usize = 2;

        #[inline(always)]
        unsafe fn load(from: *const u32) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u32, v: __m256i) {
            unsafe { _mm256_storeu_si256(to.cast(), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: __m256i) -> __m256i {
            unsafe { _mm256_permutevar8x32_epi32(v, _mm256_set_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
        }
        #[inline(always)]
        unsafe fn interleave(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
            unsafe { (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)) }
        }
        #[inline(always)]
        unsafe fn transpose_parts(rows: [__m256i; MAX_PARTS]) -> [__m256i; MAX_PARTS] {
            unsafe { halves(rows) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u32, last: u32, indices: *const u32) -> Option<__m256i> {
            unsafe {
                let first = first_of(last, indices, 8);
                let near = near(indices, first)?;
                let source = _mm256_loadu_si256(row.add(first as usize).cast());
                Some(_mm256_permutevar8x32_epi32(source, near))
            }
        }
    }

    impl Words<u64> for Avx2 {
        type V = __m256i;
        const LANES: usize = 4;
        const PARTS: usize = 2;

        #[inline(always)]
        unsafe fn load(from: *const u64) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u64, v: __m256i) {
            unsafe { _mm256_storeu_si256(to.cast(), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u64) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: __m256i) -> __m256i {
            unsafe { _mm256_permute4x64_epi64::<0b00_01_10_11>(v) }
        }
        #[inline(always)]
        unsafe fn interleave(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
            unsafe { (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)) }
        }
        #[inline(always)]
        unsafe fn transpose_parts(rows: [__m256i; MAX_PARTS]) -> [__m256i; MAX_PARTS] {
            unsafe { halves(rows) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u64, last: u32, indices: *const u32) -> Option<__m256i> {
            unsafe {
                let first = first_of(last, indices, 4);
                let indices = _mm_loadu_si128(indices.cast());
                let near = _mm_sub_epi32(indices, _mm_set1_epi32(first as i32));
                if _mm_testz_si128(near, _mm_set1_epi32(!3)) == 0 {
                    return None;
                }
                // A word is two halves: 2 n and 2 n + 1.
                let low = _mm256_slli_epi64::<1>(_mm256_cvtepu32_epi64(near));
                let high = _mm256_slli_epi64::<32>(_mm256_add_epi64(low, _mm256_set1_epi64x(1)));
                let halves = _mm256_or_si256(low, high);
                let source = _mm256_loadu_si256(row.add(first as usize).cast());
                Some(_mm256_permutevar8x32_epi32(source, halves))
            }
        }
    }

    /// A square of two halves transposed.
    #[inline(always)]
    pub(in crate::simd::words) unsafe fn halves(
        [a, b, c, d]: [__m256i; MAX_PARTS],
    ) -> [__m256i; MAX_PARTS] {
        unsafe {
            [
                _mm256_permute2x128_si256::<0x20>(a, b),
                _mm256_permute2x128_si256::<0x31>(a, b),
                c,
                d,
            ]
        }
    }
}
