//! The claim of a site, in a form that can be checked on numbers.

use crate::onnx::Tensor;

use phasor_ops::contract::{Call, Contract, Dense, View};

use super::failure::Failure;
use super::numbers::Draw;
use super::sizes::MAX_ELEMENTS;

/// Numbers in row-major order, and their shape.
pub(super) type Numbers<'a> = (&'a [f64], &'a [usize]);

/// The claim that a tensor of the graph is what an operator computes from other tensors of the graph.
pub(super) trait Claim {
    /// The tensors that the operator reads, in the order of its inputs.
    fn operands(&self) -> Vec<&str>;

    /// Tensors of which the operator reads one size alone.
    fn measured(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The sets of tensors that a cut may start from, the closest to the result first. Operands outside the set are read off the
    /// same run.
    fn starts(&self) -> Vec<Vec<&str>>;

    /// The tensor at which the site begins: a cut never goes further up on that path.
    fn origin(&self) -> Option<&str>;

    /// Sizes of a single symbolic dimension that show what small ones do not.
    fn long(&self) -> Vec<i64> {
        Vec::new()
    }

    /// How many elements the tensors of a probe have at most, unless the part runs with the model's own sizes alone.
    fn room(&self) -> usize {
        MAX_ELEMENTS
    }

    /// The largest tensor that the part computes, where that is none of the others.
    fn widest(&self) -> Option<&str> {
        None
    }

    /// The random numbers for a tensor that a cut starts from.
    fn numbers(&self, tensor: &str) -> Draw;

    /// Everything that the result depends on beside the cut: equal cuts with equal keys are run once.
    fn key(&self) -> String;

    /// What the operator computes from the operands, with its shape. The measured tensors follow them, without elements.
    ///
    /// # Errors
    /// [`Failure::Differs`] if the operator does not accept them; [`Failure::NotRun`] if nothing can be concluded from them.
    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure>;

    /// Whether the graph fails where an axis of `y` has neither the size that the operator gives nor 1: it joins `y` with a tensor of
    /// that size.
    fn met(&self) -> bool {
        false
    }

    /// Largest difference that rounding explains, relative to the largest result or 1.
    fn tolerance(&self) -> f64;
}

/// What an operator's reference computes.
///
/// # Errors
/// [`Failure::Differs`] where it refuses what the graph ran with.
pub(super) fn reference(
    contract: &dyn Contract,
    call: &Call,
    inputs: &[View<'_>],
) -> Result<Vec<Dense>, Failure> {
    let outputs = contract.reference(call, inputs);
    outputs.map_err(|refused| Failure::refused(&refused))
}

/// Largest difference of `y` from the expected result, relative to the largest element or 1. Where one is not a number, the other must
/// not be one either.
///
/// # Errors
/// [`Failure::Differs`] if rounding does not explain it, and those of [`Claim::expected`].
pub(super) fn difference(
    claim: &dyn Claim,
    operands: &[Numbers<'_>],
    y: &Tensor,
) -> Result<f64, Failure> {
    let Dense {
        values: expected,
        shape,
    } = claim.expected(operands)?;
    let found = y
        .to_f64()
        .ok_or_else(|| Failure::NotRun("no numbers came back".to_owned()))?;
    let apart = |(&a, &b): (&usize, &usize)| a != b && a != 1 && b != 1;
    let alike = y.shape.len() == shape.len();
    if claim.met() && alike && y.shape.iter().zip(&shape).any(apart) {
        let reason = format!("it gives shape {:?}, with which the graph fails", y.shape);
        return Err(Failure::NotRun(reason));
    }
    if found.len() != expected.len() || y.shape != shape {
        return Err(Failure::Differs(format!(
            "it gives shape {:?} where the operator gives {shape:?}",
            y.shape
        )));
    }
    if !found.is_empty() && found.iter().chain(&expected).all(|number| number.is_nan()) {
        return Err(Failure::NotRun("it gives no numbers".to_owned()));
    }
    let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    let diff = found.iter().zip(&expected).fold(0.0f64, |m, (a, b)| {
        if a.is_nan() != b.is_nan() {
            f64::INFINITY
        } else {
            m.max((a - b).abs())
        }
    }) / scale;
    if diff <= claim.tolerance() {
        Ok(diff)
    } else {
        Err(Failure::Differs(format!(
            "it differs from the operator by {diff:.1e}"
        )))
    }
}

/// The largest magnitude of some numbers; infinite where one is NaN.
pub(super) fn largest(values: &[f64]) -> f64 {
    let sizes = values
        .iter()
        .map(|v| if v.is_nan() { f64::INFINITY } else { v.abs() });
    sizes.fold(0.0, f64::max)
}
