//! The nodes that an output of the graph needs. Others need not be run, so nothing follows from their being there.

use rustc_hash::FxHashSet;

use crate::onnx::ModelFile;
use crate::onnx::names;

/// The nodes that are needed, by position in `graph.node`.
pub(super) fn nodes(file: &ModelFile) -> FxHashSet<usize> {
    let (index, graph) = (file.index(), file.graph());
    let outputs = graph
        .output
        .iter()
        .filter_map(|output| index.id(output.name()));
    let mut queue: Vec<usize> = outputs
        .filter_map(|id| index.producer(id))
        .map(|(node, _)| node)
        .collect();
    let mut live = FxHashSet::default();
    while let Some(position) = queue.pop() {
        if !live.insert(position) {
            continue;
        }
        let node = &graph.node[position];
        let captured = names::captured(node);
        let read = node.input.iter().map(String::as_str).chain(captured);
        let producers = read.filter_map(|name| index.producer(index.id(name)?));
        queue.extend(producers.map(|(node, _)| node));
    }
    live
}
