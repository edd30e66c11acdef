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
        Lut::Known(entries) => {
            let tensor = Tensor::from_i64(&[entries.len()], entries);
            draft.constant("phasor_lut", &tensor)
        }
        Lut::Columns { even, reversed } => {
            let count = count(draft);
            columns(draft, at, (*even, *reversed), count)
        }
    }
}

/// `0, 1, ..., R - 1`; for an even `R` with the last once more, so that there is one for each distance from `-R / 2` to `R / 2`.
/// Reversed, the last is the first. The number of entries is odd for any `R`: scores without elements may have any number of columns.
fn columns(
    draft: &mut Draft<'_>,
    at: usize,
    (even, reversed): (bool, bool),
    count: String,
) -> String {
    // A number that no node reads is not written.
    let scalar = |draft: &mut Draft<'_>, number| draft.integers(&[], &[number]);
    let number = |draft: &mut Draft<'_>, stem, op, a: &String, b| {
        let op = Op::new(op, [a.clone(), draft.integers(&[], &[b])]);
        draft.shared(at, stem, op)
    };
    let reach = number(draft, "phasor_reach", "Div", &count, 2);
    let end = number(draft, "phasor_end", "Mul", &reach, 2);
    let step = scalar(draft, if reversed { -1 } else { 1 });
    let range = match reversed {
        false => [
            scalar(draft, 0),
            number(draft, "phasor_count", "Add", &end, 1),
            step,
        ],
        true => [end, step.clone(), step],
    };
    let all = Op::new("Range", range);
    if !even {
        return draft.shared(at, "phasor_lut", all);
    }
    let last = number(draft, "phasor_last", "Sub", &count, 1);
    let all = draft.shared(at, "phasor_range", all);
    draft.shared(at, "phasor_lut", Op::new("Min", [all, last]))
}
