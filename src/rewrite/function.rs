//! Writes a contract's function body as the protobuf message that a model carries.

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{
    AttributeProto, FunctionProto, NodeProto, OperatorSetIdProto, TensorProto,
};
use phasor_ops::contract::{
    self, AttributeValue, BodyAttribute, BodyNode, ElementType, FunctionBody,
};

/// An attribute with a value.
pub(super) fn value(name: &str, value: AttributeValue) -> AttributeProto {
    let attribute = AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind(value) as i32),
        ..Default::default()
    };
    match value {
        AttributeValue::Int(i) => AttributeProto {
            i: Some(i),
            ..attribute
        },
        AttributeValue::Float(f) => AttributeProto {
            f: Some(f),
            ..attribute
        },
    }
}

fn kind(value: AttributeValue) -> AttributeType {
    match value {
        AttributeValue::Int(_) => AttributeType::Int,
        AttributeValue::Float(_) => AttributeType::Float,
    }
}

/// A function body of a contract as the message that a model carries.
pub fn proto(body: &FunctionBody) -> FunctionProto {
    FunctionProto {
        name: Some(body.name.to_owned()),
        domain: Some(body.domain.to_owned()),
        input: body.inputs.clone(),
        output: body.outputs.clone(),
        attribute_proto: body
            .attributes
            .iter()
            .map(|a| value(a.name, a.default))
            .collect(),
        doc_string: contract::find(body.name).map(|contract| contract.spec().summary.to_owned()),
        node: body.nodes.iter().map(node).collect(),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(body.opset),
        }],
        ..Default::default()
    }
}

/// A node of a body, named after its first output.
pub(super) fn node(node: &BodyNode) -> NodeProto {
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

fn attribute(name: &str, given: &BodyAttribute) -> AttributeProto {
    let named = |r#type: AttributeType| AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(r#type as i32),
        ..Default::default()
    };
    match given {
        BodyAttribute::Int(i) => value(name, (*i).into()),
        BodyAttribute::Float(f) => value(name, (*f).into()),
        BodyAttribute::Ints(values) => AttributeProto {
            ints: values.clone(),
            ..named(AttributeType::Ints)
        },
        BodyAttribute::Double(number) => AttributeProto {
            t: Some(Box::new(TensorProto {
                data_type: Some(ElementType::F64.to_onnx()),
                double_data: vec![*number].into(),
                ..Default::default()
            })),
            ..named(AttributeType::Tensor)
        },
        BodyAttribute::Reference(of) => AttributeProto {
            ref_attr_name: Some(of.name.to_owned()),
            ..named(kind(of.default))
        },
    }
}
