//! Which nodes belong to a drawing: those that lead to some values, as far back as is said.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::web::{Web, named};

/// Nodes of a graph, nearest to their ends first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trace {
    /// Positions in the graph.
    pub nodes: Vec<usize>,
    /// Whether there are more of them.
    pub is_cut: bool,
}

/// The nodes that lead to the values `ends`, as far as `takes` has them, and not beyond the values that `stops` has; `most` at most.
/// Constants are no nodes.
pub(crate) fn back(
    web: &Web<'_>,
    ends: &[&str],
    stops: &FxHashSet<&str>,
    takes: impl Fn(usize) -> bool,
    most: usize,
) -> Trace {
    let mut trace = Trace::default();
    let mut seen = FxHashSet::default();
    let mut open: VecDeque<&str> = ends.iter().copied().collect();
    while let Some(value) = open.pop_front() {
        let is_stop = stops.contains(value) && !ends.contains(&value);
        let Some(node) = web.maker(value).filter(|_| !is_stop) else {
            continue;
        };
        if web.constant(value).is_some() || !takes(node) || !seen.insert(node) {
            continue;
        }
        if trace.nodes.len() == most {
            trace.is_cut = true;
            break;
        }
        trace.nodes.push(node);
        open.extend(named(&web.nodes[node].input));
    }
    trace
}

/// The nodes around a value: those that lead to it and those that read it, `most` at most.
pub(crate) fn around(web: &Web<'_>, value: &str, most: usize) -> Trace {
    // What has no elements to speak of leads to distant parts.
    let takes = |node: usize| !web.nodes[node].is_onnx("Shape");
    let none = FxHashSet::default();
    let mut trace = back(web, &[value], &none, takes, most);
    for &reader in web.readers(value) {
        if trace.nodes.len() < most && !trace.nodes.contains(&reader) {
            trace.nodes.push(reader);
        }
    }
    trace
}
