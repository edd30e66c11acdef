//! Whether a tensor inside of an attention is read by anything that stays in the graph.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;

use super::walk::Reader;

/// Most values that are looked at behind the sizes of a tensor.
const MAX_BEHIND: usize = 256;

impl Reader<'_, '_> {
    /// What else a tensor is used for, in words, than to compute values that go with the attention.
    pub(super) fn other_use(&self, value: ValueId, gone: &[ValueId]) -> Option<&'static str> {
        let index = self.it.index();
        if index.is_output(value) || index.captured(value) {
            return Some("are an output of the graph as well");
        }
        let graph = self.it.file.graph();
        for &(reader, slot) in index.consumers(value) {
            let node = &graph.node[reader];
            let test = node.is_onnx("IsNaN");
            let of_shape = node.is_onnx("Shape") || node.is_onnx("CastLike") && slot == 1;
            let goes = self
                .output(reader)
                .is_some_and(|output| gone.contains(&output));
            if goes || test && self.goes(reader, gone) {
                continue;
            }
            if !of_shape {
                return Some("are used for something else as well");
            }
            if !self.goes(reader, gone) {
                return Some(
                    "are used for something else as well: what is computed from their shape",
                );
            }
        }
        None
    }

    /// Whether everything that is computed from the outputs of a node goes, so that it goes as well.
    fn goes(&self, node: usize, gone: &[ValueId]) -> bool {
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let mut seen = FxHashSet::default();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            if seen.len() > MAX_BEHIND {
                return false;
            }
            for output in graph.node[node]
                .output
                .iter()
                .filter_map(|name| index.id(name))
            {
                if index.is_output(output) || index.captured(output) {
                    return false;
                }
                for &(reader, slot) in index.consumers(output) {
                    let is_gone = self
                        .output(reader)
                        .is_some_and(|output| gone.contains(&output));
                    match is_gone {
                        // What is added to the scores, or says which of them count, is an input of the operator.
                        true if self.reads(reader, slot) => return false,
                        true => {}
                        false => open.push(reader),
                    }
                }
            }
        }
        true
    }

    /// Whether the operator that takes the place of a node reads this input of it.
    fn reads(&self, node: usize, slot: usize) -> bool {
        let node = &self.it.file.graph().node[node];
        match node.op_type() {
            "Reshape" | "Expand" | "CastLike" | "Squeeze" | "Unsqueeze" | "Tile" => slot == 0,
            "Where" => slot == 0 && !self.is_guard(node),
            _ => true,
        }
    }

    fn is_guard(&self, node: &crate::onnx::proto::NodeProto) -> bool {
        let condition = self
            .input(node, 0)
            .and_then(|condition| self.node(condition));
        condition.is_some_and(|node| node.op_type() == "IsNaN")
    }
}
