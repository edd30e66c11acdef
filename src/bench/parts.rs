//! What the nodes that ONNX Runtime runs are parts of.
//!
//! Nodes of the original are parts of a site if fusing would remove them; ONNX Runtime's own fusions keep the name of a node at the
//! beginning of theirs. Nodes of a fused model are told by their operator, or by the function whose body they come from.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::profile::Times;
use super::{Part, PartTime};
use crate::onnx::ModelFile;
use crate::pipeline::{self, Search};
use crate::recognize::Kind;

/// The operators of each part: ours, those of ONNX, and those of ONNX Runtime.
const OPERATORS: [(&str, Part); 26] = [
    ("RotaryEmbedding", Part::Rotary),
    ("RotaryEmbeddingPair", Part::Rotary),
    ("RotaryHeads", Part::Rotary),
    ("RotaryTable", Part::Rotary),
    ("RelativePositionBias", Part::Relative),
    ("GatedRelativePositionBias", Part::Relative),
    ("RelativeGather", Part::Relative),
    ("AlibiBias", Part::Relative),
    ("SinusoidalEmbedding", Part::Sinusoidal),
    ("Attention", Part::Attention),
    ("CachedAttention", Part::Attention),
    ("MultiHeadAttention", Part::Attention),
    ("GroupQueryAttention", Part::Attention),
    ("DecoderMaskedMultiHeadAttention", Part::Attention),
    ("QAttention", Part::Attention),
    ("MatMul", Part::Weights),
    ("MatMulNBits", Part::Weights),
    ("MatMulInteger", Part::Weights),
    ("MatMulIntegerToFloat", Part::Weights),
    ("DynamicQuantizeMatMul", Part::Weights),
    ("QLinearMatMul", Part::Weights),
    ("FusedMatMul", Part::Weights),
    ("Gemm", Part::Weights),
    ("FusedGemm", Part::Weights),
    ("Conv", Part::Weights),
    ("FusedConv", Part::Weights),
];

fn by_operator(operator: &str) -> Option<Part> {
    let found = OPERATORS.iter().find(|(name, _)| *name == operator);
    found.map(|(_, part)| *part)
}

/// The parts of one model, by names of nodes.
#[derive(Default)]
pub(super) struct Parts {
    named: FxHashMap<String, Part>,
    /// Nodes of sites that have no name, and so are counted by their operators.
    pub(super) nameless: usize,
}

impl Parts {
    /// The parts of a model that is not fused yet.
    ///
    /// # Errors
    /// Those of a search.
    pub(super) fn of(model: &ModelFile) -> Result<Self, pipeline::Error> {
        let findings = pipeline::find(model, &Search::default())?;
        let mut parts = Self::default();
        for (site, nodes) in pipeline::nodes_by_rule(model, &findings) {
            let part = match &site.kind {
                Kind::Rotary(_) => Part::Rotary,
                Kind::RelativeBias(_) | Kind::RelativeGather(_) | Kind::Alibi(_) => Part::Relative,
                Kind::Sinusoidal(_) => Part::Sinusoidal,
                Kind::Attention(_) => Part::Attention,
                #[cfg(test)]
                Kind::Toy(_) => continue,
            };
            for node in nodes {
                if node.is_empty() {
                    parts.nameless += 1;
                    continue;
                }
                // Attention comes last: a node that it shares with a position encoding belongs to the latter.
                let known = parts.named.entry(node).or_insert(part);
                *known = part.min(*known);
            }
        }
        Ok(parts)
    }

    fn part(&self, node: &str, operator: &str) -> Part {
        let own = by_operator(operator);
        if let Some(part) = own.filter(|part| *part < Part::Weights) {
            return part;
        }
        // ONNX Runtime names the nodes of a body after its function.
        let of_body = node
            .strip_prefix("_inlfunc_")
            .and_then(|inner| by_operator(inner.split('_').next().unwrap_or_default()));
        let named = || {
            let ends = node.match_indices('/').map(|(end, _)| end);
            let prefixes = ends.rev().map(|end| &node[..end]);
            std::iter::once(node)
                .chain(prefixes)
                .find_map(|name| self.named.get(name).copied())
        };
        of_body
            .filter(|part| *part < Part::Weights)
            .or_else(named)
            .or(own)
            .unwrap_or(Part::Rest)
    }

    fn sums(&self, times: &Times) -> BTreeMap<Part, f64> {
        let mut sums = BTreeMap::new();
        for ((operator, node), time) in times {
            *sums.entry(self.part(node, operator)).or_default() += time;
        }
        sums
    }
}

/// The times of two models by part; `parts` are those of the first.
pub(super) fn by_part(parts: &Parts, before: &Times, after: &Times) -> Vec<PartTime> {
    let [before, after] = [before, after].map(|times| parts.sums(times));
    let time = |times: &BTreeMap<Part, f64>, part| times.get(&part).copied().unwrap_or(0.0);
    Part::ALL
        .into_iter()
        .map(|part| PartTime {
            part,
            before: time(&before, part),
            after: time(&after, part),
        })
        .filter(|row| row.before + row.after > 0.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[(&str, Part)]) -> Parts {
        let named = parts.iter().map(|&(name, part)| (name.to_owned(), part));
        Parts {
            named: named.collect(),
            nameless: 0,
        }
    }

    #[test]
    fn nodes_are_told_by_operator_function_and_name() {
        let own = [("scores", Part::Attention), ("a/turn", Part::Rotary)];
        let parts = of(&own);
        for (node, operator, part) in [
            ("scores", "MatMul", Part::Attention),
            (
                "scores/MatmulTransposeFusion//MatMulScaleFusion/",
                "FusedMatMul",
                Part::Attention,
            ),
            ("a/turn/GatherSliceToSplitFusion", "Split", Part::Rotary),
            ("a/turned", "Split", Part::Rest),
            ("dense", "MatMul", Part::Weights),
            ("_inlfunc_Attention_token_3_v32", "MatMul", Part::Attention),
            ("_inlfunc_RotaryTable_v5", "Cos", Part::Rotary),
            ("_inlfunc_Gelu_v5", "MatMul", Part::Weights),
            ("any", "RelativePositionBias", Part::Relative),
            ("any", "Softmax", Part::Rest),
        ] {
            assert_eq!(parts.part(node, operator), part, "{node}");
        }
    }

    #[test]
    fn times_are_added_by_part() {
        let times = |all: &[(&str, &str, f64)]| -> Times {
            let key = |&(operator, node, time): &(&str, &str, f64)| {
                ((operator.to_owned(), node.to_owned()), time)
            };
            all.iter().map(key).collect()
        };
        let before = times(&[
            ("Mul", "turn", 2.0),
            ("Add", "turn2", 1.0),
            ("MatMul", "w", 5.0),
        ]);
        let after = times(&[("RotaryEmbedding", "x", 1.5), ("MatMul", "w", 5.0)]);
        let parts = of(&[("turn", Part::Rotary)]);
        let rows = by_part(&parts, &before, &after);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.part, row.before, row.after))
            .collect();
        assert_eq!(
            rows,
            [
                (Part::Rotary, 2.0, 1.5),
                (Part::Weights, 5.0, 5.0),
                (Part::Rest, 1.0, 0.0)
            ]
        );
    }
}
