//! The lookup table of a site as a value of the graph.

use crate::onnx::Tensor;
use crate::recognize::Lut;
use crate::rewrite::draft::{Draft, Op};

/// The row or column of each distance, in int64. `count` gives the number of columns, a scalar, where they come in order.
pub(super) fn of<'d>(
    draft: &mut Draft<'d>,
    at: usize,
    lut: &Lut,
    count: impl FnOnce(&mut Draft<'d>) -> String,
) -> String {
    match lut {
        Lut::Known(entries) => known(draft, entries),
        Lut::Columns { even, reversed } => {
            let count = count(draft);
            columns(draft, at, (*even, *reversed), count)
        }
    }
}

fn known(draft: &mut Draft<'_>, entries: &[i64]) -> String {
    let meaning = format!("lut {entries:?}");
    if let Some(known) = draft.remembered(&meaning) {
        return known;
    }
    let tensor = Tensor::from_i64(&[entries.len()], entries);
    let name = draft.initializer("phasor_lut", &tensor);
    draft.remember(meaning, &name);
    name
}

/// `0, 1, ..., R - 1`; for an even `R` with the last once more, so that there is one for each distance from `-R / 2` to `R / 2`.
/// Reversed, the last is the first.
fn columns(
    draft: &mut Draft<'_>,
    at: usize,
    (even, reversed): (bool, bool),
    count: String,
) -> String {
    // A number that no node reads is not written.
    let number = |draft: &mut Draft<'_>, number| draft.integers(&[], &[number]);
    let last = |draft: &mut Draft<'_>| {
        let op = Op::new("Sub", [count.clone(), number(draft, 1)]);
        draft.shared(at, "phasor_last", op)
    };
    let step = number(draft, if reversed { -1 } else { 1 });
    let range = match (even, reversed) {
        (false, false) => [number(draft, 0), count.clone(), step],
        (true, false) => {
            let op = Op::new("Add", [count.clone(), step.clone()]);
            let longer = draft.shared(at, "phasor_count", op);
            [number(draft, 0), longer, step]
        }
        (false, true) => [last(draft), step.clone(), step],
        (true, true) => [count.clone(), step.clone(), step],
    };
    let all = Op::new("Range", range);
    if !even {
        return draft.shared(at, "phasor_lut", all);
    }
    let all = draft.shared(at, "phasor_range", all);
    let last = last(draft);
    draft.shared(at, "phasor_lut", Op::new("Min", [all, last]))
}
