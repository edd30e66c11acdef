//! Vectors, with one file per instruction set.
//!
//! Kernels are written once over `Simd` and `Memory`, and compiled once for each [`Level`]. Which level runs is decided when a
//! kernel is created, by what the processor reports.
//!
//! The functions of the traits are unsafe for two reasons: pointers, and instructions. They are marked `inline(always)` and carry
//! no target feature of their own: they take on the features of the function they end up in, which the back-ends of each kernel
//! mark with `target_feature`.

#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64;
mod blocks;
mod element;
pub(crate) mod pairs;
pub(crate) mod scalar;
pub(crate) mod softmax;
pub(crate) mod trig;
pub mod words;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

pub use crate::level::Level;
pub(crate) use blocks::{Blocks, copy};
pub use element::Element;

/// A vector of `LANES` numbers of one arithmetic type, and what can be done with it.
///
/// # Safety
/// Every function requires that the processor has the instructions of the implementing type.
pub(crate) trait Simd: Copy {
    /// The vector.
    type V: Copy;
    /// Numbers in a vector; a power of two, at most [`MAX_LANES`].
    const LANES: usize;

    /// `a * b`
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// What [`Simd::flip`] takes to negate (`true`) or leave alone.
    unsafe fn flipper(negate: bool) -> Self::V;
    /// `v` negated, or not.
    unsafe fn flip(v: Self::V, flipper: Self::V) -> Self::V;

    /// Two vectors of neighbouring numbers to the first and the second ones of every two, both in *pair order*: an order of
    /// the set's own choice, undone by [`Simd::weave`].
    unsafe fn split(low: Self::V, high: Self::V) -> (Self::V, Self::V);
    /// The inverse of [`Simd::split`].
    unsafe fn weave(first: Self::V, second: Self::V) -> (Self::V, Self::V);
    /// A vector from memory order to pair order.
    unsafe fn to_pair_order(v: Self::V) -> Self::V;
    /// A vector from pair order to memory order.
    unsafe fn from_pair_order(v: Self::V) -> Self::V;
}

/// The operations that reducing an angle needs.
///
/// # Safety
/// As [`Simd`].
pub(crate) trait Turn: Simd {
    /// `value` in every lane, rounded to the arithmetic type.
    unsafe fn splat(value: f64) -> Self::V;
    /// `a + b`
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c` with one rounding, on every processor.
    unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Whether every number is at most `limit` in size; NaN is not.
    unsafe fn all_within(v: Self::V, limit: f64) -> bool;
    /// Sine and cosine of an angle, turned by as many quarter turns as the lowest two bits of each number in `quarters` say.
    unsafe fn turned(quarters: Self::V, sin: Self::V, cos: Self::V) -> (Self::V, Self::V);
}

/// Largest [`Simd::LANES`].
pub(crate) const MAX_LANES: usize = 16;

/// Reads and writes elements of type `T`, converted to the arithmetic type and rounded to nearest, ties to even, on the way back;
/// from `f64` to types of 16 bits by way of `f32`.
///
/// # Safety
/// As [`Simd`]; and the pointers must be good for the elements named. No alignment beyond that of `T` is needed.
pub(crate) trait Memory<T: Element>: Simd {
    /// `LANES` elements at `from`.
    unsafe fn load(from: *const T) -> Self::V;
    /// `LANES` elements to `to`.
    unsafe fn store(to: *mut T, v: Self::V);

    /// `v` rounded to `T`.
    #[inline(always)]
    unsafe fn rounded(v: Self::V) -> Self::V {
        let mut buffer = [T::ZERO; MAX_LANES];
        // SAFETY: the buffer has a whole vector.
        unsafe {
            Self::store(buffer.as_mut_ptr(), v);
            Self::load(buffer.as_ptr())
        }
    }

    /// The first `count` elements at `from`, the rest zero; `count` is at most `LANES`.
    #[inline(always)]
    unsafe fn load_part(from: *const T, count: usize) -> Self::V {
        let mut buffer = [T::ZERO; MAX_LANES];
        // SAFETY: the caller vouches for `count` elements, which the buffer holds; the buffer has a whole vector.
        unsafe {
            copy_few(from, buffer.as_mut_ptr(), count);
            Self::load(buffer.as_ptr())
        }
    }

    /// The first `count` elements of `v` to `to`; `count` is at most `LANES`.
    #[inline(always)]
    unsafe fn store_part(to: *mut T, v: Self::V, count: usize) {
        let mut buffer = [T::ZERO; MAX_LANES];
        // SAFETY: as for `load_part`.
        unsafe {
            Self::store(buffer.as_mut_ptr(), v);
            copy_few(buffer.as_ptr(), to, count);
        }
    }
}

/// Copies `count` elements, fewer than twice [`MAX_LANES`], in pieces of fixed sizes: this compiles to a few moves, where `memcpy`
/// would be a call.
///
/// # Safety
/// As for [`std::ptr::copy_nonoverlapping`].
#[inline(always)]
unsafe fn copy_few<T: Copy>(from: *const T, to: *mut T, count: usize) {
    let mut done = 0;
    let mut piece = MAX_LANES;
    while piece != 0 {
        if count & piece != 0 {
            // SAFETY: the pieces taken add up to `count`.
            unsafe { std::ptr::copy_nonoverlapping(from.add(done), to.add(done), piece) };
            done += piece;
        }
        piece /= 2;
    }
}

/// What `$compiled!` makes of its arguments for the instruction set of a level. They may name its vectors: `set::F32` and `set::F64`
/// for arithmetic, `set::Whole` for words that are moved. After them come the features it needs, if any. Levels of other
/// architectures, which are never available, are compiled as scalar.
macro_rules! by_level {
    (@scalar $compiled:ident!($($argument:tt)*)) => {{
        use $crate::simd::scalar as set;
        $compiled!($($argument)*)
    }};
    ($level:expr, $compiled:ident!($($argument:tt)*)) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            $crate::simd::Level::Avx512 => {
                use $crate::simd::x86_64::avx512 as set;
                $compiled!($($argument)*, "avx512f,avx2,fma,f16c")
            }
            #[cfg(target_arch = "x86_64")]
            $crate::simd::Level::Avx2 => {
                use $crate::simd::x86_64::avx2 as set;
                $compiled!($($argument)*, "avx2,fma,f16c")
            }
            #[cfg(target_arch = "aarch64")]
            $crate::simd::Level::Neon => {
                use $crate::simd::aarch64::neon as set;
                $compiled!($($argument)*, "neon")
            }
            #[cfg(not(target_arch = "x86_64"))]
            $crate::simd::Level::Avx512 | $crate::simd::Level::Avx2 => {
                $crate::simd::by_level!(@scalar $compiled!($($argument)*))
            }
            #[cfg(not(target_arch = "aarch64"))]
            $crate::simd::Level::Neon => $crate::simd::by_level!(@scalar $compiled!($($argument)*)),
            $crate::simd::Level::Scalar => $crate::simd::by_level!(@scalar $compiled!($($argument)*)),
        }
    };
}
pub(crate) use by_level;
