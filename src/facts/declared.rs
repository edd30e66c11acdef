//! Facts that the model itself states: initializers and graph inputs, which bind, and `value_info` and outputs, which are claims.

use super::{Dim, Fact};
use crate::onnx::proto::{
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use crate::onnx::{DataType, ModelFile};
use rustc_hash::{FxHashMap, FxHashSet};

/// Initializers and graph inputs.
pub(super) fn certain(file: &ModelFile) -> FxHashMap<String, Fact> {
    let graph = file.graph();
    let mut facts: FxHashMap<String, Fact> = graph
        .input
        .iter()
        .filter_map(|info| Some((info.name().to_owned(), Fact::of_info(info)?)))
        .collect();
    for tensor in &graph.initializer {
        // If callers may override it, only the declaration of the input holds.
        let id = file.index().id(tensor.name());
        if id.is_none_or(|id| file.constant(id).is_some()) {
            facts.insert(tensor.name().to_owned(), tensor_fact(tensor));
        }
    }
    facts
}

/// What `value_info` and graph outputs say: element types, which engines check against the operators, and shapes of the outputs of
/// operators that are not known here. Shapes of all other values are derived or stay unknown, since engines run models
/// whose declared ones are wrong.
pub(super) fn claimed(file: &ModelFile) -> impl Iterator<Item = (String, Fact)> {
    let (graph, index) = (file.graph(), file.index());
    let functions = file.model().functions.iter();
    let functions: FxHashSet<(&str, &str)> = functions.map(|f| (f.domain(), f.name())).collect();
    let is_foreign = move |name: &str| {
        let producer = index.id(name).and_then(|id| index.producer(id));
        producer.is_some_and(|(node, _)| {
            let node = &graph.node[node];
            let called = (node.domain(), node.op_type());
            !node.is_standard() && !functions.contains(&called)
        })
    };
    let claims = graph.value_info.iter().chain(&graph.output);
    claims.filter_map(move |info| {
        let mut fact = Fact::of_info(info)?;
        if !is_foreign(info.name()) {
            fact.shape = None;
        }
        Some((info.name().to_owned(), fact))
    })
}

/// Element type and dimensions of a constant; its data is not read.
pub(super) fn tensor_fact(tensor: &TensorProto) -> Fact {
    Fact {
        dtype: DataType::from_onnx(tensor.data_type()),
        shape: Some(tensor.dims.iter().map(|d| Dim::Known(*d)).collect()),
    }
}

/// `None` for a sequence, a map, an optional or a sparse tensor.
pub(super) fn type_fact(kind: &TypeProto) -> Option<Fact> {
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

/// The declaration that states what is known of a value.
pub(super) fn info(name: &str, fact: &Fact) -> ValueInfoProto {
    let dimension = |dim: &Dim| tensor_shape_proto::Dimension {
        value: match dim {
            Dim::Known(n) => Some(tensor_shape_proto::dimension::Value::DimValue(*n)),
            Dim::Unknown => None,
            symbolic => Some(tensor_shape_proto::dimension::Value::DimParam(
                symbolic.to_string(),
            )),
        },
        denotation: None,
    };
    let shape = fact.shape.as_ref().map(|dims| TensorShapeProto {
        dim: dims.iter().map(dimension).collect(),
    });
    let kind = fact.dtype.map(|dtype| TypeProto {
        value: Some(type_proto::Value::TensorType(type_proto::Tensor {
            elem_type: Some(dtype.to_onnx()),
            shape,
        })),
        denotation: None,
    });
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: kind,
        ..Default::default()
    }
}

/// One declared dimension.
pub(super) fn dim(dim: &tensor_shape_proto::Dimension) -> Dim {
    match &dim.value {
        Some(tensor_shape_proto::dimension::Value::DimValue(n)) if *n >= 0 => Dim::Known(*n),
        Some(tensor_shape_proto::dimension::Value::DimParam(text)) => Dim::parse(text),
        _ => Dim::Unknown,
    }
}
