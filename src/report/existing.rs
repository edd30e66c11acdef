//! Operators for position encodings and attention that a model has already.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use serde::Serialize;

use phasor_ops::contract;

use crate::facts::Facts;
use crate::onnx::proto::NodeProto;
use crate::onnx::{ModelFile, names};
use crate::rewrite;

/// Nodes of one operator, of which the same can be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExistingReport {
    /// The operator, with its domain.
    pub operator: String,
    /// How many nodes there are.
    pub nodes: usize,
    /// The first of them.
    pub first: String,
    /// What a user should know of them, or null.
    pub remark: Option<&'static str>,
}

const CONTRIB: &str = "com.microsoft";

const NO_FUNCTION: &str = "the model has no function for it, so it runs with the operator library alone: `phasor fuse` puts the function back";

/// Operators of ONNX and of ONNX Runtime: domain and name.
const KNOWN: [(&str, &str); 12] = [
    ("ai.onnx", "RotaryEmbedding"),
    ("ai.onnx", "Attention"),
    (CONTRIB, "RotaryEmbedding"),
    (CONTRIB, "GemmaRotaryEmbedding"),
    (CONTRIB, "MRotaryEmbedding"),
    (CONTRIB, "GroupQueryAttention"),
    (CONTRIB, "SparseAttention"),
    (CONTRIB, "PagedAttention"),
    (CONTRIB, "MultiHeadAttention"),
    (CONTRIB, "Attention"),
    (CONTRIB, "RelativePositionBias"),
    (CONTRIB, "GatedRelativePositionBias"),
];

impl ExistingReport {
    /// Those of a model, in its graphs at any depth and in its functions.
    pub(crate) fn all(file: &ModelFile) -> Vec<Self> {
        let facts = LazyCell::new(|| Facts::of(file));
        collected(file, |node| match is_own(node) {
            true => {
                let has_function = rewrite::has_function(file.model(), node.op_type());
                Some((!has_function).then_some(NO_FUNCTION))
            }
            // Facts are of the main graph.
            false => KNOWN
                .contains(&(domain(node), node.op_type()))
                .then(|| remark(node, &|| file.is_in_graph(node).then(|| &*facts))),
        })
    }

    /// The operators of a model of which nothing is known: neither ONNX's, nor ours, nor functions of the model.
    pub(super) fn unread(file: &ModelFile) -> Vec<Self> {
        let functions = &file.model().functions;
        collected(file, |node| {
            let is_function = functions
                .iter()
                .any(|f| (f.domain(), f.name()) == (node.domain(), node.op_type()));
            let is_known = node.is_standard() || is_own(node) || is_function;
            (!is_known).then_some(None)
        })
    }
}

/// The domain of an operator, of ONNX's own as people write it.
fn domain(node: &NodeProto) -> &str {
    match node.is_standard() {
        true => "ai.onnx",
        false => node.domain(),
    }
}

fn is_own(node: &NodeProto) -> bool {
    node.domain() == contract::DOMAIN && contract::find(node.op_type()).is_some()
}

/// The operators of a model that `remarked` chooses, one entry for each operator and remark.
fn collected(
    file: &ModelFile,
    remarked: impl Fn(&NodeProto) -> Option<Option<&'static str>>,
) -> Vec<ExistingReport> {
    type Key = (String, Option<&'static str>);
    let mut by_operator: BTreeMap<Key, (usize, String)> = BTreeMap::new();
    // The last comes first.
    let mut all: Vec<&NodeProto> = names::nodes(file.model()).collect();
    all.reverse();
    for node in all {
        let Some(remark) = remarked(node) else {
            continue;
        };
        let key = (format!("{}::{}", domain(node), node.op_type()), remark);
        let first = || (0, node.label().to_owned());
        by_operator.entry(key).or_insert_with(first).0 += 1;
    }
    let reports = by_operator.into_iter();
    let reports = reports.map(|((operator, remark), (nodes, first))| ExistingReport {
        operator,
        nodes,
        first,
        remark,
    });
    reports.collect()
}

/// What is to be said of a node of an operator that is not ours.
fn remark<'f>(node: &NodeProto, facts: &dyn Fn() -> Option<&'f Facts>) -> Option<&'static str> {
    let mut attributes = node.attribute.iter();
    if attributes.any(|a| a.name() == "do_rotary" && a.i() != 0) {
        return Some("it rotates queries and keys itself (`do_rotary`)");
    }
    let is_narrow = node.op_type() == "RotaryEmbedding"
        && facts().is_some_and(|facts| !rewrite::narrow(node, facts).is_empty());
    is_narrow.then_some(match node.is_standard() {
        true => {
            "its tables or positions have batch 1, so that it fails at others: `phasor fuse --target onnx` expands them"
        }
        false => {
            "its positions have batch 1, so that it fails at others: `phasor fuse --target contrib` expands them"
        }
    })
}
