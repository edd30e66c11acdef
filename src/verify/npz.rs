//! Reads tensors from a NumPy `.npz` archive.
//!
//! Booleans, integers and floats of either byte order and in either storage order are understood. A two-byte `void` array, as
//! NumPy writes bfloat16, is read as bfloat16. A length in the file alone never decides how much is allocated.

use crate::onnx::{DataType, Tensor};
use bytes::Bytes;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, TypeStr};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Longest array header that is read.
const MAX_HEADER: usize = 1 << 20;

/// An archive that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// It cannot be opened, or is not an archive.
    #[error("`{}`: cannot be read as .npz: {cause}", file.display())]
    Archive {
        /// The archive.
        file: PathBuf,
        /// Why.
        cause: String,
    },
    /// One of its arrays cannot be used.
    #[error("`{}`: array `{array}`: {cause}", file.display())]
    Array {
        /// The archive.
        file: PathBuf,
        /// The array's name.
        array: String,
        /// Why.
        cause: String,
    },
}

/// Reads every array of an archive, in alphabetical order.
///
/// # Errors
/// If the file is not an archive, or one of the arrays is damaged or of a type that no tensor has.
pub fn read(path: &Path) -> Result<Vec<(String, Tensor)>, NpzError> {
    let fault = |cause: std::io::Error| NpzError::Archive {
        file: path.to_owned(),
        cause: cause.to_string(),
    };
    let mut archive = npyz::npz::NpzArchive::open(path).map_err(fault)?;
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let entry = npyz::npz::file_name_from_array_name(&name);
            let tensor = match archive.zip_archive().by_name(&entry) {
                Ok(reader) => array(reader),
                Err(error) => Err(error.to_string()),
            };
            match tensor {
                Ok(tensor) => Ok((name, tensor)),
                Err(cause) => Err(NpzError::Array {
                    file: path.to_owned(),
                    array: name,
                    cause,
                }),
            }
        })
        .collect()
}

/// Reads one array in the `.npy` format.
fn array(mut reader: impl Read) -> Result<Tensor, String> {
    // The magic, the version and the header's length: two bytes of it in version 1, four later.
    let mut start = [0u8; 12];
    reader.read_exact(&mut start).map_err(|e| e.to_string())?;
    let length = match start[6] {
        1 => usize::from(u16::from_le_bytes([start[8], start[9]])),
        _ => u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize,
    };
    if length > MAX_HEADER {
        return Err(format!("its header claims {length} bytes"));
    }
    let mut reader = Cursor::new(start).chain(reader);
    let header = NpyHeader::from_reader(&mut reader).map_err(|e| e.to_string())?;
    let DType::Plain(kind) = header.dtype() else {
        return Err("structured arrays are not tensors".to_owned());
    };
    let dtype = dtype(&kind).ok_or_else(|| format!("its type {kind} is not a tensor type"))?;
    let shape = header
        .shape()
        .iter()
        .map(|n| usize::try_from(*n).ok())
        .collect::<Option<Vec<usize>>>()
        .ok_or("its shape is too large")?;
    let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let size = count
        .and_then(|n| dtype.byte_len(n))
        .ok_or("its shape is too large")?;
    let mut data = Vec::new();
    reader
        .take(size as u64)
        .read_to_end(&mut data)
        .map_err(|e| e.to_string())?;
    if data.len() != size {
        return Err(format!("it ends after {} of {size} bytes", data.len()));
    }
    let width = dtype.bits().unwrap_or(8) / 8;
    if kind.endianness() == Endianness::Big {
        data.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    if header.order() == Order::Fortran {
        data = row_major(&data, &shape, width);
    }
    if dtype == DataType::Bool {
        data.iter_mut().for_each(|b| *b = u8::from(*b != 0));
    }
    Tensor::new(dtype, shape, Bytes::from(data))
}

/// The tensor type of a NumPy type.
fn dtype(kind: &TypeStr) -> Option<DataType> {
    Some(match (kind.type_char(), kind.size_field()) {
        (TypeChar::Bool, 1) => DataType::Bool,
        (TypeChar::Int, 1) => DataType::I8,
        (TypeChar::Int, 2) => DataType::I16,
        (TypeChar::Int, 4) => DataType::I32,
        (TypeChar::Int, 8) => DataType::I64,
        (TypeChar::Uint, 1) => DataType::U8,
        (TypeChar::Uint, 2) => DataType::U16,
        (TypeChar::Uint, 4) => DataType::U32,
        (TypeChar::Uint, 8) => DataType::U64,
        (TypeChar::Float, 2) => DataType::F16,
        (TypeChar::Float, 4) => DataType::F32,
        (TypeChar::Float, 8) => DataType::F64,
        (TypeChar::RawData, 2) => DataType::BF16,
        _ => return None,
    })
}

/// Reorders elements whose first axis runs fastest.
fn row_major(data: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut index = vec![0usize; shape.len()];
    for _ in 0..data.len() / width {
        let mut at = 0;
        for (i, n) in index.iter().zip(shape).rev() {
            at = at * n + i;
        }
        out.extend_from_slice(&data[at * width..][..width]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut text = header.as_bytes().to_vec();
        while !(10 + text.len() + 1).is_multiple_of(64) {
            text.push(b' ');
        }
        text.push(b'\n');
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((text.len() as u16).to_le_bytes());
        out.extend(text);
        out.extend(data);
        out
    }

    fn header(descr: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}")
    }

    #[test]
    fn both_orders_and_byte_orders() {
        let little: Vec<u8> = [1i16, 2, 3, 4, 5, 6]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let t = array(&npy(&header("<i2", "False", "(2, 3)"), &little)[..]).unwrap();
        assert_eq!(t.to_i64().unwrap(), [1, 2, 3, 4, 5, 6]);
        let t = array(&npy(&header("<i2", "True", "(2, 3)"), &little)[..]).unwrap();
        assert_eq!(t.to_i64().unwrap(), [1, 3, 5, 2, 4, 6]);
        let big: Vec<u8> = [1i16, 2].iter().flat_map(|v| v.to_be_bytes()).collect();
        let t = array(&npy(&header(">i2", "False", "(2,)"), &big)[..]).unwrap();
        assert_eq!(t.to_i64().unwrap(), [1, 2]);
        let t = array(&npy(&header("<f8", "False", "()"), &1.5f64.to_le_bytes())[..]).unwrap();
        assert_eq!((t.shape.len(), t.to_f64().unwrap()), (0, vec![1.5]));
    }

    #[test]
    fn damage_is_an_error() {
        let short = npy(&header("<f4", "False", "(1000000000000,)"), &[0; 64]);
        assert!(array(&short[..]).unwrap_err().contains("64 of"));
        let huge = npy(&header("<f4", "False", "(4294967296, 4294967296, 4)"), &[]);
        assert!(array(&huge[..]).is_err());
        let text = npy(&header("<U3", "False", "(1,)"), &[0; 12]);
        assert!(array(&text[..]).unwrap_err().contains("not a tensor type"));
        assert!(array(&b"garbage"[..]).is_err());
        let mut long = npy(&header("<f4", "False", "(1,)"), &[0; 4]);
        long[6] = 2;
        long[8..12].fill(0xff);
        assert!(array(&long[..]).unwrap_err().contains("header claims"));
        assert!(matches!(
            read(Path::new("/nonexistent.npz")),
            Err(NpzError::Archive { .. })
        ));
    }
}
