//! Replacement of element types that tract lacks by others, throughout a copy.

use crate::onnx::proto::{GraphProto, NodeProto, TensorProto, ValueInfoProto, type_proto};
use crate::onnx::{DataType, Tensor};
use std::collections::BTreeSet;

/// Which element type replaces which.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retype {
    pairs: Vec<(DataType, DataType)>,
}

impl Retype {
    /// bfloat16 computed in f32, into which its values convert exactly.
    pub(crate) fn bf16_as_f32() -> Retype {
        Retype {
            pairs: vec![(DataType::BF16, DataType::F32)],
        }
    }

    /// Gives every type of a model that tract lacks a type of its own that the model does not use, so that both can be told
    /// apart afterwards; `None` if there are not enough.
    pub(crate) fn distinct(graph: &GraphProto) -> Option<Retype> {
        let mut used = BTreeSet::new();
        collect(graph, &mut used);
        let (known, lacking): (Vec<DataType>, Vec<DataType>) =
            used.into_iter().partition(|t| is_known(*t));
        // Floats first: bfloat16, if it is there, comes before the types of 8 bits and fewer.
        let free = [
            DataType::F16,
            DataType::F64,
            DataType::U16,
            DataType::U32,
            DataType::U64,
            DataType::I16,
        ];
        let mut free = free.into_iter().filter(|t| !known.contains(t));
        let pairs = lacking
            .into_iter()
            .map(|t| Some((t, free.next()?)))
            .collect::<Option<_>>()?;
        Some(Retype { pairs })
    }

    /// The type that stands for another.
    pub(crate) fn stand_in(&self, dtype: DataType) -> DataType {
        self.pairs
            .iter()
            .find(|(from, _)| *from == dtype)
            .map_or(dtype, |(_, to)| *to)
    }

    /// The type that a stand-in stands for.
    pub(crate) fn original(&self, dtype: DataType) -> DataType {
        self.pairs
            .iter()
            .find(|(_, to)| *to == dtype)
            .map_or(dtype, |(from, _)| *from)
    }

    /// [`Retype::stand_in`] for ONNX's number of a type.
    pub(crate) fn code(&self, code: i32) -> i32 {
        DataType::from_onnx(code).map_or(code, |dtype| self.stand_in(dtype).to_onnx())
    }

    /// Whether a type is replaced and its values cannot be converted.
    pub(crate) fn loses_values(&self, code: i32) -> bool {
        DataType::from_onnx(code).is_some_and(|t| t != DataType::BF16 && self.stand_in(t) != t)
    }

    /// Whether an integer attribute of a node is an element type.
    pub(crate) fn is_dtype_attribute(&self, node: &NodeProto, attribute: &str) -> bool {
        !self.pairs.is_empty()
            && matches!(
                (node.op_type(), attribute),
                ("Cast", "to")
                    | (
                        _,
                        "dtype"
                            | "output_datatype"
                            | "output_dtype"
                            | "softmax_precision"
                            | "stash_type"
                    )
            )
    }

    /// A copy of a constant, its data converted if its type is replaced.
    pub(crate) fn tensor(&self, tensor: &TensorProto) -> Result<TensorProto, String> {
        let dtype = DataType::from_onnx(tensor.data_type());
        let Some(dtype) = dtype.filter(|dtype| self.stand_in(*dtype) != *dtype) else {
            return Ok(tensor.clone());
        };
        let source = Tensor::from_proto(tensor)?;
        let values = source
            .to_f64()
            .ok_or_else(|| format!("a constant of type {dtype} cannot be converted"))?;
        let converted = Tensor::from_f64_as(self.stand_in(dtype), &source.shape, &values);
        Ok(converted.to_proto(tensor.name()))
    }

    /// Replaces the element type of a value in place.
    pub(crate) fn info(&self, info: &mut ValueInfoProto) {
        if let Some(kind) = &mut info.r#type
            && let Some(type_proto::Value::TensorType(tensor)) = &mut kind.value
        {
            tensor.elem_type = tensor.elem_type.map(|code| self.code(code));
        }
    }
}

/// Whether tract has an element type.
pub(crate) fn is_known(dtype: DataType) -> bool {
    use DataType::*;
    matches!(
        dtype,
        F32 | F64 | F16 | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64 | Bool | String
    )
}

/// The element types that a graph mentions.
fn collect(graph: &GraphProto, used: &mut BTreeSet<DataType>) {
    let mut add = |code: i32| used.extend(DataType::from_onnx(code));
    graph.initializer.iter().for_each(|t| add(t.data_type()));
    for info in &graph.input {
        if let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_ref().and_then(|t| t.value.as_ref())
        {
            add(tensor.elem_type());
        }
    }
    let attributes = || {
        graph
            .node
            .iter()
            .flat_map(|node| node.attribute.iter().map(move |a| (node, a)))
    };
    for (node, attribute) in attributes() {
        if let Some(tensor) = &attribute.t {
            add(tensor.data_type());
        }
        if node.op_type() == "Cast" && attribute.name() == "to"
            || attribute.name().ends_with("dtype")
        {
            add(attribute.i() as i32);
        }
    }
    let bodies = graph.node.iter().flat_map(NodeProto::bodies);
    bodies.for_each(|body| collect(body, used));
}
