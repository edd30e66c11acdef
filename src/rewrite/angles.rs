//! What a node that computes angles reads beside positions as the graph has them.
//!
//! Tools that convert a model to float16 take whatever is in float with them. So frequencies are given in double, positions in float are cast
//! to double, which loses nothing, and the type of the results is that of a tensor, which is converted along with the rest.

use crate::onnx::{DataType, ModelFile, Tensor};
use crate::recognize::Frequencies;

use super::draft::{Draft, Op};

/// Puts a node where the caller wants it, and returns its result; the text is a stem for names.
pub(super) type Put<'p> = dyn FnMut(&mut Draft<'_>, &str, Op<'_>) -> String + 'p;

/// The frequencies in double: `[F]`, or one row for each coordinate.
pub(super) fn frequencies(
    draft: &mut Draft<'_>,
    frequencies: &Frequencies,
    dtype: DataType,
    stem: &str,
    put: &mut Put<'_>,
) -> String {
    let double =
        |shape: &[usize], numbers: &[f64]| Tensor::from_f64_as(DataType::F64, shape, numbers);
    let (name, flatten) = match frequencies {
        Frequencies::Numbers(rows) => {
            let numbers = rows.concat();
            let shape = match rows.len() {
                1 => vec![numbers.len()],
                streams => vec![streams, numbers.len() / streams.max(1)],
            };
            return draft.constant(stem, &double(&shape, &numbers));
        }
        Frequencies::Value { name, flatten } => (name, *flatten),
    };
    if let Some(numbers) = held(draft.file, name, dtype) {
        return draft.constant(stem, &double(&[numbers.len()], &numbers));
    }
    let mut value = name.clone();
    if flatten {
        let all = draft.list(&[-1]);
        value = put(draft, stem, Op::reshape(value, all, false));
    }
    doubled(draft, value, dtype, stem, put)
}

/// The number of nodes that [`frequencies`] puts.
pub(super) fn count(file: &ModelFile, frequencies: &Frequencies, dtype: DataType) -> usize {
    match frequencies {
        Frequencies::Value { name, flatten } if held(file, name, dtype).is_none() => {
            usize::from(*flatten) + usize::from(dtype != DataType::F64)
        }
        _ => 0,
    }
}

/// Numbers that the model holds and that are not double yet.
fn held(file: &ModelFile, name: &str, dtype: DataType) -> Option<Vec<f64>> {
    if dtype == DataType::F64 {
        return None;
    }
    let constant = file.constant(file.index().id(name)?)?;
    let tensor = file.tensor(&file.graph().initializer[constant]).ok()?;
    tensor.to_f64()
}

/// Positions; those in float in double.
pub(super) fn positions(
    draft: &mut Draft<'_>,
    value: &str,
    dtype: DataType,
    put: &mut Put<'_>,
) -> String {
    match dtype {
        DataType::F32 => doubled(draft, value.to_owned(), dtype, value, put),
        _ => value.to_owned(),
    }
}

fn doubled(
    draft: &mut Draft<'_>,
    value: String,
    dtype: DataType,
    stem: &str,
    put: &mut Put<'_>,
) -> String {
    if dtype == DataType::F64 {
        return value;
    }
    let to = i64::from(DataType::F64.to_onnx());
    put(
        draft,
        &format!("{stem}_double"),
        Op::new("Cast", [value]).with("to", to),
    )
}

/// A tensor of this type.
pub(super) fn target_type(draft: &mut Draft<'_>, dtype: DataType) -> String {
    draft.constant(
        &format!("phasor_{dtype}"),
        &Tensor::from_f64_as(dtype, &[], &[0.0]),
    )
}

/// The type that a node which computes angles in type `angles` gives its results, where all that read them want `wanted`: that type,
/// unless it loses digits of another arithmetic.
pub(super) fn result_type(angles: DataType, wanted: DataType) -> DataType {
    let double = |dtype| dtype == DataType::F64;
    match double(angles) == double(wanted) {
        true => wanted,
        false => angles,
    }
}
