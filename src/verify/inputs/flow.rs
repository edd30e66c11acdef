//! Which integers may have any value: those used only in arithmetic.
//!
//! A model may use an integer as a size, in which case a large one exhausts memory, or pass it to an operator of which nothing is known.
//! So values far from the usual ones are tried only where every use is known to be arithmetic, a comparison, or a look-up, which
//! reports an error if it is out of range.

use crate::onnx::ModelFile;
use crate::onnx::proto::is_default_domain;
use phasor_ops::contract::DOMAIN;
use rustc_hash::FxHashSet;

/// What a node does with a value that it takes as an input.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Results grow with it.
    On,
    /// No result does.
    End,
    /// Not known, or a size.
    No,
}

fn way(domain: &str, op: &str, slot: usize) -> Way {
    match (domain, op, slot) {
        (DOMAIN, "RotaryTable", 0 | 1) => Way::End,
        (domain, _, _) if is_default_domain(domain) => match (op, slot) {
            ("Cos" | "Sin" | "Softmax" | "Shape" | "Size" | "MatMul" | "Gemm" | "Einsum", _)
            | ("Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual", _)
            | ("Gather" | "GatherElements" | "GatherND", 1) => Way::End,
            ("Cast" | "CastLike" | "Identity" | "Transpose" | "Flatten", 0)
            | ("Reshape" | "Unsqueeze" | "Squeeze" | "Expand" | "Slice" | "Split" | "Tile", 0)
            | ("Gather" | "GatherElements" | "GatherND" | "CumSum", 0)
            | ("ReduceMax" | "ReduceMin" | "ReduceSum" | "ReduceMean", 0)
            | ("Neg" | "Abs" | "Floor" | "Ceil" | "Round" | "Clip" | "Sqrt" | "Reciprocal", 0)
            | ("Div" | "Mod", 0)
            | ("Add" | "Sub" | "Mul" | "Min" | "Max" | "Where" | "Concat", _) => Way::On,
            _ => Way::No,
        },
        _ => Way::No,
    }
}

/// Whether an input of the main graph may have any value that its type holds.
pub(super) fn may_be_far(file: &ModelFile, input: &str) -> bool {
    let (graph, index) = (file.graph(), file.index());
    let Some(start) = index.id(input) else {
        return false;
    };
    let mut seen = FxHashSet::default();
    let mut open = vec![start];
    while let Some(value) = open.pop() {
        if !seen.insert(value) {
            continue;
        }
        if !index.capturers(value).is_empty() {
            return false;
        }
        for (position, slot) in index.consumers(value) {
            let node = &graph.node[*position];
            match way(node.domain(), node.op_type(), *slot) {
                Way::On => open.extend(node.output.iter().filter_map(|name| index.id(name))),
                Way::End => {}
                Way::No => return false,
            }
        }
    }
    true
}
