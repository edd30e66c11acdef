//! Models written as text, one node a line: `y, z = Op(a, b) axis=1 perm=[0,2,1] alpha=0.5`.
//!
//! Before the nodes stand the inputs, `x: float[batch, 4]`. Constants are given as tensors; outputs are the values that no node reads.

use phasor::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto,
    TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use phasor::onnx::{DataType, ModelFile, Tensor};
use phasor::pipeline::Found;
use phasor::recognize::Rotary;
use prost::Message;

/// What a rotary site adds to its head.
pub(crate) fn rotary(found: &Found) -> &Rotary {
    found.site.rotary().expect("a rotary site")
}

/// Reads a model; a node of another domain is written `domain::Op`.
pub(crate) fn model(text: &str, constants: &[(&str, Tensor)]) -> ModelProto {
    let mut graph = GraphProto {
        initializer: constants
            .iter()
            .map(|(name, tensor)| tensor.to_proto(name))
            .collect(),
        ..Default::default()
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(" = ") {
            Some((outputs, call)) => graph.node.push(node(outputs, call)),
            None => graph.input.push(info(line)),
        }
    }
    let read = |name: &str| graph.node.iter().any(|n| n.input.iter().any(|i| i == name));
    let made = graph
        .node
        .iter()
        .flat_map(|n| &n.output)
        .filter(|name| !read(name));
    graph.output = made
        .map(|name| ValueInfoProto {
            name: Some(name.clone()),
            ..Default::default()
        })
        .collect();
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![opset("", 17), opset("other", 1)],
        graph: Some(graph),
        ..Default::default()
    }
}

pub(crate) fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: Some(domain.to_owned()),
        version: Some(version),
    }
}

pub(crate) fn node(outputs: &str, call: &str) -> NodeProto {
    let (op, rest) = call.split_once('(').expect("an operator and its inputs");
    let (inputs, attributes) = rest.split_once(')').expect("inputs in brackets");
    let names = |text: &str| {
        text.split(',')
            .map(|n| n.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let (domain, op) = op.split_once("::").unwrap_or(("", op));
    NodeProto {
        op_type: Some(op.trim().to_owned()),
        domain: (!domain.is_empty()).then(|| domain.to_owned()),
        name: Some(format!("node of {outputs}")),
        input: if inputs.trim().is_empty() {
            Vec::new()
        } else {
            names(inputs)
        },
        output: names(outputs),
        attribute: attributes.split_whitespace().map(attribute).collect(),
        ..Default::default()
    }
}

fn attribute(text: &str) -> AttributeProto {
    let (name, value) = text.split_once('=').expect("an attribute's value");
    let mut attribute = AttributeProto {
        name: Some(name.to_owned()),
        ..Default::default()
    };
    match value.strip_prefix('[') {
        Some(list) => {
            attribute.r#type = Some(7);
            attribute.ints = list
                .trim_end_matches(']')
                .split(',')
                .map(|n| n.parse().unwrap())
                .collect();
        }
        None => match value.parse() {
            Ok(integer) => {
                attribute.r#type = Some(2);
                attribute.i = Some(integer);
            }
            Err(_) => match value.parse() {
                Ok(number) => {
                    attribute.r#type = Some(1);
                    attribute.f = Some(number);
                }
                Err(_) => {
                    attribute.r#type = Some(3);
                    attribute.s = Some(value.as_bytes().to_vec().into());
                }
            },
        },
    }
    attribute
}

/// A body for `then_branch` and the like.
pub(crate) fn branch(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(5),
        g: Some(Box::new(graph)),
        ..Default::default()
    }
}

/// Gives the only `If` of a graph its two branches.
pub(crate) fn branches(graph: &mut GraphProto, then: GraphProto, otherwise: GraphProto) {
    let mut nodes = graph.node.iter_mut();
    let decision = nodes.find(|n| n.op_type() == "If").expect("an If");
    decision.attribute = vec![
        branch("then_branch", then),
        branch("else_branch", otherwise),
    ];
}

/// Gives the only `If` of a model its two branches: of one node each, and before it nodes as in [`model`].
pub(crate) fn decide(model: &mut ModelProto, then: &str, otherwise: &str) {
    let body = |lines: &str| {
        let (before, call) = lines.rsplit_once('\n').unwrap_or(("", lines));
        let before = before.lines().filter_map(|line| line.split_once(" = "));
        let before = before.map(|(outputs, call)| node(outputs, call));
        let output = ValueInfoProto {
            name: Some("taken".to_owned()),
            ..Default::default()
        };
        GraphProto {
            node: before.chain([node("taken", call)]).collect(),
            output: vec![output],
            ..Default::default()
        }
    };
    let graph = model.graph.as_mut().expect("a graph");
    branches(graph, body(then), body(otherwise));
}

/// Bounds of slices along the last axis: the ends of 8 channels and their middle.
pub(crate) fn bounds() -> Vec<(&'static str, Tensor)> {
    let list = [("n0", 0), ("n4", 4), ("n8", 8), ("minus1", -1)];
    list.map(|(name, n)| (name, i64s(&[1], &[n]))).to_vec()
}

/// `x: float[batch, 4]`
pub(crate) fn info(line: &str) -> ValueInfoProto {
    let (name, kind) = line.split_once(": ").expect("an input's type");
    let (dtype, dims) = kind.trim_end_matches(']').split_once('[').expect("a shape");
    let dtype = (1..20)
        .filter_map(DataType::from_onnx)
        .find(|t| t.name() == dtype)
        .expect("a type");
    let dim = dims
        .split(',')
        .map(str::trim)
        .filter(|d| !d.is_empty())
        .map(|d| tensor_shape_proto::Dimension {
            value: Some(match d.parse() {
                Ok(n) => tensor_shape_proto::dimension::Value::DimValue(n),
                Err(_) => tensor_shape_proto::dimension::Value::DimParam(d.to_owned()),
            }),
            denotation: None,
        });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor = type_proto::Tensor {
        elem_type: Some(dtype.to_onnx()),
        shape,
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            denotation: None,
        }),
        ..Default::default()
    }
}

pub(crate) fn open(model: &ModelProto) -> ModelFile {
    ModelFile::from_bytes("test.onnx", model.encode_to_vec().into()).expect("a sound model")
}

pub(crate) fn f32s(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_f32(shape, values)
}

pub(crate) fn i64s(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_i64(shape, values)
}

pub(crate) fn typed(dtype: DataType, shape: &[usize], values: &[f64]) -> Tensor {
    Tensor::from_f64_as(dtype, shape, values)
}
