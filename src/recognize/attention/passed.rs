//! Near misses after the softmax: probabilities of scores that something happens to in front of the product with the values.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;

use super::RULE;
use super::probabilities::Path;
use super::walk::Reader;

/// Most nodes between softmax and product, on either side.
const MAX_STEPS: usize = 24;
/// Most values that are looked at.
const MAX_SEEN: usize = 256;

impl Reader<'_, '_> {
    /// The first node at which the probabilities leave the path of an attention; `None` if no product with them follows, or if the softmax
    /// is not one of scores.
    pub(super) fn passed(&self, path: &Path) -> Option<Miss> {
        let (&softmax, &last) = (path.values.first()?, path.values.last()?);
        if !self.weighs_scores(softmax) {
            return None;
        }
        let first = self.leads_to_product(last)?;
        let op = self.node_of(first)?.op_type();
        let reason = match op {
            "Where" => "some probabilities are replaced after the softmax".to_owned(),
            "Slice" => "some probabilities are cut off after the softmax: the operator has no keys without values (attention sinks)".to_owned(),
            "Mul" | "Div" => "the probabilities are multiplied by something after the softmax".to_owned(),
            "Add" | "Sub" => "something is added to the probabilities after the softmax".to_owned(),
            _ => format!("the probabilities pass through `{op}`, which attention does not"),
        };
        Some(Miss::new(RULE, Stage::Probabilities, first, reason))
    }

    /// The same of a softmax of which not even the number of axes is known.
    pub(super) fn unknown_softmax(&self, softmax: ValueId) -> Option<Miss> {
        let is_attention = self.weighs_scores(softmax) && self.leads_to_product(softmax).is_some();
        is_attention.then(|| {
            let reason = "the shape of the probabilities is not known";
            Miss::new(RULE, Stage::Probabilities, softmax, reason)
        })
    }

    fn node_of(&self, value: ValueId) -> Option<&NodeProto> {
        let (node, _) = self.it.index().producer(value)?;
        Some(&self.it.file.graph().node[node])
    }

    /// The value after this one on the shortest way to a product of matrices that reads it.
    fn leads_to_product(&self, value: ValueId) -> Option<ValueId> {
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let mut seen = FxHashSet::default();
        let mut open = VecDeque::from([(value, None, 0)]);
        while let Some((value, first, steps)) = open.pop_front() {
            if steps > MAX_STEPS || seen.len() > MAX_SEEN {
                return None;
            }
            for &(reader, _) in index.consumers(value) {
                let node = &graph.node[reader];
                let Some(output) = self.output(reader).filter(|&output| seen.insert(output)) else {
                    continue;
                };
                let first = first.or(Some(output));
                if is_product(node) {
                    return first;
                }
                if keeps_numbers(node) {
                    open.push_back((output, first, steps + 1));
                }
            }
        }
        None
    }

    /// Whether a softmax is one of products of two tensors that the graph computes.
    fn weighs_scores(&self, softmax: ValueId) -> bool {
        let mut seen = FxHashSet::default();
        let mut open = VecDeque::from([(softmax, 0)]);
        while let Some((value, steps)) = open.pop_front() {
            let Some(node) = self.node_of(value).filter(|_| steps <= MAX_STEPS) else {
                continue;
            };
            let inputs = (0..node.input.len()).filter_map(|slot| self.input(node, slot));
            let inputs: Vec<ValueId> = inputs
                .filter(|&v| self.it.file.constant(v).is_none())
                .collect();
            if is_product(node) {
                if inputs.len() > 1 {
                    return true;
                }
                continue;
            }
            open.extend(
                inputs
                    .into_iter()
                    .filter(|&v| seen.insert(v))
                    .map(|v| (v, steps + 1)),
            );
            if seen.len() > MAX_SEEN {
                return false;
            }
        }
        false
    }
}

fn is_product(node: &NodeProto) -> bool {
    matches!(
        node.op_type(),
        "MatMul" | "Einsum" | "MatMulInteger" | "QLinearMatMul"
    )
}

/// Whether what a node computes is still probabilities: moved, rounded, or changed one by one.
fn keeps_numbers(node: &NodeProto) -> bool {
    matches!(
        node.op_type(),
        "Cast"
            | "CastLike"
            | "Identity"
            | "Dropout"
            | "Reshape"
            | "Squeeze"
            | "Unsqueeze"
            | "Flatten"
            | "Transpose"
            | "Expand"
            | "Slice"
            | "Split"
            | "Pad"
            | "Where"
            | "Mul"
            | "Div"
            | "Add"
            | "Sub"
            | "Clip"
            | "Max"
            | "Min"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "DynamicQuantizeLinear"
    )
}
