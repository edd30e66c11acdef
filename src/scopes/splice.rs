//! Puts the change of a graph back where the graph is stored: in the node that holds it, or in a function.

use std::collections::BTreeMap;

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto,
};
use crate::onnx::{Edit, Error, ModelFile};

/// The graph with these nodes, whose bodies have changed, in place of the old ones; `None` if there are none.
///
/// # Errors
/// If the result is not a valid graph.
pub(super) fn holders(
    file: &ModelFile,
    held: &BTreeMap<usize, NodeProto>,
) -> Result<Option<ModelFile>, Error> {
    if held.is_empty() {
        return Ok(None);
    }
    let mut model = file.model().clone();
    let nodes = model.graph.iter_mut().flat_map(|graph| &mut graph.node);
    for (position, node) in nodes.enumerate() {
        if let Some(holder) = held.get(&position) {
            node.clone_from(holder);
        }
    }
    ModelFile::in_memory(file.path(), model).map(Some)
}

/// Changes a body.
pub(super) fn body(body: &mut GraphProto, edit: &Edit) {
    body.node = nodes(&body.node, edit);
    let input = |name: &str| body.input.iter().any(|i| i.name() == name);
    body.initializer
        .retain(|t| !edit.remove_initializers.contains(t.name()) || input(t.name()));
    body.initializer
        .extend(edit.add_initializers.iter().cloned());
    body.value_info
        .retain(|v| !edit.remove_value_info.contains(v.name()));
}

/// Changes a function. Functions have no initializers, so new ones become `Constant` nodes.
pub(super) fn function(function: &mut FunctionProto, edit: &Edit, opsets: &[(String, i64)]) {
    let constants = edit.add_initializers.iter().map(constant);
    function.node = constants.chain(nodes(&function.node, edit)).collect();
    function
        .value_info
        .retain(|v| !edit.remove_value_info.contains(v.name()));
    for (domain, version) in opsets {
        if !function.opset_import.iter().any(|o| o.domain() == domain) {
            function.opset_import.push(OperatorSetIdProto {
                domain: Some(domain.clone()),
                version: Some(*version),
            });
        }
    }
}

fn nodes(old: &[NodeProto], edit: &Edit) -> Vec<NodeProto> {
    let mut nodes = Vec::with_capacity(old.len());
    for (position, node) in old.iter().enumerate() {
        nodes.extend(
            edit.insert_before
                .get(&position)
                .into_iter()
                .flatten()
                .cloned(),
        );
        if !edit.remove_nodes.contains(&position) {
            nodes.push(node.clone());
        }
    }
    let after = edit.insert_before.range(old.len()..);
    nodes.extend(after.flat_map(|(_, new)| new.iter().cloned()));
    nodes
}

fn constant(tensor: &TensorProto) -> NodeProto {
    NodeProto {
        name: tensor.name.clone(),
        op_type: Some("Constant".to_owned()),
        output: vec![tensor.name().to_owned()],
        attribute: vec![AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(AttributeType::Tensor as i32),
            t: Some(Box::new(tensor.clone())),
            ..Default::default()
        }],
        ..Default::default()
    }
}
