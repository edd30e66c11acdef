//! Types, and tensors of a type.

use bytes::Bytes;

use super::super::DataType;
use super::super::proto::tensor_shape_proto::{Dimension, dimension};
use super::super::proto::{
    StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto, tensor_proto, type_proto,
};
use super::SyntaxError;
use super::scan::Scanner;

/// Types that are not element types.
const CONSTRUCTORS: [&str; 4] = ["seq", "optional", "map", "sparse_tensor"];

/// The element type of that name.
fn element(word: &str) -> Option<DataType> {
    (1..)
        .map_while(DataType::from_onnx)
        .find(|dtype| dtype.name() == word)
}

/// Whether a type is next.
pub(super) fn is_next(scanner: &mut Scanner<'_>) -> bool {
    let word = scanner.peek_identifier();
    word.is_some_and(|word| element(word).is_some() || CONSTRUCTORS.contains(&word))
}

/// A type.
pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<TypeProto, SyntaxError> {
    scanner.nested(|scanner| {
        let value = match scanner.peek_identifier() {
            Some("seq") => type_proto::Value::SequenceType(type_proto::Sequence {
                elem_type: Some(inside(scanner)?),
            }),
            Some("optional") => type_proto::Value::OptionalType(type_proto::Optional {
                elem_type: Some(inside(scanner)?),
            }),
            Some("map") => {
                scanner.identifier("a type")?;
                scanner.mark('(')?;
                let key = element_type(scanner)?;
                scanner.mark(',')?;
                let value = read(scanner)?;
                scanner.mark(')')?;
                type_proto::Value::MapType(type_proto::Map {
                    key_type: Some(key.to_onnx()),
                    value_type: Some(Box::new(value)),
                })
            }
            Some("sparse_tensor") => {
                scanner.identifier("a type")?;
                scanner.mark('(')?;
                let (dtype, shape) = tensor_type(scanner)?;
                scanner.mark(')')?;
                type_proto::Value::SparseTensorType(type_proto::SparseTensor {
                    elem_type: Some(dtype.to_onnx()),
                    shape,
                })
            }
            _ => {
                let (dtype, shape) = tensor_type(scanner)?;
                type_proto::Value::TensorType(type_proto::Tensor {
                    elem_type: Some(dtype.to_onnx()),
                    shape,
                })
            }
        };
        Ok(TypeProto {
            value: Some(value),
            denotation: None,
        })
    })
}

/// The type in parentheses after `seq` or `optional`.
fn inside(scanner: &mut Scanner<'_>) -> Result<Box<TypeProto>, SyntaxError> {
    scanner.identifier("a type")?;
    scanner.mark('(')?;
    let inner = read(scanner)?;
    scanner.mark(')')?;
    Ok(Box::new(inner))
}

fn element_type(scanner: &mut Scanner<'_>) -> Result<DataType, SyntaxError> {
    match scanner.peek_identifier().and_then(element) {
        Some(dtype) => scanner.identifier("an element type").map(|_| dtype),
        None => Err(scanner.expected("a type, such as `float[N, 4]`")),
    }
}

/// Element type and shape; no shape where the rank is unknown.
fn tensor_type(
    scanner: &mut Scanner<'_>,
) -> Result<(DataType, Option<TensorShapeProto>), SyntaxError> {
    let dtype = element_type(scanner)?;
    if !scanner.takes('[') {
        return Ok((dtype, Some(TensorShapeProto::default())));
    }
    if scanner.takes(']') {
        return Ok((dtype, None));
    }
    let dim = scanner.list(']', dimension)?;
    Ok((dtype, Some(TensorShapeProto { dim })))
}

fn dimension(scanner: &mut Scanner<'_>) -> Result<Dimension, SyntaxError> {
    let value = if scanner.takes('?') {
        None
    } else if let Some(symbol) = scanner.optional_name()? {
        Some(dimension::Value::DimParam(symbol))
    } else {
        let number = scanner.number("a dimension: a number, a name or `?`")?;
        let size = scanner.parsed(number, "int64")?;
        Some(dimension::Value::DimValue(size))
    };
    Ok(Dimension {
        value,
        denotation: None,
    })
}

/// Whether the data of a tensor is next.
pub(super) fn is_data_next(scanner: &mut Scanner<'_>) -> bool {
    matches!(scanner.peek(), Some('{' | '['))
}

/// The data of a tensor called `name` of a type that was read at `place`.
pub(super) fn tensor(
    scanner: &mut Scanner<'_>,
    name: &str,
    kind: &TypeProto,
    place: usize,
) -> Result<TensorProto, SyntaxError> {
    let wrong = |scanner: &Scanner<'_>, what: &str| scanner.error_at(place, what.to_owned());
    let Some(type_proto::Value::TensorType(kind)) = &kind.value else {
        return Err(wrong(scanner, "data of what is no tensor"));
    };
    let dtype = kind.elem_type.and_then(DataType::from_onnx);
    let (Some(dtype), Some(shape)) = (dtype, &kind.shape) else {
        return Err(wrong(scanner, "a tensor with data of unknown rank"));
    };
    let sizes = shape.dim.iter().map(|dim| match dim.value {
        Some(dimension::Value::DimValue(size)) if size >= 0 => Some(size),
        _ => None,
    });
    let dims: Vec<i64> = match sizes.collect() {
        Some(dims) => dims,
        None => return Err(wrong(scanner, "a tensor with data of unknown size")),
    };
    let mut tensor = TensorProto {
        name: (!name.is_empty()).then(|| name.to_owned()),
        data_type: Some(dtype.to_onnx()),
        ..Default::default()
    };
    if scanner.takes('[') {
        tensor.external_data = scanner.list(']', entry)?;
        tensor.data_location = Some(tensor_proto::DataLocation::External as i32);
    } else {
        let start = scanner.place();
        let count = data(scanner, dtype, &mut tensor)?;
        let wanted = dims.iter().try_fold(1i64, |n, &size| n.checked_mul(size));
        if wanted != i64::try_from(count).ok() {
            let shape: Vec<String> = dims.iter().map(i64::to_string).collect();
            let message = format!("{count} elements for the shape [{}]", shape.join(", "));
            return Err(scanner.error_at(start, message));
        }
    }
    tensor.dims = dims;
    Ok(tensor)
}

/// A key and what belongs to it.
pub(super) fn entry(scanner: &mut Scanner<'_>) -> Result<StringStringEntryProto, SyntaxError> {
    let key = scanner.string("a key in quotes")?;
    scanner.mark(':')?;
    let value = scanner.string("a value in quotes")?;
    Ok(StringStringEntryProto {
        key: Some(key),
        value: Some(value),
    })
}

/// The elements between braces; returns how many there are.
fn data(
    scanner: &mut Scanner<'_>,
    dtype: DataType,
    tensor: &mut TensorProto,
) -> Result<usize, SyntaxError> {
    let start = scanner.place();
    scanner.mark('{')?;
    if dtype == DataType::String {
        let strings = scanner.list('}', |scanner| scanner.string("a string in quotes"))?;
        let count = strings.len();
        tensor.string_data = strings.into_iter().map(Bytes::from).collect();
        return Ok(count);
    }
    macro_rules! elements {
        ($scanner:ident => $read:expr) => {
            scanner.list('}', |$scanner| Ok($read.to_le_bytes().to_vec()))
        };
    }
    let kind = dtype.name();
    let elements = match dtype {
        DataType::F32 => elements!(s => { let n = s.number("a number")?; s.as_float(n)? }),
        DataType::F64 => elements!(s => { let n = s.number("a number")?; s.as_double(n)? }),
        DataType::I64 => elements!(s => s.integer::<i64>(kind)?),
        DataType::I32 => elements!(s => s.integer::<i32>(kind)?),
        DataType::I16 => elements!(s => s.integer::<i16>(kind)?),
        DataType::I8 => elements!(s => s.integer::<i8>(kind)?),
        DataType::U64 => elements!(s => s.integer::<u64>(kind)?),
        DataType::U32 => elements!(s => s.integer::<u32>(kind)?),
        DataType::U16 | DataType::F16 | DataType::BF16 => elements!(s => s.integer::<u16>(kind)?),
        DataType::U8 => elements!(s => s.integer::<u8>(kind)?),
        DataType::Bool => scanner.list('}', |scanner| {
            let place = scanner.place();
            match scanner.integer::<u8>(kind)? {
                bit @ (0 | 1) => Ok(vec![bit]),
                _ => Err(scanner.error_at(place, "a bool that is neither 0 nor 1".to_owned())),
            }
        }),
        _ => {
            let message = format!("elements of type {kind} are not read");
            return Err(scanner.error_at(start, message));
        }
    }?;
    tensor.raw_data = Some(elements.concat().into());
    Ok(elements.len())
}
