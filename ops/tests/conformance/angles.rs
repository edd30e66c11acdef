//! What the checks of operators that compute angles share: spacings of the element types, frequencies, and every angle there is.

use crate::common::{Limits, levels};
use half::{bf16, f16};
use phasor_ops::contract::angle::{LARGEST_ANGLE, ULP_ERROR};
use phasor_ops::simd::{Element, Level};

/// An element type with its spacing.
pub(crate) trait Spaced: Element + Limits {
    /// The distance of `value` to the next number away from zero.
    fn spacing(value: f64) -> f64;
    /// Error of a reference in `f64`, in units of the spacing of the arithmetic type.
    const REFERENCE_ERROR: f64 = 0.0;
}

macro_rules! spaced {
    ($($t:ty),+) => {$(
        impl Spaced for $t {
            fn spacing(value: f64) -> f64 {
                let value = <$t as Element>::from_f64(value.abs());
                <$t>::from_bits(value.to_bits() + 1).to_f64() - value.to_f64()
            }
        }
    )+};
}

spaced!(f32, f16, bf16);

impl Spaced for f64 {
    fn spacing(value: f64) -> f64 {
        let value = value.abs();
        f64::from_bits(value.to_bits() + 1) - value
    }
    const REFERENCE_ERROR: f64 = 1.0;
}

/// Frequencies as embeddings have them, of a base of 10,000.
pub(crate) fn frequencies<T: Element>(count: usize) -> Vec<T> {
    (0..count)
        .map(|i| T::from_f64(10_000f64.powf(-(i as f64) / count as f64)))
        .collect()
}

/// The largest error in units in the last place of `f32`.
pub(crate) fn largest_error(got: &[f32], expected: &[f64]) -> f64 {
    got.iter()
        .zip(expected)
        .map(|(got, &expected)| (f64::from(*got) - expected).abs() / f32::spacing(expected))
        .fold(0.0, f64::max)
}

/// Holds `error`, the largest one of an operator at position 1 and these frequencies, to the bound for every `f32` from 0 to the
/// largest angle.
pub(crate) fn every_angle(error: impl Fn(Level, &[f32]) -> f64) {
    let mut largest = 0f64;
    let end = (LARGEST_ANGLE as f32).to_bits();
    for start in (0..=end).step_by(1 << 16) {
        let values: Vec<f32> = (start..(start + (1 << 16)).min(end + 1))
            .map(f32::from_bits)
            .collect();
        for level in levels().filter(|&l| l != Level::Scalar) {
            largest = largest.max(error(level, &values));
        }
    }
    println!("largest error: {largest} ulp");
    assert!(largest <= ULP_ERROR);
}

/// Holds `error`, the largest one of an operator at these positions and frequencies, to the bound for every position to 2^31 at
/// one frequency, and every 97th at as many as a head of 128 channels has.
pub(crate) fn every_position(error: impl Fn(Level, &[i64], &[f32]) -> f64) {
    let mut largest = 0f64;
    let end = 1i64 << 31;
    let all = frequencies::<f32>(64);
    for (step, values) in [(1, &all[3..4]), (97 * 64, &all[..])] {
        let chunk = 1 << 14;
        let mut start = 0;
        while start <= end {
            let positions: Vec<i64> = (0..chunk)
                .map(|i| start + i * step)
                .filter(|&p| p <= end)
                .collect();
            for level in levels().filter(|&l| l != Level::Scalar) {
                largest = largest.max(error(level, &positions, values));
            }
            start += chunk * step;
        }
    }
    println!("largest error: {largest} ulp");
    assert!(largest <= ULP_ERROR);
}
