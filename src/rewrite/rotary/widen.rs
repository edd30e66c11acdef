//! Tensors that are broadcast to their tables.
//!
//! The operators want tables no larger than the tensor. In a graph, whose products broadcast either way, nothing says so where the
//! two have sizes of their own names, as positions do whose batch is named apart from that of the tokens. There the tensor is
//! expanded first, which copies it and changes nothing where the sizes agree.

use rustc_hash::FxHashMap;

use crate::facts::Dim;
use crate::onnx::Tensor;
use crate::onnx::proto::NodeProto;
use crate::recognize::TableInput;
use crate::rewrite::draft::Draft;
use crate::rewrite::function::value;

use super::RotarySite;
use super::foreign::Laid;

/// Which of a site's cosines and sines its tensor is to be expanded to, as they may be larger.
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
    // What fits the one fits the other.
    [cos, sin && !alike]
}

/// `x` broadcast to the rows of `table` before the node at `at`.
pub(super) fn to(table: &str, x: &str, at: usize, draft: &mut Draft<'_>) -> String {
    let mut list = |n: i64| {
        let tensor = Tensor::from_i64(&[1], &[n]);
        draft.initializer(&format!("phasor_int64_{n}"), &tensor)
    };
    let [from, to, channels] = [list(0), list(-1), list(1)];
    let mut node = |op: &str, inputs: &[&str], axis: Option<i64>| {
        let output = draft.fresh(&format!("{x}_{}", op.to_lowercase()));
        let node = NodeProto {
            name: Some(output.clone()),
            op_type: Some(op.to_owned()),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.clone()],
            attribute: axis
                .map(|axis| value("axis", axis.into()))
                .into_iter()
                .collect(),
            ..Default::default()
        };
        draft.push(at, node);
        output
    };
    let shape = node("Shape", &[table], None);
    let rows = node("Slice", &[&shape, &from, &to], None);
    let target = node("Concat", &[&rows, &channels], Some(0));
    node("Expand", &[x, &target], None)
}
