//! How far two tensors are apart, and how far they may be.

use crate::onnx::{DataType, Tensor};
use serde::Serialize;

/// What one output of two models differs by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Largest absolute difference over the elements that are finite in both.
    pub absolute: f64,
    /// The same, divided by the larger of 1 and the largest finite magnitude of the reference.
    pub relative: f64,
    /// What `relative` may be at most.
    pub tolerance: f64,
    /// What makes the outputs incomparable, if anything: shape, type, or NaN and infinity in different places.
    pub mismatch: Option<String>,
}

impl Difference {
    /// Whether the outputs agree.
    pub fn within(&self) -> bool {
        self.mismatch.is_none() && self.relative <= self.tolerance
    }
}

/// The largest relative difference allowed for results of a type: rounding in another order, carried through a whole model.
/// Integers and booleans must agree exactly.
pub fn tolerance(dtype: DataType) -> f64 {
    match dtype {
        DataType::F64 => 1e-9,
        DataType::F32 => 2e-4,
        DataType::F16 => 2e-2,
        DataType::BF16 => 6e-2,
        _ => 0.0,
    }
}

/// Compares a result with its reference, element by element.
pub fn compare(reference: &Tensor, result: &Tensor, tolerance: f64) -> Difference {
    let mut difference = Difference {
        absolute: 0.0,
        relative: 0.0,
        tolerance,
        mismatch: None,
    };
    if reference.dtype != result.dtype {
        difference.mismatch = Some(format!(
            "type {} instead of {}",
            result.dtype, reference.dtype
        ));
        return difference;
    }
    if reference.shape != result.shape {
        difference.mismatch = Some(format!(
            "shape {:?} instead of {:?}",
            result.shape, reference.shape
        ));
        return difference;
    }
    let (Some(want), Some(got)) = (reference.to_f64(), result.to_f64()) else {
        difference.mismatch = Some(format!(
            "elements of type {} cannot be compared",
            reference.dtype
        ));
        return difference;
    };
    let mut scale = 1.0f64;
    for (position, (w, g)) in want.iter().zip(&got).enumerate() {
        if w.is_finite() && g.is_finite() {
            difference.absolute = difference.absolute.max((w - g).abs());
            scale = scale.max(w.abs());
        } else if w.is_nan() != g.is_nan() || (!w.is_nan() && w != g) {
            difference.mismatch = Some(format!("element {position} is {g} instead of {w}"));
            return difference;
        }
    }
    difference.relative = difference.absolute / scale;
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(values: &[f32]) -> Tensor {
        Tensor::from_f32(&[values.len()], values)
    }

    #[test]
    fn differences_are_relative_to_the_largest_reference() {
        let d = compare(&f(&[0.5, -100.0]), &f(&[0.51, -100.0]), 2e-4);
        assert!((d.absolute - 0.01).abs() < 1e-6 && (d.relative - 1e-4).abs() < 1e-8 && d.within());
        let d = compare(&f(&[0.5, 0.1]), &f(&[0.51, 0.1]), 2e-4);
        assert!((d.relative - 0.01).abs() < 1e-6 && !d.within());
    }

    #[test]
    fn nan_and_infinity_must_lie_in_the_same_places() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        assert!(compare(&f(&[nan, inf, -inf]), &f(&[nan, inf, -inf]), 0.0).within());
        for (a, b) in [(nan, 1.0), (1.0, nan), (inf, -inf), (inf, 1.0), (nan, inf)] {
            assert!(!compare(&f(&[a]), &f(&[b]), 1e9).within(), "{a} {b}");
        }
    }

    #[test]
    fn shape_and_type_must_be_equal() {
        assert!(!compare(&f(&[1.0]), &f(&[1.0, 1.0]), 1.0).within());
        assert!(!compare(&f(&[1.0]), &Tensor::from_i64(&[1], &[1]), 1.0).within());
        assert!(compare(&f(&[]), &f(&[]), 0.0).within());
        assert!(
            !compare(
                &Tensor::from_i64(&[1], &[1]),
                &Tensor::from_i64(&[1], &[2]),
                tolerance(DataType::I64)
            )
            .within()
        );
    }
}
