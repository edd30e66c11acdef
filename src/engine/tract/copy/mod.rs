//! A scratch copy of a model in the form that tract reads correctly: the analysis and the embedded engine work on it.
//!
//! * Model-local functions are inlined; tract ignores them.
//! * An operator of another domain is renamed `domain::Op`: tract looks operators up by their bare name and would take a foreign
//!   `Add` for its own. The names of `com.microsoft` and `ai.onnx.ml` that tract implements are kept.
//! * Only the nodes that the wanted outputs need remain, and `value_info` is dropped.
//! * Weights are taken out: each becomes an input of known type and shape, and is handed over beside the copy.
//! * Element types that tract lacks are replaced throughout by one that the model does not use ([`Retype`]).
pub(crate) mod branches;
mod retype;

use super::operators::rounding;
use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, is_default_domain, tensor_shape_proto, type_proto,
};
use crate::onnx::{DataType, Tensor, functions};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;

pub(crate) use retype::{Retype, is_known};

/// Operators of `com.microsoft` that tract implements under their bare name.
const CONTRIB: &[&str] = &[
    "BiasGelu",
    "FastGelu",
    "GatherBlockQuantized",
    "Gelu",
    "GroupQueryAttention",
    "MatMulNBits",
    "MultiHeadAttention",
    "QuickGelu",
    "RotaryEmbedding",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];
/// Operators of `ai.onnx.ml` that tract implements under their bare name.
const ML: &[&str] = &[
    "ArrayFeatureExtractor",
    "CategoryMapper",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "TreeEnsembleClassifier",
];

/// How a copy is made.
pub(crate) struct Plan<'a> {
    /// The values to become the graph's outputs; `None` keeps every node and the graph's own outputs.
    pub(crate) outputs: Option<&'a [String]>,
    /// Values that are given: nodes that only serve to compute them are dropped, and the values become inputs, without a type, if they
    /// are not inputs yet.
    pub(crate) given: &'a FxHashSet<&'a str>,
    /// Initializers of more bytes than this become inputs; external ones always do.
    pub(crate) keep_bytes: usize,
    /// Replacement of element types.
    pub(crate) retype: Retype,
}

/// The copy, and what was taken out of it.
pub(crate) struct Scratch {
    /// Model with one graph, without functions and `value_info`.
    pub(crate) model: ModelProto,
    /// The weights that became inputs, in the order in which they follow the graph's own inputs.
    pub(crate) weights: Vec<TensorProto>,
}

/// Inlines the functions of a model, if it has any.
pub(crate) fn inlined(model: &ModelProto) -> Cow<'_, ModelProto> {
    inlined_but(model, |_| false)
}

/// Inlines the functions of a model except those that `keep` selects.
pub(crate) fn inlined_but(
    model: &ModelProto,
    keep: fn(&FunctionProto) -> bool,
) -> Cow<'_, ModelProto> {
    if model.functions.iter().all(keep) {
        return Cow::Borrowed(model);
    }
    Cow::Owned(functions::inline_but(model, &keep))
}

/// Makes the copy of a model whose functions are [`inlined`].
///
/// # Errors
/// A requested value that does not exist; a constant of a replaced type that cannot be converted.
pub(crate) fn scratch(model: &ModelProto, plan: &Plan<'_>) -> Result<Scratch, String> {
    let graph = model.graph.as_ref().ok_or("the model has no graph")?;
    let cone = plan
        .outputs
        .map(|outputs| cone(graph, outputs, plan.given))
        .transpose()?;
    let lives = |name: &str| {
        cone.as_ref()
            .is_none_or(|(_, values)| values.contains(name))
    };

    let mut copy = GraphProto {
        name: graph.name.clone(),
        ..GraphProto::default()
    };
    let mut weights = Vec::new();
    let taken_out = |tensor: &TensorProto| {
        tensor.is_external()
            || stored_bytes(tensor) > plan.keep_bytes
            || plan.retype.loses_values(tensor.data_type())
    };
    for (position, original) in graph.node.iter().enumerate() {
        if cone.as_ref().is_some_and(|(nodes, _)| !nodes[position]) {
            continue;
        }
        match original.constant().filter(|(_, tensor)| taken_out(tensor)) {
            Some((name, tensor)) => weights.push(TensorProto {
                name: Some(name.to_owned()),
                ..tensor.clone()
            }),
            None => copy.node.push(node(original, &plan.retype)?),
        }
    }
    let mut initialized = FxHashSet::default();
    for tensor in &graph.initializer {
        let name = tensor.name();
        if !lives(name) || plan.given.contains(name) {
            continue;
        }
        initialized.insert(name);
        if taken_out(tensor) {
            weights.push(tensor.clone());
        } else {
            copy.initializer.push(plan.retype.tensor(tensor)?);
        }
    }
    for info in &graph.input {
        if lives(info.name()) && !initialized.contains(info.name()) {
            let mut info = info.clone();
            plan.retype.info(&mut info);
            copy.input.push(info);
        }
    }
    for name in plan.given {
        if lives(name) && copy.input.iter().all(|info| info.name() != *name) {
            copy.input.push(untyped(name));
        }
    }
    let as_input =
        |t: &TensorProto| tensor_input(t.name(), plan.retype.code(t.data_type()), &t.dims);
    copy.input.extend(weights.iter().map(as_input));
    copy.output = match plan.outputs {
        Some(outputs) => outputs.iter().map(|name| untyped(name)).collect(),
        // tract forgets what it knows of an input that is an output too.
        None => {
            let made: FxHashSet<&String> = copy.node.iter().flat_map(|node| &node.output).collect();
            let outputs = graph
                .output
                .iter()
                .flat_map(|info| &info.name)
                .filter(|name| made.contains(name));
            outputs.map(|name| untyped(name)).collect()
        }
    };
    let model = ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        graph: Some(copy),
        ..ModelProto::default()
    };
    Ok(Scratch { model, weights })
}

/// Which nodes the outputs need, and the values that these read or write.
fn cone<'a>(
    graph: &'a GraphProto,
    outputs: &'a [String],
    given: &FxHashSet<&'a str>,
) -> Result<(Vec<bool>, FxHashSet<&'a str>), String> {
    let mut producer: FxHashMap<&str, usize> = FxHashMap::default();
    for (position, node) in graph.node.iter().enumerate() {
        for output in &node.output {
            producer.insert(output, position);
        }
    }
    let mut values: FxHashSet<&str> = outputs.iter().map(String::as_str).collect();
    let known: FxHashSet<&str> = graph
        .input
        .iter()
        .map(|i| i.name())
        .chain(graph.initializer.iter().map(|t| t.name()))
        .collect();
    for name in &values {
        if !(producer.contains_key(name) || known.contains(name) || given.contains(name)) {
            return Err(format!("the graph has no value `{name}`"));
        }
    }
    let mut wanted = vec![false; graph.node.len()];
    let mut open: Vec<&str> = values.iter().copied().collect();
    while let Some(name) = open.pop() {
        let Some(&position) = producer.get(name).filter(|_| !given.contains(name)) else {
            continue;
        };
        if std::mem::replace(&mut wanted[position], true) {
            continue;
        }
        reads(&graph.node[position], &mut |input| {
            if values.insert(input) {
                open.push(input);
            }
        });
        values.extend(graph.node[position].output.iter().map(String::as_str));
    }
    Ok((wanted, values))
}

/// Calls `visit` with every value that a node reads, those of its subgraphs (their own values too) included.
fn reads<'a>(node: &'a NodeProto, visit: &mut impl FnMut(&'a str)) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        node.input
            .iter()
            .filter(|i| !i.is_empty())
            .for_each(|i| visit(i));
        for body in node.bodies() {
            body.output.iter().for_each(|o| visit(o.name()));
            open.extend(&body.node);
        }
    }
}

/// A copy of a node under the name by which tract may know it.
fn node(node: &NodeProto, retype: &Retype) -> Result<NodeProto, String> {
    let mut copy = NodeProto {
        input: node.input.clone(),
        output: node.output.clone(),
        name: node.name.clone(),
        op_type: node.op_type.clone(),
        domain: node.domain.clone(),
        ..NodeProto::default()
    };
    let kept = match node.domain() {
        domain if is_default_domain(domain) => true,
        "com.microsoft" => CONTRIB.contains(&node.op_type()),
        "ai.onnx.ml" => ML.contains(&node.op_type()),
        _ => false,
    };
    if !kept {
        copy.op_type = Some(format!("{}::{}", node.domain(), node.op_type()));
    }
    for attribute in &node.attribute {
        let mut attribute = attribute.clone();
        if retype.is_dtype_attribute(node, attribute.name()) {
            if node.op_type() == "Cast" && attribute.i == Some(DataType::BF16.to_onnx().into()) {
                copy.attribute.push(rounding());
            }
            attribute.i = attribute.i.map(|code| i64::from(retype.code(code as i32)));
        }
        if let Some(tensor) = &mut attribute.t {
            **tensor = retype.tensor(tensor)?;
        }
        for graph in attribute.graphs_mut() {
            subgraph(graph, retype)?;
        }
        copy.attribute.push(attribute);
    }
    if kept && node.op_type() == "ConstantOfShape" && node.attribute("value").is_none() {
        // tract's default is a float64 zero, ONNX's a float32 one.
        copy.attribute.push(AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(AttributeType::Tensor as i32),
            t: Some(Box::new(Tensor::from_f32(&[1], &[0.0]).to_proto(""))),
            ..AttributeProto::default()
        });
    }
    Ok(copy)
}

/// The body of a control-flow node, in place.
fn subgraph(graph: &mut GraphProto, retype: &Retype) -> Result<(), String> {
    for inner in &mut graph.node {
        *inner = node(inner, retype)?;
    }
    for tensor in &mut graph.initializer {
        *tensor = retype.tensor(tensor)?;
    }
    graph.input.iter_mut().for_each(|info| retype.info(info));
    graph.value_info.clear();
    for output in &mut graph.output {
        *output = untyped(output.name());
    }
    Ok(())
}

/// Bytes of the data of a tensor inside the model file.
fn stored_bytes(tensor: &TensorProto) -> usize {
    tensor.raw_data().len()
        + tensor.float_data.byte_len()
        + tensor.int32_data.byte_len()
        + tensor.int64_data.byte_len()
        + tensor.double_data.byte_len()
        + tensor.uint64_data.byte_len()
}

/// A value of known element type and shape.
pub(crate) fn tensor_input(name: &str, elem_type: i32, dims: &[i64]) -> ValueInfoProto {
    let dim = dims
        .iter()
        .map(|n| tensor_shape_proto::Dimension {
            value: Some(tensor_shape_proto::dimension::Value::DimValue(*n)),
            denotation: None,
        })
        .collect();
    let tensor = type_proto::Tensor {
        elem_type: Some(elem_type),
        shape: Some(TensorShapeProto { dim }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            denotation: None,
        }),
        ..ValueInfoProto::default()
    }
}

fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    }
}
