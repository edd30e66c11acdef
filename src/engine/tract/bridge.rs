//! Tensors and messages carried between this crate and tract.

use crate::onnx::proto::ModelProto;
use crate::onnx::{DataType, Tensor};
use bytes::Bytes;
use prost::Message;
use tract_onnx::pb;
use tract_onnx::prelude::{DatumType, Tensor as TractTensor, f16};

/// The model as tract's own messages.
pub(crate) fn model(model: &ModelProto) -> Result<pb::ModelProto, String> {
    pb::ModelProto::decode(Bytes::from(model.encode_to_vec())).map_err(|e| e.to_string())
}

/// A tensor for tract. bfloat16 becomes f32.
pub(crate) fn to_tract(tensor: &Tensor) -> Result<TractTensor, String> {
    macro_rules! typed {
        ($t:ty) => {
            TractTensor::from_shape::<$t>(
                &tensor.shape,
                &elements(&tensor.data, <$t>::from_le_bytes),
            )
        };
    }
    match tensor.dtype {
        DataType::F32 => typed!(f32),
        DataType::F64 => typed!(f64),
        DataType::F16 => typed!(f16),
        DataType::BF16 => TractTensor::from_shape::<f32>(
            &tensor.shape,
            &elements(&tensor.data, |b| half::bf16::from_le_bytes(b).to_f32()),
        ),
        DataType::I8 => typed!(i8),
        DataType::I16 => typed!(i16),
        DataType::I32 => typed!(i32),
        DataType::I64 => typed!(i64),
        DataType::U8 => typed!(u8),
        DataType::U16 => typed!(u16),
        DataType::U32 => typed!(u32),
        DataType::U64 => typed!(u64),
        DataType::Bool => TractTensor::from_shape::<bool>(
            &tensor.shape,
            &tensor.data.iter().map(|b| *b != 0).collect::<Vec<bool>>(),
        ),
        other => return Err(format!("tract has no element type {other:?}")),
    }
    .map_err(|e| e.to_string())
}

/// A tensor from tract. Its symbolic integers become 64-bit ones.
pub(crate) fn from_tract(tensor: &TractTensor) -> Result<Tensor, String> {
    let tensor = if tensor.datum_type().is_tdim() {
        tensor.cast_to::<i64>().map_err(|e| format!("{e:#}"))?
    } else {
        std::borrow::Cow::Borrowed(tensor)
    };
    let plain = tensor.try_as_plain_ram().map_err(|e| format!("{e:#}"))?;
    macro_rules! typed {
        ($t:ty, $dtype:ident) => {{
            let values = plain.as_slice::<$t>().map_err(|e| format!("{e:#}"))?;
            let mut data = Vec::with_capacity(size_of_val(values));
            values
                .iter()
                .for_each(|v| data.extend_from_slice(&v.to_le_bytes()));
            (DataType::$dtype, data)
        }};
    }
    let (dtype, data) = match tensor.datum_type() {
        DatumType::F32 => typed!(f32, F32),
        DatumType::F64 => typed!(f64, F64),
        DatumType::F16 => typed!(f16, F16),
        DatumType::I8 => typed!(i8, I8),
        DatumType::I16 => typed!(i16, I16),
        DatumType::I32 => typed!(i32, I32),
        DatumType::I64 => typed!(i64, I64),
        DatumType::U8 => typed!(u8, U8),
        DatumType::U16 => typed!(u16, U16),
        DatumType::U32 => typed!(u32, U32),
        DatumType::U64 => typed!(u64, U64),
        DatumType::Bool => {
            let values = plain.as_slice::<bool>().map_err(|e| format!("{e:#}"))?;
            (
                DataType::Bool,
                values.iter().map(|b| u8::from(*b)).collect(),
            )
        }
        other => return Err(format!("a result of type {other:?} cannot be read")),
    };
    Ok(Tensor {
        dtype,
        shape: tensor.shape().to_vec(),
        data: Bytes::from(data),
    })
}

/// Decodes little-endian elements; the length is a multiple of the element's.
fn elements<T, const N: usize>(data: &[u8], decode: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| decode(*chunk))
        .collect()
}
