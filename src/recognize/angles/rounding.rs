//! Numbers that arithmetic in `f64` has made, compared with those they stand for.

/// Relative error of arithmetic in f64 on numbers that were exact.
const ROUNDING: f64 = 1e-13;

/// The f32 that a number is, up to the rounding of f64.
pub(in crate::recognize) fn exact_f32(number: f64) -> Option<f32> {
    let single = number as f32;
    near(f64::from(single), number).then_some(single)
}

/// Whether two numbers are equal up to the rounding of f64.
pub(super) fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs()
}
