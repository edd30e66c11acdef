//! Angles in vectors: positions times frequencies. What the kernels that compute them share.
//!
//! A position comes as an `f64`, read by `position`; frequencies are vectors. `A` is the arithmetic type, `PRECISE` says that
//! products keep what rounding loses, which takes a set of `f64`.

#![allow(unsafe_code)]

mod frequencies;
mod position;

pub use frequencies::{Frequencies, OfAngles};
pub use position::{Position, PositionType};

use crate::contract::ElementType;
use crate::simd::Element;
use crate::simd::trig::{Trig, add_pairs, two_product};

/// Number of angles that is worth a task: they take some microseconds.
pub(crate) const TASK_ANGLES: usize = 8 * 1024;

/// A position as the type that products with frequencies take.
#[inline(always)]
pub(crate) fn position<A: Element>(position: impl Position, precise: bool) -> f64 {
    match A::TYPE {
        ElementType::F32 if !precise => f64::from(position.to_f32()),
        _ => position.to_f64(),
    }
}

/// The products of a position and frequencies, as sums of two.
///
/// # Safety
/// The processor has the instructions of `S`.
#[inline(always)]
pub(crate) unsafe fn product<S: Trig<A>, A: Element, const PRECISE: bool>(
    position: f64,
    frequencies: S::V,
) -> (S::V, S::V) {
    // SAFETY: this function's `# Safety` section says that the processor has the instructions of `S`; no memory is touched.
    unsafe {
        if PRECISE {
            two_product::<S>(S::splat(position), frequencies)
        } else {
            let product = S::mul(S::splat(position), frequencies);
            (S::rounded(product), S::splat(0.0))
        }
    }
}

/// The sums of angles and products.
///
/// # Safety
/// As [`product`].
#[inline(always)]
pub(crate) unsafe fn sum<S: Trig<A>, A: Element, const PRECISE: bool>(
    angles: (S::V, S::V),
    products: (S::V, S::V),
) -> (S::V, S::V) {
    // SAFETY: as for `product`: the processor has the instructions of `S`, and no memory is touched.
    unsafe {
        if PRECISE {
            add_pairs::<S>(angles, products)
        } else {
            (S::rounded(S::add(angles.0, products.0)), S::splat(0.0))
        }
    }
}

/// Whether the products of `count` frequencies with every position of a size up to `farthest` are within the limit of the vectors'
/// own sine, or are not finite (for which it gives NaN as well). Then no vector has to be checked.
///
/// # Safety
/// As [`product`], and there are `count` frequencies.
#[inline(always)]
pub(crate) unsafe fn near<S: Trig<A>, A: Element>(
    farthest: f64,
    frequencies: *const A,
    count: usize,
) -> bool {
    // A little less than the limit: rounding must not make an angle near here that `Trig::sin_cos` treats as far, or results would
    // depend on what else is computed.
    let limit = S::LIMIT * (1.0 - 1e-6) / farthest;
    let mut at = 0;
    while at < count {
        let part = (count - at).min(S::LANES);
        // SAFETY: the part lies in the frequencies.
        let within = unsafe {
            let frequencies = S::load_part(frequencies.add(at), part);
            S::all_within(frequencies, limit)
        };
        if !within {
            return false;
        }
        at += part;
    }
    true
}
