//! A contract's function body as the protobuf message that a model carries.

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{AttributeProto, FunctionProto, NodeProto, OperatorSetIdProto};
use phasor_ops::contract::{BodyAttribute, BodyNode, FunctionBody};

/// An integer attribute.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(value),
        ..Default::default()
    }
}

/// The message for a body.
pub(super) fn proto(body: &FunctionBody) -> FunctionProto {
    FunctionProto {
        name: Some(body.name.to_owned()),
        domain: Some(body.domain.to_owned()),
        input: body.inputs.clone(),
        output: body.outputs.clone(),
        attribute_proto: body
            .attributes
            .iter()
            .map(|a| int(a.name, a.default))
            .collect(),
        node: body.nodes.iter().map(node).collect(),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(body.opset),
        }],
        ..Default::default()
    }
}

fn node(node: &BodyNode) -> NodeProto {
    NodeProto {
        // ONNX Runtime's own fusions name their nodes after those they replace: two without a name would collide (seen in 1.20).
        name: node.outputs.first().cloned(),
        op_type: Some(node.op_type.to_owned()),
        domain: Some(node.domain.to_owned()).filter(|d| !d.is_empty()),
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        attribute: node
            .attributes
            .iter()
            .map(|(name, value)| attribute(name, value))
            .collect(),
        ..Default::default()
    }
}

fn attribute(name: &str, value: &BodyAttribute) -> AttributeProto {
    match value {
        BodyAttribute::Int(value) => int(name, *value),
        BodyAttribute::Ints(values) => AttributeProto {
            name: Some(name.to_owned()),
            r#type: Some(AttributeType::Ints as i32),
            ints: values.clone(),
            ..Default::default()
        },
        BodyAttribute::Reference(of) => AttributeProto {
            name: Some(name.to_owned()),
            r#type: Some(AttributeType::Int as i32),
            ref_attr_name: Some((*of).to_owned()),
            ..Default::default()
        },
    }
}
