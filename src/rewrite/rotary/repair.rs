//! Repairs `RotaryEmbedding` nodes of `ai.onnx` and `com.microsoft` that a model has already and that run at batch 1 only.
//!
//! Exporters and optimizers give them tables or positions of batch 1 if the model computes its positions itself. The operators do not
//! broadcast them, so such a model fails at batch 2. They are expanded to the batch of `X`, which changes nothing at batch 1.

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::onnx::proto::NodeProto;

use super::foreign::sizes::Measured;
use super::foreign::view::Entry;
use super::foreign::{CONTRIB, OPERATOR};
use crate::recognize::{Rule, Stage};
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::subject::Target;

/// Identifier of the repair among the rules.
pub const REPAIR: &str = "rotary-batch";

/// The rule's page.
pub(in crate::rewrite) const PAGE: Rule = Rule {
    id: REPAIR,
    summary: "tables or positions of a RotaryEmbedding of `ai.onnx` or `com.microsoft` that exist for batch 1 only",
    matches: "an ai.onnx or com.microsoft RotaryEmbedding node whose tables or positions have batch 1 although the tensor's batch is \
              larger or symbolic",
    rewrites_to: "the same node with those inputs expanded to the tensor's batch",
    conditions: &[
        "target: `--target onnx` for nodes of ai.onnx, `--target contrib` for those of com.microsoft",
        "shapes: the batch of the table or position input is known to be 1",
    ],
    numerics: "the same numbers at the batches where the model ran; it now runs at the others too",
    stages: &[Stage::Target],
};

/// The nodes that need the repair: position in the graph, and the inputs to expand.
pub(in crate::rewrite) fn nodes_to_repair(
    file: &ModelFile,
    facts: &Facts,
    target: Target,
) -> Vec<(usize, Vec<usize>)> {
    let nodes = file.graph().node.iter().enumerate();
    nodes
        .filter(|(_, node)| is_rotary(node, target))
        .map(|(at, node)| (at, narrow(node, facts)))
        .filter(|(_, slots)| !slots.is_empty())
        .collect()
}

/// Plans the repair of one node.
pub(in crate::rewrite) fn node(draft: &mut Draft<'_>, facts: &Facts, at: usize, slots: &[usize]) {
    let node = &draft.file.graph().node[at];
    let mut inputs = node.input.clone();
    let x = Measured {
        value: &node.input[0],
        shape: shape(facts, &node.input[0]).unwrap_or_default(),
    };
    for &slot in slots {
        let rank = shape(facts, &inputs[slot]).map_or(1, <[Dim]>::len);
        let mut to = vec![Entry::Sizes(0..1)];
        to.resize(rank, Entry::Constant(1));
        let to = x.list(draft, at, &to);
        let stem = format!("{}_batch", inputs[slot]);
        let expand = Op::new("Expand", [inputs[slot].clone(), to]);
        inputs[slot] = draft.shared(at, &stem, expand);
    }
    draft.rewire(at, inputs);
}

/// Whether a node is a rotary embedding of this target.
fn is_rotary(node: &NodeProto, target: Target) -> bool {
    let domain = match target {
        Target::Onnx => return node.is_onnx(OPERATOR),
        Target::Contrib => CONTRIB,
        Target::Phasor | Target::PhasorPairs => return false,
    };
    (node.domain(), node.op_type()) == (domain, OPERATOR)
}

fn shape<'a>(facts: &'a Facts, value: &str) -> Option<&'a [Dim]> {
    facts.get(value)?.shape.as_deref()
}

/// The inputs of such a node that have batch 1 while `X` may have another: caches of three axes, or positions.
pub(crate) fn narrow(node: &NodeProto, facts: &Facts) -> Vec<usize> {
    let batch = |slot: usize| -> Option<&Dim> { shape(facts, node.input.get(slot)?)?.first() };
    let rank = |slot: usize| {
        node.input
            .get(slot)
            .and_then(|v| shape(facts, v))
            .map(<[Dim]>::len)
    };
    if batch(0).is_none_or(|x| *x == Dim::Known(1)) {
        return Vec::new();
    }
    let one = |slot: &usize| batch(*slot) == Some(&Dim::Known(1));
    let positions = if node.is_standard() { 3 } else { 1 };
    match node.input.get(positions).filter(|name| !name.is_empty()) {
        Some(_) => [positions]
            .into_iter()
            .filter(|&slot| rank(slot) == Some(2))
            .filter(one)
            .collect(),
        None if !node.is_standard() => Vec::new(),
        None => [1, 2]
            .into_iter()
            .filter(|&slot| rank(slot) == Some(3))
            .filter(one)
            .collect(),
    }
}
