//! AVX-512F: 16 words of 2 or 4 bytes, 8 of 8 bytes.

use super::avx2::halves;
use super::{MAX_PARTS, Words, first_of};
use std::arch::x86_64::*;

/// Vectors of AVX-512F.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY of every block below: the trait's contract is that the processor has the instructions and the pointers are good for a
// vector of words; the loads and stores used are the unaligned ones.
#[allow(clippy::undocumented_unsafe_blocks)]
mod implementation {
    use super::*;

    /// Sixteen indices less `first`; `None` where one of them is not below 16.
    #[inline(always)]
    unsafe fn near(indices: *const u32, first: u32) -> Option<__m512i> {
        unsafe {
            let indices = _mm512_loadu_si512(indices.cast());
            let from_first = _mm512_sub_epi32(indices, _mm512_set1_epi32(first as i32));
            let beyond = _mm512_test_epi32_mask(from_first, _mm512_set1_epi32(!15));
            (beyond == 0).then_some(from_first)
        }
    }

    /// A square of four quarters transposed.
    #[inline(always)]
    unsafe fn quarters([a, b, c, d]: [__m512i; MAX_PARTS]) -> [__m512i; MAX_PARTS] {
        unsafe {
            let (ab_low, ab_high) = (
                _mm512_shuffle_i32x4::<0b01_00_01_00>(a, b),
                _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b),
            );
            let (cd_low, cd_high) = (
                _mm512_shuffle_i32x4::<0b01_00_01_00>(c, d),
                _mm512_shuffle_i32x4::<0b11_10_11_10>(c, d),
            );
            [
                _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_low, cd_low),
                _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_low, cd_low),
                _mm512_shuffle_i32x4::<0b10_00_10_00>(ab_high, cd_high),
                _mm512_shuffle_i32x4::<0b11_01_11_01>(ab_high, cd_high),
            ]
        }
    }

    impl Words<u16> for Avx512 {
        type V = __m256i;
        const LANES: usize = 16;
        const PARTS: usize = 2;

        #[inline(always)]
        unsafe fn load(from: *const u16) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u16, v: __m256i) {
            unsafe { _mm256_storeu_si256(to.cast(), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u16) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: __m256i) -> __m256i {
            unsafe {
                let order = _mm_set_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
                let halves = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(order));
                _mm256_permute4x64_epi64::<0b01_00_11_10>(halves)
            }
        }
        #[inline(always)]
        unsafe fn interleave(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
            unsafe { (_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)) }
        }
        #[inline(always)]
        unsafe fn transpose_parts(rows: [__m256i; MAX_PARTS]) -> [__m256i; MAX_PARTS] {
            unsafe { halves(rows) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u16, last: u32, indices: *const u32) -> Option<__m256i> {
            unsafe {
                let first = first_of(last, indices, 16);
                let near = near(indices, first)?;
                // Permuting words of 2 bytes takes AVX-512BW.
                let source = _mm256_loadu_si256(row.add(first as usize).cast());
                let picked = _mm512_permutexvar_epi32(near, _mm512_cvtepu16_epi32(source));
                Some(_mm512_cvtepi32_epi16(picked))
            }
        }
    }

    impl Words<u32> for Avx512 {
        type V = __m512i;
        const LANES: usize = 16;
        const PARTS: usize = 4;

        #[inline(always)]
        unsafe fn load(from: *const u32) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u32, v: __m512i) {
            unsafe { _mm512_storeu_si512(to.cast(), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: __m512i) -> __m512i {
            unsafe {
                let order = _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
                _mm512_permutexvar_epi32(order, v)
            }
        }
        #[inline(always)]
        unsafe fn interleave(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
            unsafe { (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)) }
        }
        #[inline(always)]
        unsafe fn transpose_parts(rows: [__m512i; MAX_PARTS]) -> [__m512i; MAX_PARTS] {
            unsafe { quarters(rows) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u32, last: u32, indices: *const u32) -> Option<__m512i> {
            unsafe {
                let first = first_of(last, indices, 16);
                let near = near(indices, first)?;
                let source = _mm512_loadu_si512(row.add(first as usize).cast());
                Some(_mm512_permutexvar_epi32(near, source))
            }
        }
    }

    impl Words<u64> for Avx512 {
        type V = __m512i;
        const LANES: usize = 8;
        const PARTS: usize = 4;

        #[inline(always)]
        unsafe fn load(from: *const u64) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut u64, v: __m512i) {
            unsafe { _mm512_storeu_si512(to.cast(), v) }
        }
        #[inline(always)]
        unsafe fn prefetch(from: *const u64) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }
        #[inline(always)]
        unsafe fn reverse(v: __m512i) -> __m512i {
            unsafe { _mm512_permutexvar_epi64(_mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7), v) }
        }
        #[inline(always)]
        unsafe fn interleave(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
            unsafe { (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)) }
        }
        #[inline(always)]
        unsafe fn transpose_parts(rows: [__m512i; MAX_PARTS]) -> [__m512i; MAX_PARTS] {
            unsafe { quarters(rows) }
        }
        #[inline(always)]
        unsafe fn pick(row: *const u64, last: u32, indices: *const u32) -> Option<__m512i> {
            unsafe {
                let first = first_of(last, indices, 8);
                let indices = _mm512_cvtepu32_epi64(_mm256_loadu_si256(indices.cast()));
                let near = _mm512_sub_epi64(indices, _mm512_set1_epi64(first.into()));
                if _mm512_test_epi64_mask(near, _mm512_set1_epi64(!7)) != 0 {
                    return None;
                }
                let source = _mm512_loadu_si512(row.add(first as usize).cast());
                Some(_mm512_permutexvar_epi64(near, source))
            }
        }
    }
}
