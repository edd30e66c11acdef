//! Operators for position encodings and attention that a model has already.

use std::collections::BTreeMap;

use serde::Serialize;

use phasor_ops::contract;

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::onnx::names::bodies;
use crate::onnx::proto::{GraphProto, NodeProto};

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
    pub(super) fn all(file: &ModelFile) -> Vec<Self> {
        let model = file.model();
        let facts = Facts::of(file);
        let mut found = Found {
            file,
            by_operator: BTreeMap::new(),
        };
        if let Some(graph) = &model.graph {
            found.graph(graph, Some(&facts));
        }
        for function in &model.functions {
            if function.domain() != contract::DOMAIN {
                function.node.iter().for_each(|node| found.node(node, None));
            }
        }
        let reports = found.by_operator.into_iter();
        let reports = reports.map(|((operator, remark), (nodes, first))| Self {
            operator,
            nodes,
            first,
            remark,
        });
        reports.collect()
    }
}

type Key = (String, Option<&'static str>);

struct Found<'a> {
    file: &'a ModelFile,
    by_operator: BTreeMap<Key, (usize, String)>,
}

impl Found<'_> {
    fn graph(&mut self, graph: &GraphProto, facts: Option<&Facts>) {
        graph.node.iter().for_each(|node| self.node(node, facts));
    }

    /// `facts` are those of the main graph, for its own nodes.
    fn node(&mut self, node: &NodeProto, facts: Option<&Facts>) {
        bodies(node).for_each(|(_, _, body)| self.graph(body, None));
        let domain = if node.is_standard() {
            "ai.onnx"
        } else {
            node.domain()
        };
        let own = domain == contract::DOMAIN && contract::find(node.op_type()).is_some();
        if !own && !KNOWN.contains(&(domain, node.op_type())) {
            return;
        }
        let remark = if own {
            self.without_body(node)
        } else {
            remark(node, facts)
        };
        let key = (format!("{domain}::{}", node.op_type()), remark);
        let (nodes, _) = self
            .by_operator
            .entry(key)
            .or_insert_with(|| (0, node.label().to_owned()));
        *nodes += 1;
    }

    fn without_body(&self, node: &NodeProto) -> Option<&'static str> {
        let mut functions = self.file.model().functions.iter();
        let is_body =
            functions.any(|f| (f.domain(), f.name()) == (contract::DOMAIN, node.op_type()));
        (!is_body).then_some(
            "the model has no function for it, so it runs with the operator library alone: `phasor fuse` puts the function back",
        )
    }
}

/// What is to be said of a node of an operator that is not ours.
fn remark(node: &NodeProto, facts: Option<&Facts>) -> Option<&'static str> {
    let rotates = node
        .attribute
        .iter()
        .any(|a| a.name() == "do_rotary" && a.i() != 0);
    if rotates {
        return Some("it rotates queries and keys itself (`do_rotary`)");
    }
    let dims = |slot: usize| facts?.get(node.input.get(slot)?)?.shape.as_deref();
    let is_single = |dims: &[Dim]| dims.first() == Some(&Dim::Known(1));
    let (positions, repair) = match node.is_standard() {
        true => (
            3,
            "its tables or positions have batch 1, so that it fails at others: `phasor fuse --target onnx` expands them",
        ),
        false => (
            1,
            "its positions have batch 1, so that it fails at others: `phasor fuse --target contrib` expands them",
        ),
    };
    if node.op_type() != "RotaryEmbedding" || is_single(dims(0)?) {
        return None;
    }
    let has_positions = node
        .input
        .get(positions)
        .is_some_and(|name| !name.is_empty());
    let narrow = match has_positions {
        true => dims(positions).is_some_and(|dims| dims.len() == 2 && is_single(dims)),
        false => {
            node.is_standard() && dims(1).is_some_and(|dims| dims.len() == 3 && is_single(dims))
        }
    };
    narrow.then_some(repair)
}
