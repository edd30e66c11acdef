//! Small models for the tests, and wire-level pieces to put models together from.

use bytes::Bytes;
use phasor::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, ValueInfoProto,
};
use phasor::onnx::{ModelFile, Tensor};
use prost::Message;

pub(crate) fn node(op: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    NodeProto {
        op_type: Some(op.into()),
        name: Some(name.into()),
        input: owned(inputs),
        output: owned(outputs),
        ..Default::default()
    }
}

pub(crate) fn value(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.into()),
        ..Default::default()
    }
}

pub(crate) fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: Some(domain.into()),
        version: Some(version),
    }
}

pub(crate) fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value.into()),
    }
}

pub(crate) fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        r#type: Some(5),
        g: Some(Box::new(graph)),
        ..Default::default()
    }
}

pub(crate) fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![opset("", 17)],
        graph: Some(graph),
        ..Default::default()
    }
}

/// `y = (x + w) * w`, with value_info, metadata and an attribute of value zero.
pub(crate) fn small() -> ModelProto {
    let mut add = node("Add", "first", &["x", "w"], &["s"]);
    add.attribute.push(AttributeProto {
        name: Some("axis".into()),
        i: Some(0),
        r#type: Some(2),
        ..Default::default()
    });
    let graph = GraphProto {
        name: Some("g".into()),
        input: vec![value("x")],
        output: vec![value("y")],
        value_info: vec![value("s")],
        initializer: vec![Tensor::from_f32(&[2], &[1.0, 2.0]).to_proto("w")],
        node: vec![add, node("Mul", "second", &["s", "w"], &["y"])],
        ..Default::default()
    };
    ModelProto {
        metadata_props: vec![entry("made by", "test"), entry("kept", "yes")],
        ..model(graph)
    }
}

pub(crate) fn open(model: &ModelProto) -> ModelFile {
    open_bytes(model.encode_to_vec())
}

pub(crate) fn open_bytes(bytes: Vec<u8>) -> ModelFile {
    ModelFile::from_bytes("test.onnx", Bytes::from(bytes)).expect("a sound model")
}

pub(crate) fn external(name: &str, dims: &[i64], entries: &[(&str, &str)]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(1),
        data_location: Some(1),
        external_data: entries.iter().map(|(k, v)| entry(k, v)).collect(),
        ..Default::default()
    }
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A length-delimited field.
pub(crate) fn field(tag: u64, body: &[u8]) -> Vec<u8> {
    [
        varint(tag << 3 | 2),
        varint(body.len() as u64),
        body.to_vec(),
    ]
    .concat()
}

/// A varint field.
pub(crate) fn number(tag: u64, value: u64) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}
