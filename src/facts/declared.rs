//! Facts that the model itself states: initializers and graph inputs, which bind, and `value_info` and outputs, which are claims.

use super::{Dim, Fact};
use crate::onnx::proto::{TensorProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto};
use crate::onnx::{DataType, ModelFile};
use rustc_hash::FxHashMap;

/// Initializers and graph inputs.
pub(super) fn certain(file: &ModelFile) -> FxHashMap<String, Fact> {
    let graph = file.graph();
    let mut facts: FxHashMap<String, Fact> = graph
        .input
        .iter()
        .filter_map(|info| Some((info.name().to_owned(), of_info(info)?)))
        .collect();
    for tensor in &graph.initializer {
        facts.insert(tensor.name().to_owned(), of_tensor(tensor));
    }
    facts
}

/// `value_info` and graph outputs.
pub(super) fn claimed(file: &ModelFile) -> impl Iterator<Item = (String, Fact)> {
    let graph = file.graph();
    graph
        .value_info
        .iter()
        .chain(&graph.output)
        .filter_map(|info| Some((info.name().to_owned(), of_info(info)?)))
}

/// Element type and dimensions of a constant; its data is not looked at.
pub(super) fn of_tensor(tensor: &TensorProto) -> Fact {
    Fact {
        dtype: DataType::from_onnx(tensor.data_type()),
        shape: Some(tensor.dims.iter().map(|d| Dim::Known(*d)).collect()),
    }
}

fn of_info(info: &ValueInfoProto) -> Option<Fact> {
    of_type(info.r#type.as_ref()?)
}

/// `None` for a sequence, a map, an optional or a sparse tensor.
pub(super) fn of_type(kind: &TypeProto) -> Option<Fact> {
    let Some(type_proto::Value::TensorType(tensor)) = &kind.value else {
        return None;
    };
    let shape = tensor
        .shape
        .as_ref()
        .map(|shape| shape.dim.iter().map(dim).collect());
    Some(Fact {
        dtype: DataType::from_onnx(tensor.elem_type()),
        shape,
    })
}

/// One declared dimension.
pub(super) fn dim(dim: &tensor_shape_proto::Dimension) -> Dim {
    match &dim.value {
        Some(tensor_shape_proto::dimension::Value::DimValue(n)) if *n >= 0 => Dim::Known(*n),
        Some(tensor_shape_proto::dimension::Value::DimParam(text)) => Dim::parse(text),
        _ => Dim::Unknown,
    }
}
