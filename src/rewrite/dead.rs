//! Removes nodes, initializers and shape annotations that nothing uses once the fused nodes are in place.
//!
//! The search starts from what the replaced nodes read and goes upwards, so only a value that has lost a reader can be removed.
//! What was unused before stays: removing it is not this tool's business. A value is used if a node that stays reads it, a body
//! of one captures it, a new node reads or captures it, the graph gives it as an output, or the model's training names it.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, ModelFile, ValueId, names};

/// Marks what becomes unused when the removed nodes are gone and the `new` ones in place. The values in `unread` may have lost readers
/// that are not among the removed nodes.
pub(super) fn remove(
    file: &ModelFile,
    unread: &[ValueId],
    new: &BTreeMap<usize, Vec<NodeProto>>,
    edit: &mut Edit,
) {
    let (index, graph) = (file.index(), file.graph());
    let mut wanted: FxHashSet<ValueId> = named_in_training(file);
    // Replaced nodes are removed, but their outputs live on as those of new nodes, with their shape annotations.
    let mut kept_outputs: FxHashSet<ValueId> = FxHashSet::default();
    for node in new.values().flatten() {
        wanted.extend(node.input.iter().filter_map(|name| index.id(name)));
        let captured = names::captured(node);
        wanted.extend(captured.into_iter().filter_map(|name| index.id(name)));
        kept_outputs.extend(node.output.iter().filter_map(|name| index.id(name)));
    }
    // A node uses the values that its bodies capture.
    let mut captures: FxHashMap<usize, Vec<ValueId>> = FxHashMap::default();
    for value in index.values() {
        for &node in index.capturers(value) {
            captures.entry(node).or_default().push(value);
        }
    }
    let reads = |node: usize| {
        let inputs = graph.node[node]
            .input
            .iter()
            .filter_map(|name| index.id(name));
        inputs
            .chain(captures.get(&node).into_iter().flatten().copied())
            .collect::<Vec<_>>()
    };
    let mut queue: Vec<ValueId> = edit
        .remove_nodes
        .iter()
        .flat_map(|&node| reads(node))
        .chain(unread.iter().copied())
        .collect();
    while let Some(value) = queue.pop() {
        let used = wanted.contains(&value)
            || index.is_output(value)
            || index
                .consumers(value)
                .iter()
                .any(|&(node, _)| !edit.remove_nodes.contains(&node))
            || index
                .capturers(value)
                .iter()
                .any(|node| !edit.remove_nodes.contains(node));
        if used {
            continue;
        }
        let name = index.name(value);
        // An initializer that is also an input belongs to the model's interface.
        if index.initializer(value).is_some() && !index.is_input(value) {
            edit.remove_initializers.insert(name.to_owned());
        }
        let Some((node, _)) = index.producer(value) else {
            continue;
        };
        // A node with several outputs stays as long as one of them is used.
        let alive = graph.node[node]
            .output
            .iter()
            .filter_map(|name| index.id(name))
            .any(|output| {
                wanted.contains(&output)
                    || index.is_output(output)
                    || index
                        .consumers(output)
                        .iter()
                        .any(|&(node, _)| !edit.remove_nodes.contains(&node))
                    || index
                        .capturers(output)
                        .iter()
                        .any(|node| !edit.remove_nodes.contains(node))
            });
        if !alive && edit.remove_nodes.insert(node) {
            queue.extend(reads(node));
        }
    }
    let removed = edit
        .remove_nodes
        .iter()
        .flat_map(|&node| &graph.node[node].output);
    let removed: Vec<&String> = removed
        .filter(|name| index.id(name).is_some_and(|id| !kept_outputs.contains(&id)))
        .collect();
    edit.remove_value_info.extend(removed.into_iter().cloned());
}

/// The values that the model's training reads or sets. Its main graph may use some of them for nothing else.
pub(super) fn named_in_training(file: &ModelFile) -> FxHashSet<ValueId> {
    let named = names::used_by_training(file.model()).into_iter();
    named.filter_map(|name| file.index().id(name)).collect()
}
