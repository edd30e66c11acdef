//! Replacement of element types that tract lacks by others, throughout a copy.

use crate::onnx::proto::{NodeProto, TensorProto, ValueInfoProto, type_proto};
use crate::onnx::{DataType, Tensor};

/// ONNX's code of bfloat16.
const BF16: i32 = 16;

/// What becomes of element types that tract lacks. Codes are those of ONNX's `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retype {
    /// The type that stands for bfloat16; its values convert exactly if this is f32 or f64.
    pub(crate) bf16: Option<DataType>,
}

impl Retype {
    /// The code that stands for another.
    pub(crate) fn code(self, code: i32) -> i32 {
        match self.bf16 {
            Some(other) if code == BF16 => other.to_onnx(),
            _ => code,
        }
    }

    /// Whether an integer attribute of a node is an element type.
    pub(crate) fn is_dtype_attribute(self, node: &NodeProto, attribute: &str) -> bool {
        self.bf16.is_some()
            && matches!(
                (node.op_type(), attribute),
                ("Cast", "to")
                    | (_, "dtype")
                    | (
                        _,
                        "output_datatype" | "output_dtype" | "softmax_precision" | "stash_type"
                    )
            )
    }

    /// A copy of a constant, its data converted if its type is replaced.
    pub(crate) fn tensor(self, tensor: &TensorProto) -> Result<TensorProto, String> {
        let Some(other) = self.bf16.filter(|_| tensor.data_type() == BF16) else {
            return Ok(tensor.clone());
        };
        let source = Tensor::from_proto(tensor)?;
        let values = source
            .to_f64()
            .ok_or("a bfloat16 constant that is not of numbers")?;
        let converted = Tensor::from_f64_as(other, &source.shape, &values);
        Ok(converted.to_proto(tensor.name()))
    }

    /// Replaces the element type of a value in place.
    pub(crate) fn info(self, info: &mut ValueInfoProto) {
        if let Some(kind) = &mut info.r#type
            && let Some(type_proto::Value::TensorType(tensor)) = &mut kind.value
        {
            tensor.elem_type = tensor.elem_type.map(|code| self.code(code));
        }
    }
}
