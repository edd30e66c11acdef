//! Where a bias goes: into the scores of attention, before their softmax.
//!
//! A slope for each head times a position is also the angle of a rotation, or the trend of a series. What tells them apart is what they
//! are used for. So a tensor is a bias only if operators that work element by element take it to a softmax.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;

use super::search::{Search, is_movement};

/// Most values that are looked at.
const MAX_VALUES: usize = 512;

/// Where operators that attend take a bias or a mask: after queries, keys and values.
const FIRST_BIAS: usize = 3;

/// What an operator does to a bias that it reads.
enum Step {
    /// Hands it on.
    Carries,
    /// Adds it to something.
    Adds,
    /// Attends by it.
    Attends,
    /// Takes it to a power, as a softmax does that is written out.
    Raises,
    /// Something else.
    Ends,
}

fn step(op: &str, slot: usize) -> Step {
    match op {
        "Softmax" => Step::Attends,
        op if op.ends_with("Attention") && slot >= FIRST_BIAS => Step::Attends,
        "Add" | "Sub" | "Sum" => Step::Adds,
        "Exp" => Step::Raises,
        "Mul" | "Div" | "Cast" | "CastLike" | "Where" | "Clip" | "Min" | "Max" | "ScatterND"
        | "ScatterElements" => Step::Carries,
        op if is_movement(op) => Step::Carries,
        _ => Step::Ends,
    }
}

/// Whether a tensor becomes scores of attention, or is added to some.
pub(super) fn reach(search: &Search<'_, '_>, value: ValueId) -> bool {
    let (index, graph) = (search.it.index(), search.it.file.graph());
    let mut seen = FxHashSet::default();
    let mut open = vec![(value, false)];
    while let Some((value, added)) = open.pop() {
        if !seen.insert((value, added)) {
            continue;
        }
        if seen.len() > MAX_VALUES {
            return false;
        }
        for &(node, slot) in index.consumers(value) {
            let node = &graph.node[node];
            let added = match step(node.op_type(), slot) {
                Step::Attends => return true,
                Step::Raises if added => return true,
                Step::Raises | Step::Ends => continue,
                Step::Carries => added,
                Step::Adds => true,
            };
            let outputs = node.output.iter().filter(|name| !name.is_empty());
            open.extend(outputs.filter_map(|name| Some((index.id(name)?, added))));
        }
    }
    false
}
