//! Positions of a site as a value of the graph: int64, `[L]` or `[B, L]`.

use crate::onnx::DataType;
use crate::recognize::Positions;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::subject::Subject;

/// How many positions may become an initializer. More are counted when the model runs.
const MAX_CONSTANT: i64 = 1 << 12;

/// The value that holds some positions.
pub(super) fn of(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    at: usize,
    positions: &Positions,
) -> String {
    match positions {
        Positions::Value {
            name,
            dtype,
            axes,
            rank,
        } => value(draft, at, name, *dtype, (axes, *rank)),
        Positions::Counted { tensor, axis } => counted(draft, subject, at, tensor, *axis),
        Positions::Known(numbers) => draft.list(numbers),
    }
}

/// A tensor of the graph, with these axes of it left. A float holds whole numbers, so the cast changes none.
fn value(
    draft: &mut Draft<'_>,
    at: usize,
    name: &str,
    dtype: DataType,
    (axes, rank): (&[usize], usize),
) -> String {
    let mut value = name.to_owned();
    let dropped: Vec<i64> = (0..rank)
        .filter(|axis| !axes.contains(axis))
        .map(|axis| axis as i64)
        .collect();
    if axes.is_empty() {
        let one = draft.list(&[1]);
        let op = Op::reshape(value, one, false);
        value = draft.shared(at, &format!("{name}_positions"), op);
    } else if !dropped.is_empty() {
        let dropped = draft.list(&dropped);
        let op = Op::new("Squeeze", [value, dropped]);
        value = draft.shared(at, &format!("{name}_positions"), op);
    }
    if dtype != DataType::I64 {
        let cast = Op::new("Cast", [value]).with("to", i64::from(DataType::I64.to_onnx()));
        value = draft.shared(at, &format!("{name}_int64"), cast);
    }
    value
}

/// `0, 1, 2, ...` along an axis of a tensor. Axes of the same symbolic size share a value.
pub(in crate::rewrite) fn counted(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    at: usize,
    tensor: &str,
    axis: usize,
) -> String {
    let shape = subject.shapes.get(tensor);
    let dim = shape.and_then(|shape| shape.get(axis));
    let fixed = dim.and_then(|dim| dim.known());
    if let Some(count) = fixed.filter(|count| (0..=MAX_CONSTANT).contains(count)) {
        let numbers: Vec<i64> = (0..count).collect();
        return draft.list(&numbers);
    }
    let meaning = dim.filter(|dim| !dim.is_unknown());
    let meaning = meaning.map(|dim| format!("positions {dim:?}"));
    if let Some(known) = meaning.as_deref().and_then(|m| draft.remembered(m)) {
        return known;
    }
    let count = size(draft, at, tensor, axis as i64);
    let (zero, one) = (draft.integers(&[], &[0]), draft.integers(&[], &[1]));
    let range = Op::new("Range", [zero, count, one]);
    let range = draft.shared(at, "phasor_positions", range);
    if let Some(meaning) = meaning {
        draft.remember(meaning, &range);
    }
    range
}

/// The size of a tensor along an axis, as a scalar.
pub(in crate::rewrite) fn size(
    draft: &mut Draft<'_>,
    at: usize,
    tensor: &str,
    axis: i64,
) -> String {
    let shape = Op::new("Shape", [tensor.to_owned()]);
    let shape = draft.shared(at, &format!("{tensor}_shape"), shape);
    let axis = draft.integers(&[], &[axis]);
    draft.shared(at, "phasor_count", Op::new("Gather", [shape, axis]))
}
