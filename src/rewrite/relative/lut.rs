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
        Lut::Columns { even } => {
            let count = count(draft);
            columns(draft, at, *even, count)
        }
        Lut::Reversed => {
            let count = count(draft);
            reversed(draft, at, count)
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
fn columns(draft: &mut Draft<'_>, at: usize, even: bool, count: String) -> String {
    let (zero, one) = (draft.integers(&[], &[0]), draft.integers(&[], &[1]));
    let range = |count| Op::new("Range", [zero.clone(), count, one.clone()]);
    if !even {
        return draft.shared(at, "phasor_lut", range(count));
    }
    let longer = Op::new("Add", [count.clone(), one.clone()]);
    let longer = draft.shared(at, "phasor_count", longer);
    let all = draft.shared(at, "phasor_range", range(longer));
    let last = draft.shared(at, "phasor_last", Op::new("Sub", [count, one.clone()]));
    draft.shared(at, "phasor_lut", Op::new("Min", [all, last]))
}

/// `R - 1, R - 2, ..., 0`.
fn reversed(draft: &mut Draft<'_>, at: usize, count: String) -> String {
    let [one, below] = [1, -1].map(|number| draft.integers(&[], &[number]));
    let last = draft.shared(at, "phasor_last", Op::new("Sub", [count, one]));
    let range = Op::new("Range", [last, below.clone(), below]);
    draft.shared(at, "phasor_lut", range)
}
