//! Nodes, initializers and shape annotations that nothing uses once the fused nodes stand.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, ModelFile, ValueId, names};

/// Marks what falls with the removed nodes. What was unused before stays: it is not ours to judge.
pub(super) fn remove(file: &ModelFile, new: &BTreeMap<usize, Vec<NodeProto>>, edit: &mut Edit) {
    remove_with(file, &[], new, edit);
}

/// The same where `unread` has lost readers already, which are no longer in the model.
pub(super) fn remove_with(
    file: &ModelFile,
    unread: &[ValueId],
    new: &BTreeMap<usize, Vec<NodeProto>>,
    edit: &mut Edit,
) {
    let (index, graph) = (file.index(), file.graph());
    let mut wanted: FxHashSet<ValueId> = named_in_training(file);
    let mut kept_outputs: FxHashSet<ValueId> = FxHashSet::default();
    for node in new.values().flatten() {
        wanted.extend(node.input.iter().filter_map(|name| index.id(name)));
        let captured = names::captured(node);
        wanted.extend(captured.into_iter().filter_map(|name| index.id(name)));
        kept_outputs.extend(node.output.iter().filter_map(|name| index.id(name)));
    }
    // Values captured by the bodies of a node count as used by it.
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
        if index.initializer(value).is_some() && !index.is_input(value) {
            edit.remove_initializers.insert(name.to_owned());
        }
        let Some((node, _)) = index.producer(value) else {
            continue;
        };
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
    let gone = edit
        .remove_nodes
        .iter()
        .flat_map(|&node| &graph.node[node].output);
    let gone: Vec<&String> = gone
        .filter(|name| index.id(name).is_some_and(|id| !kept_outputs.contains(&id)))
        .collect();
    edit.remove_value_info.extend(gone.into_iter().cloned());
}

/// The values that the model's training reads or sets, which its graph may use for nothing else.
pub(super) fn named_in_training(file: &ModelFile) -> FxHashSet<ValueId> {
    let named = names::used_by_training(file.model()).into_iter();
    named.filter_map(|name| file.index().id(name)).collect()
}
