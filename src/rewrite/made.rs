//! Puts the values that recognition has made into the change of a model that does not hold them.

use rustc_hash::FxHashSet;

use crate::onnx::Edit;
use crate::onnx::proto::{NodeProto, TensorProto};
use crate::recognize::Made;

/// Turns a change of the model *with* the nodes of `made`, which come after its own `count` nodes, into one of the model without
/// them. Nodes of `made` that are read are inserted before the first node that reads them; the others are dropped.
pub(crate) fn settle(made: &Made, edit: &mut Edit, count: usize) {
    let constants = made.constants();
    let names: FxHashSet<&str> = constants.iter().map(TensorProto::name).collect();
    edit.remove_nodes.retain(|&node| node < count);
    edit.remove_initializers
        .retain(|name| !names.contains(&name[..]));
    let mut read: FxHashSet<&str> = FxHashSet::default();
    // From the last to the first, since each may be read by a later one.
    for node in made.nodes().iter().rev() {
        let reads = |other: &NodeProto| node.output.iter().any(|o| other.input.contains(o));
        let mut places = edit.insert_before.values_mut();
        if let Some(nodes) = places.find(|nodes| nodes.iter().any(reads)) {
            nodes.insert(0, node.clone());
            read.extend(node.input.iter().map(String::as_str));
        }
    }
    let used = constants.iter().filter(|t| read.contains(t.name()));
    edit.add_initializers.extend(used.cloned());
}
