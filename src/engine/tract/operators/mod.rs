//! Builders that replace tract's own where those are wrong or too narrow for what exporters write.

mod adapters;
mod branches;
mod numeric;
mod round;
mod shapes;

use tract_onnx::model::Onnx;

pub(super) use crate::facts::copy::gate::Built;
pub(super) use adapters::insert as insert_adapters;

/// Installs the builders.
pub(super) fn register(onnx: &mut Onnx) {
    shapes::register(onnx);
    numeric::register(onnx);
    adapters::register(onnx);
    branches::register(onnx);
    round::register(onnx);
}
