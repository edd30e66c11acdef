//! Expands tensors whose tables may be larger.
//!
//! The operators require tables no larger than the tensor, while the products of a graph broadcast either way. If an axis has
//! different symbolic sizes in the two (a batch of positions that is named apart from that of the tokens), callers may choose the
//! tensor's as 1 and the table's as more. There the tensor is expanded first. That costs a copy, and changes nothing if the sizes
//! agree.

use rustc_hash::FxHashMap;

use crate::facts::Dim;
use crate::onnx::Tensor;
use crate::recognize::TableInput;
use crate::rewrite::draft::{Draft, Op};

use super::foreign::Laid;
use super::site::RotarySite;

/// Whether the cosines and the sines of a site may be larger than its tensor, which is then to be expanded to them.
pub(super) fn larger(shapes: &FxHashMap<String, Vec<Dim>>, site: &RotarySite) -> [bool; 2] {
    let Some(x) = shapes.get(&site.rotary.x) else {
        return [false; 2];
    };
    let rows = |input: &TableInput| {
        let shape = shapes.get(&input.value)?;
        Some((input.unsqueeze.clone(), shape.split_last()?.1.to_vec()))
    };
    let alike = rows(&site.rotary.cos) == rows(&site.rotary.sin);
    let [cos, sin] = [&site.rotary.cos, &site.rotary.sin].map(|input| {
        let laid = shapes
            .get(&input.value)
            .map(|shape| Laid::new(input, shape, x.len()));
        laid.flatten().is_some_and(|laid| laid.doubt(x).is_some())
    });
    // Tables of the same rows need one expansion.
    [cos, sin && !alike]
}

/// `x` broadcast to the rows of `table` before the node at `at`.
pub(super) fn to(table: &str, x: &str, at: usize, draft: &mut Draft<'_>) -> String {
    // All sizes of the table but the last, which is its own number of columns; 1 there leaves the tensor's channels as they are.
    let mut list = |n: i64| {
        let tensor = Tensor::from_i64(&[1], &[n]);
        draft.initializer(&format!("phasor_int64_{n}"), &tensor)
    };
    let [from, to, channels] = [list(0), list(-1), list(1)];
    let mut node = |op: Op<'_>| {
        let stem = format!("{x}_{}", op.op.to_lowercase());
        draft.own(at, &stem, op)
    };
    let shape = node(Op::new("Shape", [table.to_owned()]));
    let rows = node(Op::new("Slice", [shape, from, to]));
    let target = node(Op::new("Concat", [rows, channels]).with("axis", 0));
    node(Op::new("Expand", [x.to_owned(), target]))
}
