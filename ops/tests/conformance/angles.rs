//! What the checks of operators that compute angles share: spacings of the element types, frequencies, and every angle there is.

use crate::common::{Limits, Runner, wide};
use crate::host::Tensor;
use half::{bf16, f16};
use phasor_ops::contract::ElementType;
use phasor_ops::contract::angle::{LARGEST_ANGLE, ULP_ERROR};
use phasor_ops::simd::Element;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// The inputs of an operator that computes angles, for results of type `T`.
pub(crate) fn inputs<P: phasor_ops::angle::Position, T: Spaced>(
    positions: (&[P], &[usize]),
    frequencies: (&[T], &[usize]),
) -> Vec<Tensor> {
    vec![
        Tensor::of_positions(positions),
        Tensor::of((&wide(frequencies.0)[..], frequencies.1)),
        Tensor::of((&[T::ZERO][..], &[][..])),
    ]
}

/// How far a result is beyond the bound and `slack`, which are for a result without the amplitude, as `exact` is.
pub(crate) fn excess<T: Spaced>(got: T, exact: f64, amplitude: f32, slack: f64) -> f64 {
    let got = got.to_f64();
    if exact.is_nan() {
        return if got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let spacing = |value| match T::TYPE {
        ElementType::F64 => f64::spacing(value),
        _ => f32::spacing(value),
    };
    let amplitude = f64::from(amplitude);
    let expected = exact * amplitude;
    let mut bound = (ULP_ERROR + T::REFERENCE_ERROR) * spacing(exact) * amplitude.abs();
    if amplitude != 1.0 {
        bound += 0.5 * spacing(expected);
    }
    bound += slack * amplitude.abs();
    if matches!(T::TYPE, ElementType::F16 | ElementType::BF16) {
        bound += 0.5 * T::spacing(expected.abs() + bound);
    }
    (got - expected).abs() - bound
}

/// How much further than the bound a runner may be off, before it multiplies by the amplitude. For kernels that is nothing. With
/// function bodies, the functions of hosts are held to an absolute bound, and exact angles of doubles are rounded; `None` where a body
/// promises nothing: for angles beyond the limit, and for sizes that no host has. `terms` are the products in an angle.
pub(crate) fn slack<T: Spaced>(
    runner: Runner,
    positions: (&[f64], &[usize]),
    frequencies: &[f64],
    terms: usize,
    precise: bool,
) -> Option<f64> {
    if !runner.is_body() {
        return Some(0.0);
    }
    let largest = |values: &[f64]| {
        let finite = values.iter().map(|v| v.abs()).filter(|v| v.is_finite());
        finite.fold(0.0, f64::max)
    };
    let angle = largest(positions.0) * largest(frequencies) * terms as f64;
    let double = T::TYPE == ElementType::F64;
    let unit = if double {
        f64::EPSILON
    } else {
        f32::EPSILON.into()
    };
    let rounded = if double && precise {
        angle * f64::EPSILON
    } else {
        0.0
    };
    let possible = positions.1.iter().all(|&size| i64::try_from(size).is_ok());
    (possible && angle <= LARGEST_ANGLE).then_some(2.0 * unit + rounded)
}

/// The largest error in units in the last place of `f32`; infinite where anything is NaN.
pub(crate) fn largest_error(got: &[f32], expected: &[f64]) -> f64 {
    let error = |(&got, &expected): (&f32, &f64)| {
        let error = (f64::from(got) - expected).abs() / f32::spacing(expected);
        if error.is_nan() { f64::INFINITY } else { error }
    };
    got.iter().zip(expected).map(error).fold(0.0, f64::max)
}

/// Holds `error`, the largest one of an operator at position 1 and these frequencies, to the bound for every `f32` from 0 to the
/// largest angle.
pub(crate) fn every_angle(error: impl Fn(&[f32]) -> f64 + Sync) {
    let end = (LARGEST_ANGLE as f32).to_bits();
    let chunk = 1 << 16;
    hold(u64::from(end / chunk) + 1, |i| {
        let start = i as u32 * chunk;
        let values: Vec<f32> = (start..(start + chunk).min(end + 1))
            .map(f32::from_bits)
            .collect();
        error(&values)
    });
}

/// Holds `error`, the largest one of an operator at these positions and frequencies, to the bound for every position to 2^31 at
/// one frequency, and every 97th at as many as a head of 128 channels has.
pub(crate) fn every_position(error: impl Fn(&[i64], &[f32]) -> f64 + Sync) {
    let end = 1i64 << 31;
    let all = frequencies::<f32>(64);
    for (step, values) in [(1, &all[3..4]), (97 * 64, &all[..])] {
        let chunk = (1 << 16) / values.len() as i64;
        hold((end / (chunk * step)) as u64 + 1, |i| {
            let start = i as i64 * chunk * step;
            let positions: Vec<i64> = (0..chunk)
                .map(|i| start + i * step)
                .filter(|&p| p <= end)
                .collect();
            error(&positions, values)
        });
    }
}

/// Holds the largest of `count` errors to the bound, on all processors.
fn hold(count: u64, error: impl Fn(u64) -> f64 + Sync) {
    let next = AtomicU64::new(0);
    let worker = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let errors = numbers.take_while(|&i| i < count).map(&error);
        errors.fold(0.0, f64::max)
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let largest = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let errors = workers.into_iter().map(|w| w.join().unwrap());
        errors.fold(0.0, f64::max)
    });
    println!("largest error: {largest} ulp");
    assert!(largest <= ULP_ERROR);
}
