//! Tensors that are broadcast to their tables.
//!
//! The operators want tables no larger than the tensor. In a graph, whose products broadcast either way, nothing says so where the
//! two have sizes of their own names, as positions do whose batch is named apart from that of the tokens. There the tensor is
//! expanded first, which copies it and changes nothing where the sizes agree.

use rustc_hash::FxHashMap;

use crate::facts::Dim;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, Tensor};
use crate::recognize::{Site, TableInput};
use crate::rewrite::function::value;
use crate::rewrite::rotary::Names;

use super::table::Laid;

/// Which of a site's cosines and sines its tensor is to be expanded to, as they may be larger.
pub(super) fn larger(shapes: &FxHashMap<String, Vec<Dim>>, site: &Site) -> [bool; 2] {
    let Some(x) = shapes.get(&site.x) else {
        return [false; 2];
    };
    let rows = |input: &TableInput| {
        let shape = shapes.get(&input.value)?;
        Some((input.unsqueeze.clone(), shape.split_last()?.1.to_vec()))
    };
    let alike = rows(&site.cos) == rows(&site.sin);
    let [cos, sin] = [&site.cos, &site.sin].map(|input| {
        let laid = shapes
            .get(&input.value)
            .map(|shape| Laid::new(input, shape, x.len()));
        laid.flatten().is_some_and(|laid| laid.doubt(x).is_some())
    });
    // What fits the one fits the other.
    [cos, sin && !alike]
}

/// Nodes that broadcast `x` to the rows of `table`, and what they give.
pub(super) fn to(
    table: &str,
    x: &str,
    names: &mut Names,
    edit: &mut Edit,
) -> (Vec<NodeProto>, String) {
    let mut list = |n: i64| {
        let name = names.fresh(&format!("phasor_int64_{n}"));
        let tensor = Tensor::from_i64(&[1], &[n]);
        edit.add_initializers.push(tensor.to_proto(&name));
        name
    };
    let [from, to, channels] = [list(0), list(-1), list(1)];
    let mut nodes = Vec::new();
    let mut node = |op: &str, inputs: &[&str], axis: Option<i64>| {
        let output = names.fresh(&format!("{x}_{}", op.to_lowercase()));
        nodes.push(NodeProto {
            name: Some(output.clone()),
            op_type: Some(op.to_owned()),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.clone()],
            attribute: axis
                .map(|axis| value("axis", axis.into()))
                .into_iter()
                .collect(),
            ..Default::default()
        });
        output
    };
    let shape = node("Shape", &[table], None);
    let rows = node("Slice", &[&shape, &from, &to], None);
    let target = node("Concat", &[&rows, &channels], Some(0));
    let wide = node("Expand", &[x, &target], None);
    (nodes, wide)
}
