//! Scores as a product of vectors with the rows of a table.

use crate::onnx::DataType;
use crate::recognize::{Lut, Product, Rows};
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::subject::Subject;

use super::{lut, positions};

/// The scores, of type `dtype`, and the column of each distance.
pub(super) fn scores(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    (at, dtype): (usize, DataType),
    product: &Product,
    by: &Lut,
) -> (String, String) {
    let stem = &product.table;
    let mut table = stem.clone();
    let slice = |draft: &mut Draft<'_>, first: String, end: String| {
        let axes = draft.list(&[0]);
        let op = Op::new("Slice", [stem.clone(), first, end, axes]);
        draft.shared(at, &format!("{stem}_rows"), op)
    };
    let by = match product.rows {
        Rows::All => lut::of(draft, at, by, |draft| positions::size(draft, at, stem, 0)),
        Rows::Part { first, count } => {
            let bounds = [first, first + count];
            let [first, end] = bounds.map(|bound| draft.list(&[bound as i64]));
            table = slice(draft, first, end);
            lut::of(draft, at, by, |draft| positions::size(draft, at, &table, 0))
        }
        Rows::Around { middle } => {
            let around = around(draft, subject, at, product, middle);
            let zero = draft.list(&[0]);
            let [first, end] = [&around.first, &around.end].map(|bound| {
                let op = Op::new("Unsqueeze", [bound.clone(), zero.clone()]);
                draft.shared(at, &format!("{bound}_list"), op)
            });
            table = slice(draft, first, end);
            // Counted from the vectors: a table that lacks rows leaves entries that are no columns, and the operator fails as the
            // graph does.
            lut::of(draft, at, by, |draft| {
                let op = Op::new("Sub", [around.end, around.first]);
                draft.shared(at, "phasor_columns", op)
            })
        }
    };
    if product.table_dtype != dtype {
        let cast = Op::new("Cast", [table]).with("to", i64::from(dtype.to_onnx()));
        table = draft.shared(at, &format!("{stem}_cast"), cast);
    }
    let turned = Op::new("Transpose", [table]).with_list("perm", &[1, 0]);
    let turned = draft.shared(at, &format!("{stem}_transposed"), turned);
    let mut x = product.x.clone();
    if !product.order.is_empty() {
        let order: Vec<i64> = product.order.iter().map(|&axis| axis as i64).collect();
        let op = Op::new("Transpose", [x]).with_list("perm", &order);
        x = draft.shared(at, &format!("{}_transposed", product.x), op);
    }
    let product = Op::new("MatMul", [x, turned]);
    (draft.shared(at, "phasor_scores", product), by)
}

/// Bounds of rows, as scalars.
struct Around {
    first: String,
    end: String,
}

/// As many rows to either side of one as there are vectors, less one. Vectors of the same symbolic number share them.
fn around(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    at: usize,
    product: &Product,
    middle: i64,
) -> Around {
    // The axis before the last, in the order of the scores.
    let shape = subject.shapes.get(&product.x);
    let axis = match product.order.len() {
        0 => shape.and_then(|shape| shape.len().checked_sub(2)),
        rank => product.order.get(rank - 2).copied(),
    };
    let dim = axis.and_then(|axis| shape?.get(axis));
    let meaning = dim.filter(|dim| !dim.is_unknown());
    let meaning = meaning.map(|dim| format!("vectors {dim:?}"));
    let known = meaning.as_deref().and_then(|m| draft.remembered(m));
    let count = known.unwrap_or_else(|| {
        let axis = axis.map_or(-2, |axis| axis as i64);
        let count = positions::size(draft, at, &product.x, axis);
        // Without vectors one row is left, so that the lookup table has an entry.
        let one = draft.integers(&[], &[1]);
        let count = draft.shared(at, "phasor_vectors", Op::new("Max", [count, one]));
        if let Some(meaning) = meaning {
            draft.remember(meaning, &count);
        }
        count
    });
    let [after, middle] = [middle + 1, middle].map(|row| draft.integers(&[], &[row]));
    let first = Op::new("Sub", [after, count.clone()]);
    let end = Op::new("Add", [middle, count]);
    Around {
        first: draft.shared(at, "phasor_first", first),
        end: draft.shared(at, "phasor_end", end),
    }
}
