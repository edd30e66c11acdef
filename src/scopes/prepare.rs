//! Prepares a graph for analysis.
//!
//! The nodes that compute what a body captures are put in front of it: cosines, sines and positions are mostly computed once,
//! outside. Calls of functions are expanded, so that a rotation is seen through them.
//!
//! Neither may change what a site can do to its own graph. Values inside an expanded call are *hidden*: they do not exist in the
//! graph, so no site may name one. Values in front of a body are *fixed*: a site may read them, since the body sees them, but the
//! node that computes one is in another graph, so none may be the result of a site. So are the outputs of a call that has
//! several: replacing the call for one would lose the others.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::is_operator;
use super::library::Library;
use super::outside::Outside;
use crate::onnx::names::bodies;
use crate::onnx::proto::{FunctionProto, GraphProto, ModelProto};
use crate::onnx::{ModelFile, functions};
use crate::symbolic::Budget;

/// How many nodes are put in front of a body. Positions, angles and their tables take about 60.
const MAX_FRONT: usize = 400;

/// A graph ready for analysis.
pub(super) struct Prepared {
    /// The graph with the nodes in front and the calls expanded; `None` if nothing changes.
    scratch: Option<ModelFile>,
    /// Values that no site may name, because they exist inside an expanded call only.
    pub(super) hidden: FxHashSet<String>,
    /// Values that no site may compute, because another graph does, or a call does together with others.
    pub(super) fixed: FxHashSet<String>,
    /// Whether calls are not expanded, because they stand for more nodes than the budget allows.
    pub(super) opaque: bool,
}

impl Prepared {
    /// The graph that is analysed.
    pub(super) fn file<'a>(&'a self, own: &'a ModelFile) -> &'a ModelFile {
        self.scratch.as_ref().unwrap_or(own)
    }
}

/// Prepares `own`, which captures these values from outside.
pub(super) fn prepare(
    own: &ModelFile,
    outside: Option<(Outside<'_>, &[String])>,
    library: &Library<'_>,
    budget: &Budget,
) -> Prepared {
    let mut prepared = Prepared {
        scratch: None,
        hidden: FxHashSet::default(),
        fixed: FxHashSet::default(),
        opaque: false,
    };
    let mut model = None;
    if let Some((outside, captured)) = outside {
        let mut front = own.model().clone();
        if put_in_front(&mut front, outside, captured, &mut prepared.fixed) {
            model = Some(front);
        }
        let front = model.as_ref().unwrap_or(own.model());
        let mut seen = names(front);
        seen.retain(|name| outside.hidden.contains(name));
        prepared.hidden = seen;
    }
    let nodes = model.as_ref().unwrap_or(own.model()).graph.as_ref();
    if library.any_called(nodes.map_or(&[], |graph| &graph.node)) {
        let whole = model.get_or_insert_with(|| own.model().clone());
        match library.lend(whole, budget) {
            true => expand(whole, &mut prepared),
            false => prepared.opaque = true,
        }
    }
    prepared.scratch = model.and_then(|model| ModelFile::in_memory(own.path(), model).ok());
    prepared
}

/// Puts the nodes that compute the captured values in front of a body; `false` if there are none.
fn put_in_front(
    model: &mut ModelProto,
    outside: Outside<'_>,
    captured: &[String],
    fixed: &mut FxHashSet<String>,
) -> bool {
    let Some(graph) = &mut model.graph else {
        return false;
    };
    let (file, index) = (outside.file, outside.file.index());
    let outer = file.graph();
    // A name that the body defines itself shadows the outer one: a node that reads or computes the outer one cannot stand in the
    // body's graph.
    let mut taken: FxHashSet<String> = FxHashSet::default();
    taken.extend(graph.node.iter().flat_map(|n| n.output.iter().cloned()));
    taken.extend(graph.initializer.iter().map(|t| t.name().to_owned()));
    taken.extend(graph.input.iter().map(|i| i.name().to_owned()));
    captured.iter().for_each(|name| {
        taken.remove(name);
    });
    let mut queue: VecDeque<&str> = captured.iter().map(String::as_str).collect();
    let mut nodes = FxHashSet::default();
    let mut leaves = FxHashSet::default();
    let mut seen = FxHashSet::default();
    while let Some(name) = queue.pop_front() {
        if !seen.insert(name) {
            continue;
        }
        let node = index.id(name).and_then(|id| index.producer(id));
        let node = node.map(|(node, _)| (node, &outer.node[node]));
        let usable = node.filter(|(position, node)| {
            let names = node.input.iter().chain(&node.output);
            (nodes.contains(position) || nodes.len() < MAX_FRONT)
                && bodies(node).next().is_none()
                && !names.into_iter().any(|name| taken.contains(name))
        });
        let Some((position, node)) = usable else {
            leaves.insert(name);
            continue;
        };
        if nodes.insert(position) {
            queue.extend(
                node.input
                    .iter()
                    .filter(|n| !n.is_empty())
                    .map(String::as_str),
            );
        }
    }
    if nodes.is_empty() {
        return false;
    }
    let mut order: Vec<usize> = nodes.into_iter().collect();
    order.sort_unstable_by_key(|&node| index.rank(node));
    let front: Vec<_> = order.iter().map(|&node| outer.node[node].clone()).collect();
    let made: FxHashSet<&str> = front
        .iter()
        .flat_map(|n| n.output.iter().map(String::as_str))
        .collect();
    graph.input.retain(|input| !made.contains(input.name()));
    let mut known: FxHashSet<String> = FxHashSet::default();
    known.extend(graph.input.iter().map(|i| i.name().to_owned()));
    known.extend(graph.initializer.iter().map(|t| t.name().to_owned()));
    for name in leaves {
        if !known.contains(name) {
            super::body::bring(graph, outside, name);
        }
    }
    fixed.extend(made.into_iter().map(str::to_owned));
    graph.node.splice(0..0, front);
    true
}

/// Whether calls of a function are not expanded.
fn keep(function: &FunctionProto) -> bool {
    is_operator(function.domain())
}

/// Expands the calls of functions.
fn expand(model: &mut ModelProto, prepared: &mut Prepared) {
    let before = names(model);
    let mut calls: FxHashMap<(&str, &str), bool> = FxHashMap::default();
    for function in &model.functions {
        calls.insert((function.domain(), function.name()), true);
    }
    for node in model.graph.iter().flat_map(|graph| &graph.node) {
        let is_call = calls.contains_key(&(node.domain(), node.op_type()));
        if is_call && node.output.len() != 1 {
            prepared.fixed.extend(node.output.iter().cloned());
        }
    }
    let expanded = functions::inline_but(model, &keep);
    *model = expanded;
    let after = names(model);
    prepared.hidden.extend(after.difference(&before).cloned());
}

/// Names of the values in the main graph of a model, without those in bodies.
fn names(model: &ModelProto) -> FxHashSet<String> {
    let of_graph = |graph: &GraphProto| {
        let made = graph
            .node
            .iter()
            .flat_map(|n| n.input.iter().chain(&n.output));
        made.cloned().collect::<Vec<_>>()
    };
    model.graph.iter().flat_map(of_graph).collect()
}
