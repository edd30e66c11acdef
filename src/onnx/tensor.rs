//! The elements of one tensor, decoded.

use bytes::{BufMut, Bytes, BytesMut};
use half::{bf16, f16};

use super::DataType;
use super::proto::{Element, Packed, TensorProto};

/// A dense tensor: elements in row-major order, little-endian, types below a byte packed from the low bits as in ONNX.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Element type; never `String`.
    pub dtype: DataType,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Bytes,
}

const NO_NUMBERS: &str = "it is a tensor of strings, not of numbers";

impl Tensor {
    /// Number of elements of a shape; `None` on overflow.
    pub fn count(shape: &[usize]) -> Option<usize> {
        // A zero anywhere makes it empty whatever the other lengths are.
        if shape.contains(&0) {
            return Some(0);
        }
        shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
    }

    /// A tensor of these bytes.
    ///
    /// # Errors
    /// A sentence, if the bytes are not as many as type and shape ask for.
    pub fn new(dtype: DataType, shape: Vec<usize>, data: Bytes) -> Result<Self, String> {
        let bits = dtype.bits().ok_or(NO_NUMBERS)?;
        if byte_len(dtype, &shape) != Ok(data.len()) {
            return Err(format!(
                "shape {shape:?} of {dtype} ({bits} bits each) does not fit {} bytes of data",
                data.len()
            ));
        }
        Ok(Self { dtype, shape, data })
    }

    /// One element as a number; NaN past the end and for types below a byte.
    pub fn element(&self, position: usize) -> f64 {
        let Some(size) = self
            .dtype
            .bits()
            .map(|bits| bits / 8)
            .filter(|&size| size > 0)
        else {
            return f64::NAN;
        };
        let Some(bytes) = position
            .checked_mul(size)
            .and_then(|at| self.data.get(at..at + size))
        else {
            return f64::NAN;
        };
        match (self.dtype, bytes) {
            (DataType::F32, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
            (DataType::F64, &[a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h])
            }
            (DataType::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f64(),
            (DataType::BF16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f64(),
            (DataType::I64, &[a, b, c, d, e, f, g, h]) => {
                i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64
            }
            (DataType::I16, &[a, b]) => f64::from(i16::from_le_bytes([a, b])),
            (DataType::U16, &[a, b]) => f64::from(u16::from_le_bytes([a, b])),
            (DataType::U32, &[a, b, c, d]) => f64::from(u32::from_le_bytes([a, b, c, d])),
            (DataType::I32, &[a, b, c, d]) => f64::from(i32::from_le_bytes([a, b, c, d])),
            (DataType::Bool, &[a]) => f64::from(u8::from(a != 0)),
            (DataType::U8, &[a]) => f64::from(a),
            (DataType::I8, &[a]) => f64::from(a as i8),
            _ => f64::NAN,
        }
    }

    /// The elements from `start` to before `end` along an axis, `step` apart; `None` for bounds outside of it, and for elements of less
    /// than a byte.
    pub(crate) fn part(&self, axis: usize, start: i64, end: i64, step: i64) -> Option<Self> {
        let size = *self.shape.get(axis)?;
        let [start, end, step] = [start, end, step].map(|n| usize::try_from(n).ok());
        let (start, end, step) = (start?, end?, step.filter(|&step| step > 0)?);
        if start > end || end > size {
            return None;
        }
        let bits = self.dtype.bits().filter(|bits| bits % 8 == 0)?;
        // Bytes of all that lies behind the axis.
        let inner = Self::count(&self.shape[axis + 1..])?.checked_mul(bits / 8)?;
        let mut data = Vec::new();
        for block in self.data.chunks_exact((size * inner).max(1)) {
            for at in (start..end).step_by(step) {
                data.extend_from_slice(&block[at * inner..(at + 1) * inner]);
            }
        }
        let mut shape = self.shape.clone();
        shape[axis] = (end - start).div_ceil(step);
        Self::new(self.dtype, shape, data.into()).ok()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        Self::count(&self.shape).unwrap_or(0)
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes a tensor that lies in the model itself.
    ///
    /// # Errors
    /// A sentence that says what is wrong; external tensors need [`super::ModelFile::tensor`].
    pub fn from_proto(tensor: &TensorProto) -> Result<Self, String> {
        if tensor.is_external() {
            return Err("its data lies in another file".into());
        }
        let (dtype, shape) = header(tensor)?;
        let data = match &tensor.raw_data {
            Some(raw) => raw.clone(),
            None => typed_data(tensor, dtype)?,
        };
        Self::new(dtype, shape, data)
    }

    /// As a message with that name.
    pub fn to_proto(&self, name: &str) -> TensorProto {
        TensorProto {
            name: Some(name.into()),
            dims: self.shape.iter().map(|d| *d as i64).collect(),
            data_type: Some(self.dtype.to_onnx()),
            raw_data: Some(self.data.clone()),
            ..Default::default()
        }
    }

    /// A float32 tensor.
    ///
    /// # Panics
    /// If `values` are not as many as the shape asks for.
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::exact(DataType::F32, shape, bytes)
    }

    /// An int64 tensor.
    ///
    /// # Panics
    /// If `values` are not as many as the shape asks for.
    pub fn from_i64(shape: &[usize], values: &[i64]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::exact(DataType::I64, shape, bytes)
    }

    /// A tensor of any type of at least a byte, each value rounded to it: to nearest even for floats, towards zero and
    /// saturating for integers, `!= 0` for bool.
    ///
    /// # Panics
    /// If `values` are not as many as the shape asks for, or the type is a string, complex, 8-bit float or below a byte.
    pub fn from_f64_as(dtype: DataType, shape: &[usize], values: &[f64]) -> Self {
        let mut out = BytesMut::with_capacity(dtype.byte_len(values.len()).unwrap_or(0));
        macro_rules! put {
            ($convert:expr) => {
                values
                    .iter()
                    .for_each(|v| out.put_slice(&$convert(*v).to_le_bytes()))
            };
        }
        match dtype {
            DataType::F32 => put!(|v| v as f32),
            DataType::F64 => put!(|v: f64| v),
            DataType::F16 => put!(f16::from_f64),
            DataType::BF16 => put!(bf16::from_f64),
            DataType::I64 => put!(|v| v as i64),
            DataType::I32 => put!(|v| v as i32),
            DataType::I16 => put!(|v| v as i16),
            DataType::I8 => put!(|v| v as i8),
            DataType::U64 => put!(|v| v as u64),
            DataType::U32 => put!(|v| v as u32),
            DataType::U16 => put!(|v| v as u16),
            DataType::U8 => put!(|v| v as u8),
            DataType::Bool => put!(|v| (v != 0.0) as u8),
            other => panic!("numbers are not written as {other}"),
        }
        Self::exact(dtype, shape, out.freeze())
    }

    fn exact(dtype: DataType, shape: &[usize], data: Bytes) -> Self {
        Self::new(dtype, shape.to_vec(), data).expect("as many values as the shape asks for")
    }

    /// All elements as f64 (64-bit integers are rounded); `None` for complex types.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        macro_rules! read {
            ($t:ty, $convert:expr) => {
                self.elements()
                    .map(|b| $convert(<$t>::from_le_bytes(b)))
                    .collect()
            };
        }
        Some(match self.dtype {
            DataType::F32 => read!(f32, f64::from),
            DataType::F64 => read!(f64, |v| v),
            DataType::F16 => read!(f16, f64::from),
            DataType::BF16 => read!(bf16, f64::from),
            DataType::U64 => read!(u64, |v| v as f64),
            _ => self.to_i64()?.into_iter().map(|v| v as f64).collect(),
        })
    }

    /// All elements as i64; `None` for anything but integers and bool, and for a `u64` that does not fit.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        macro_rules! read {
            ($t:ty) => {
                self.elements()
                    .map(|b| <$t>::from_le_bytes(b) as i64)
                    .collect()
            };
        }
        Some(match self.dtype {
            DataType::I64 => read!(i64),
            DataType::I32 => read!(i32),
            DataType::I16 => read!(i16),
            DataType::I8 => read!(i8),
            DataType::U32 => read!(u32),
            DataType::U16 => read!(u16),
            DataType::U8 => read!(u8),
            DataType::Bool => self.data.iter().map(|b| i64::from(*b != 0)).collect(),
            DataType::U64 => {
                let words = self.elements().map(u64::from_le_bytes);
                return words.map(|v| i64::try_from(v).ok()).collect();
            }
            DataType::I4 => self.small(4, true),
            DataType::U4 => self.small(4, false),
            DataType::I2 => self.small(2, true),
            DataType::U2 => self.small(2, false),
            _ => return None,
        })
    }

    fn elements<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> + '_ {
        self.data.as_chunks().0.iter().copied()
    }

    fn small(&self, bits: usize, signed: bool) -> Vec<i64> {
        let per_byte = 8 / bits;
        let up = 64 - bits;
        (0..self.len())
            .map(|i| {
                let field = i64::from(self.data[i / per_byte]) >> (i % per_byte * bits) << up;
                if signed {
                    field >> up
                } else {
                    ((field as u64) >> up) as i64
                }
            })
            .collect()
    }
}

/// Type and shape of a tensor message.
pub(super) fn header(tensor: &TensorProto) -> Result<(DataType, Vec<usize>), String> {
    let number = tensor.data_type();
    let Some(dtype) = DataType::from_onnx(number) else {
        return Err(format!("unknown element type {number}"));
    };
    if dtype == DataType::String {
        return Err(NO_NUMBERS.into());
    }
    let shape = tensor
        .dims
        .iter()
        .map(|d| usize::try_from(*d).map_err(|_| format!("its shape has an axis of length {d}")));
    Ok((dtype, shape.collect::<Result<_, _>>()?))
}

/// Bytes the elements of a tensor take.
pub(super) fn byte_len(dtype: DataType, shape: &[usize]) -> Result<usize, String> {
    let len = Tensor::count(shape).and_then(|n| dtype.byte_len(n));
    len.ok_or_else(|| format!("shape {shape:?} has too many elements"))
}

/// The elements of the typed field that ONNX prescribes for the type, as raw bytes.
fn typed_data(tensor: &TensorProto, dtype: DataType) -> Result<Bytes, String> {
    use DataType::*;
    match dtype {
        F32 | C64 => fixed(&tensor.float_data),
        F64 | C128 => fixed(&tensor.double_data),
        I64 => narrow(&tensor.int64_data, |v| v.to_le_bytes()),
        U64 => narrow(&tensor.uint64_data, |v| v.to_le_bytes()),
        U32 => narrow(&tensor.uint64_data, |v| (v as u32).to_le_bytes()),
        I32 => narrow(&tensor.int32_data, |v| v.to_le_bytes()),
        I16 | U16 | F16 | BF16 => narrow(&tensor.int32_data, |v| (v as u16).to_le_bytes()),
        // Types below a byte are packed in the typed field too: one number holds one byte.
        _ => narrow(&tensor.int32_data, |v| (v as u8).to_le_bytes()),
    }
    .ok_or_else(|| format!("its typed data is damaged (elements of {dtype} expected)"))
}

fn fixed<T: Element>(field: &Packed<T>) -> Option<Bytes> {
    match field.as_bytes() {
        Some(run) => Some(run),
        None => Some(field.runs().iter().flatten().copied().collect()),
    }
}

fn narrow<T: Element, const N: usize>(
    field: &Packed<T>,
    convert: impl Fn(T) -> [u8; N],
) -> Option<Bytes> {
    let mut out = Vec::with_capacity(field.byte_len());
    for element in field.iter() {
        out.extend_from_slice(&convert(element?));
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_along_an_axis() {
        let numbers: Vec<f32> = (0..12).map(|n| n as f32).collect();
        let whole = Tensor::from_f32(&[2, 3, 2], &numbers);
        let middle = whole.part(1, 1, 2, 1).unwrap();
        assert_eq!(middle, Tensor::from_f32(&[2, 1, 2], &[2.0, 3.0, 8.0, 9.0]));
        let outer = whole.part(1, 0, 3, 2).unwrap();
        let expected = [0.0, 1.0, 4.0, 5.0, 6.0, 7.0, 10.0, 11.0];
        assert_eq!(outer, Tensor::from_f32(&[2, 2, 2], &expected));
        let last = whole.part(2, 1, 2, 1).unwrap();
        assert_eq!(last.to_f64().unwrap(), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        assert!(whole.part(1, 2, 2, 1).unwrap().is_empty());
        for (axis, start, end, step) in [(3, 0, 1, 1), (0, 0, 3, 1), (0, -1, 1, 1), (0, 0, 1, 0)] {
            assert_eq!(whole.part(axis, start, end, step), None);
        }
        let empty = Tensor::from_f32(&[2, 0], &[]);
        assert_eq!(empty.part(0, 0, 1, 1), Some(Tensor::from_f32(&[1, 0], &[])));
    }
}
