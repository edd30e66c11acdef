//! The lookup table of a site as a value of the graph.

use crate::onnx::Tensor;
use crate::recognize::Lut;
use crate::rewrite::draft::{Draft, Op};

/// The row or column of each distance, in int64. Columns that come in order are counted along `axis` of `of`.
pub(super) fn of(draft: &mut Draft<'_>, at: usize, lut: &Lut, of: &str, axis: i64) -> String {
    match lut {
        Lut::Known(entries) => known(draft, entries),
        Lut::Columns { even } => columns(draft, at, *even, of, axis),
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
fn columns(draft: &mut Draft<'_>, at: usize, even: bool, of: &str, axis: i64) -> String {
    let count = super::positions::size(draft, at, of, axis);
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
