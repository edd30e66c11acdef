//! Builders that replace those of tract that are wrong, or too narrow for what exporters write.

mod adapters;
mod branches;
mod cast;
mod einsum;
mod numeric;
mod range;
mod round;
mod shapes;

use tract_onnx::model::Onnx;
use tract_onnx::tract_hir::internal::*;

pub(super) use super::gate::Built;
pub(super) use adapters::insert as insert_adapters;
pub(crate) use cast::{cast, rounding};
pub(crate) use range::range_rules;

/// Installs the builders.
pub(super) fn register(onnx: &mut Onnx) {
    shapes::register(onnx);
    numeric::register(onnx);
    adapters::register(onnx);
    branches::register(onnx);
    round::register(onnx);
    einsum::register(onnx);
}

/// The rules of an operator whose one output has the type and the shape of its one input.
fn same_fact<'r, 'p: 'r>(
    s: &mut Solver<'r>,
    inputs: &'p [TensorProxy],
    outputs: &'p [TensorProxy],
) -> InferenceResult {
    check_input_arity(inputs, 1)?;
    check_output_arity(outputs, 1)?;
    s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
    s.equals(&outputs[0].shape, &inputs[0].shape)
}
