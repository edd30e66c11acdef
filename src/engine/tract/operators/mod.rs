//! Builders that replace tract's own where those are wrong or too narrow for what exporters write.

mod adapters;
mod bounded;
mod numeric;
mod round;
mod shapes;

use tract_onnx::model::Onnx;
use tract_onnx::tract_hir::internal::{InferenceOp, TractResult};

pub(super) use adapters::insert as insert_adapters;

/// What a builder returns: the operator, and the outer values that its subgraphs capture.
pub(super) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Installs the builders.
pub(super) fn register(onnx: &mut Onnx) {
    shapes::register(onnx);
    numeric::register(onnx);
    adapters::register(onnx);
    bounded::register(onnx);
    round::register(onnx);
}
