//! What lies at or around a name: the sites and near misses that a node or value belongs to, or the nearest ones.
//!
//! A site covers the nodes between its tables, the tensor before and the tensor after the rotation. A near miss covers what
//! leads to its value, as far as elementwise and shape operators go. From a name outside of all, the graph is searched in both
//! directions, but not through constants, which tie distant parts together.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::{ModelFile, ValueId};

/// Most steps from a name to what is called near it.
pub(super) const REACH: usize = 12;
/// Most nodes that a near miss covers.
const MAX_COVERED: usize = 200;

/// One thing that was found, by the values it lies between.
pub(super) struct Place<'a> {
    /// The values it starts from; none where it starts from whatever leads to its end.
    pub from: Vec<&'a str>,
    /// The value it ends in.
    pub to: &'a str,
}

/// The places nearest to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nearest {
    /// Positions in the list of places, ascending.
    pub places: Vec<usize>,
    /// Steps from the name to them; 0 where the name is part of them.
    pub distance: usize,
}

/// The nodes of this name, and those that make or use the value of this name; `None` where the model has neither.
fn nodes_of(file: &ModelFile, name: &str) -> Option<Vec<usize>> {
    let (graph, index) = (file.graph(), file.index());
    let mut nodes: Vec<usize> = (0..graph.node.len())
        .filter(|&n| graph.node[n].name() == name)
        .collect();
    if !nodes.is_empty() {
        return Some(nodes);
    }
    let value = index.id(name)?;
    match index.producer(value) {
        Some((node, _)) => nodes.push(node),
        None => nodes.extend(index.consumers(value).iter().map(|&(node, _)| node)),
    }
    Some(nodes)
}

/// The places at a name, or else the nearest within [`REACH`]; `None` where the model has no such node or value.
pub(super) fn nearest(file: &ModelFile, places: &[Place<'_>], name: &str) -> Option<Nearest> {
    let start = nodes_of(file, name)?;
    let mut by_node: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (k, place) in places.iter().enumerate() {
        for node in covered(file, place) {
            by_node.entry(node).or_default().push(k);
        }
    }
    let mut seen: FxHashSet<usize> = start.iter().copied().collect();
    let mut front = start;
    for distance in 0..=REACH {
        let mut found: Vec<usize> = front
            .iter()
            .filter_map(|node| by_node.get(node))
            .flatten()
            .copied()
            .collect();
        if !found.is_empty() {
            found.sort_unstable();
            found.dedup();
            return Some(Nearest {
                places: found,
                distance,
            });
        }
        front = front
            .iter()
            .flat_map(|&node| neighbours(file, node))
            .filter(|node| seen.insert(*node))
            .collect();
    }
    Some(Nearest {
        places: Vec::new(),
        distance: REACH,
    })
}

fn values<'a>(file: &'a ModelFile, names: &'a [String]) -> impl Iterator<Item = ValueId> + use<'a> {
    names.iter().filter_map(|name| file.index().id(name))
}

fn neighbours(file: &ModelFile, node: usize) -> Vec<usize> {
    let (graph, index) = (file.graph(), file.index());
    let constant = |node: &usize| graph.node[*node].op_type() == "Constant";
    let makers = values(file, &graph.node[node].input)
        .filter_map(|id| index.producer(id))
        .map(|(node, _)| node)
        .filter(|node| !constant(node));
    let users = values(file, &graph.node[node].output)
        .flat_map(|id| index.consumers(id))
        .map(|&(node, _)| node);
    makers.chain(users).collect()
}

/// The nodes of a place.
fn covered(file: &ModelFile, place: &Place<'_>) -> FxHashSet<usize> {
    let (graph, index) = (file.graph(), file.index());
    let stops: Vec<ValueId> = place
        .from
        .iter()
        .filter_map(|name| index.id(name))
        .collect();
    let mut covered = FxHashSet::default();
    let mut open: Vec<ValueId> = index.id(place.to).into_iter().collect();
    while let Some(value) = open.pop() {
        let Some((node, _)) = index.producer(value) else {
            continue;
        };
        if stops.contains(&value) || covered.len() >= MAX_COVERED || !covered.insert(node) {
            continue;
        }
        if place.from.is_empty() && !leads_on(graph.node[node].op_type()) {
            continue;
        }
        open.extend(values(file, &graph.node[node].input));
    }
    covered
}

/// Whether a near miss reaches beyond an operator: not where tensors are mixed, and not where angles begin.
fn leads_on(op: &str) -> bool {
    !matches!(
        op,
        "MatMul"
            | "Gemm"
            | "Conv"
            | "Einsum"
            | "Softmax"
            | "LayerNormalization"
            | "Cos"
            | "Sin"
            | "Shape"
    )
}
