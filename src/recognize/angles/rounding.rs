//! Compares numbers that the analysis computed in `f64` with the numbers that they stand for.

/// Allowed relative error of a few operations in f64 on exact numbers.
const ROUNDING: f64 = 1e-13;

/// The number as f32, if it is one up to the rounding of f64. A number between two of f32 is none: rounding it would change angles.
pub(in crate::recognize) fn exact_f32(number: f64) -> Option<f32> {
    let single = number as f32;
    near(f64::from(single), number).then_some(single)
}

/// Whether two numbers are equal up to the rounding of f64.
pub(super) fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs()
}
