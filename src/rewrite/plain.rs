//! Operators of ours as standard nodes, for hosts that know no functions and for execution providers without a kernel: the function
//! body, written for the one call.
//!
//! What the call decides is settled here: attributes and sizes become constants, types are known, and nodes that then change nothing or
//! that nobody reads are left out.

mod sizes;

use rustc_hash::{FxHashMap, FxHashSet};

use phasor_ops::contract::{
    self, AttributeValue, BodyAttribute, BodyNode, Call, ElementType, FunctionBody, OperatorSpec,
};

use super::function;
use super::subject::NewCall;
use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, Tensor};

/// The model that nodes are written for.
pub(super) trait Names {
    /// Its opset.
    fn opset(&self) -> i64;

    /// A name that no value has yet.
    fn fresh(&mut self, stem: &str) -> String;

    /// An initializer of these numbers, named after `stem`.
    fn constant(&mut self, stem: &str, tensor: &Tensor) -> String;

    /// An initializer of integers, with this shape.
    fn integers(&mut self, shape: &[usize], values: &[i64]) -> String;

    /// A list of integers.
    fn list(&mut self, values: &[i64]) -> String;
}

/// The nodes of a call with these inputs, in order. They give `outputs`; the last of them is called `name`. `None` if the model's opset
/// has no body for the call.
pub(super) fn nodes(
    names: &mut impl Names,
    new: &NewCall,
    inputs: &[String],
    name: &str,
    outputs: &[String],
) -> Option<Vec<NodeProto>> {
    let contract = contract::find(new.operator)?;
    let body = contract
        .body(names.opset(), std::slice::from_ref(&new.call))
        .ok()?;
    let body = settled(body, contract.spec(), &new.call);
    let mut scope: FxHashMap<&str, String> = FxHashMap::default();
    scope.extend(body.inputs.iter().map(|n| &n[..]).zip(inputs.to_vec()));
    scope.extend(body.outputs.iter().map(|n| &n[..]).zip(outputs.to_vec()));
    let stem = outputs.first()?;
    let mut nodes: Vec<NodeProto> = Vec::new();
    for node in &body.nodes {
        if node.op_type == "Constant" {
            let (_, value) = node.attributes.first()?;
            scope.insert(node.outputs.first()?, constant(names, value)?);
            continue;
        }
        for output in &node.outputs {
            if !scope.contains_key(&output[..]) {
                let kind = node.op_type.to_lowercase();
                scope.insert(output, names.fresh(&format!("{stem}_{kind}")));
            }
        }
        let mut proto = function::node(node);
        let names = proto.input.iter_mut().chain(&mut proto.output);
        names.for_each(|name| name.clone_from(&scope[&name[..]]));
        proto.name = proto.output.first().cloned();
        nodes.push(proto);
    }
    nodes.last_mut()?.name = Some(name.to_owned());
    Some(nodes)
}

/// The body with the attributes and the types of a call in it.
fn settled(mut body: FunctionBody, spec: &OperatorSpec, call: &Call) -> FunctionBody {
    for node in &mut body.nodes {
        for (_, attribute) in &mut node.attributes {
            if let BodyAttribute::Reference(of) = attribute {
                *attribute = match call.attribute(of.name).unwrap_or(of.default) {
                    AttributeValue::Int(i) => BodyAttribute::Int(i),
                    AttributeValue::Float(f) => BodyAttribute::Float(f),
                };
            }
        }
    }
    sizes::settle(&mut body, call);
    let types = types(&body, spec, call);
    let mut same: FxHashMap<String, String> = FxHashMap::default();
    let mut kept = Vec::with_capacity(body.nodes.len());
    for mut node in std::mem::take(&mut body.nodes) {
        for input in &mut node.inputs {
            if let Some(other) = same.get(input) {
                input.clone_from(other);
            }
        }
        let to = match node.op_type {
            "Cast" | "CastLike" => types.get(&node.outputs[0]).copied(),
            _ => None,
        };
        if let Some(to) = to {
            if types.get(&node.inputs[0]) == Some(&to) {
                same.insert(node.outputs[0].clone(), node.inputs[0].clone());
                continue;
            }
            node.op_type = "Cast";
            node.inputs.truncate(1);
            node.attributes = vec![("to", BodyAttribute::Int(to.to_onnx().into()))];
        }
        kept.push(node);
    }
    body.nodes = kept;
    keep_outputs(&mut body, &same);
    drop_unread(&mut body);
    body
}

/// The element types of values that can be told. Nodes that give the type of their first input are those of the bodies.
fn types(body: &FunctionBody, spec: &OperatorSpec, call: &Call) -> FxHashMap<String, ElementType> {
    let mut types: FxHashMap<String, ElementType> = FxHashMap::default();
    for input in spec.inputs {
        let mut alike = spec.inputs.iter().zip(&call.inputs);
        let dtype = alike.find_map(|(other, known)| known.dtype.filter(|_| other.of == input.of));
        types.extend(dtype.map(|dtype| (input.name.to_owned(), dtype)));
    }
    for node in &body.nodes {
        let of = |slot: usize| types.get(node.inputs.get(slot)?).copied();
        let dtype = match (node.op_type, &node.attributes[..]) {
            ("Constant", [("value_float", _)]) => Some(ElementType::F32),
            ("Constant", [("value", BodyAttribute::Double(_))]) => Some(ElementType::F64),
            ("Cast", [("to", BodyAttribute::Int(to))]) => {
                i32::try_from(*to).ok().and_then(ElementType::from_onnx)
            }
            ("CastLike" | "Where", _) => of(1),
            (
                "Add" | "Concat" | "Cos" | "Div" | "Expand" | "Gather" | "GatherElements"
                | "MatMul" | "Mul" | "Neg" | "ReduceSum" | "Reshape" | "Sin" | "Slice" | "Softmax"
                | "Split" | "Sub" | "Tanh" | "Transpose" | "Unsqueeze",
                _,
            ) => of(0),
            _ => None,
        };
        if let Some(dtype) = dtype {
            types.extend(node.outputs.iter().map(|name| (name.clone(), dtype)));
        }
    }
    types
}

/// Gives an output its name back where the node that gave it changed nothing.
fn keep_outputs(body: &mut FunctionBody, same: &FxHashMap<String, String>) {
    for output in &body.outputs {
        let Some(value) = same.get(output) else {
            continue;
        };
        if body.inputs.contains(value) || body.outputs.contains(value) {
            body.nodes.push(BodyNode {
                op_type: "Identity",
                domain: "",
                inputs: vec![value.clone()],
                outputs: vec![output.clone()],
                attributes: Vec::new(),
            });
            continue;
        }
        for node in &mut body.nodes {
            let names = node.inputs.iter_mut().chain(&mut node.outputs);
            names
                .filter(|name| *name == value)
                .for_each(|name| name.clone_from(output));
        }
    }
}

/// Drops nodes that no output needs.
fn drop_unread(body: &mut FunctionBody) {
    let mut read: FxHashSet<String> = body.outputs.iter().cloned().collect();
    let mut nodes: Vec<BodyNode> = Vec::with_capacity(body.nodes.len());
    while let Some(node) = body.nodes.pop() {
        if node.outputs.iter().any(|output| read.contains(output)) {
            read.extend(node.inputs.iter().cloned());
            nodes.push(node);
        }
    }
    nodes.reverse();
    body.nodes = nodes;
}

/// A constant, which all nodes that need it share.
fn constant(names: &mut impl Names, value: &BodyAttribute) -> Option<String> {
    let of = |dtype, number| Tensor::from_f64_as(dtype, &[], &[number]);
    let number = match value {
        BodyAttribute::Int(number) => return Some(names.integers(&[], &[*number])),
        BodyAttribute::Ints(numbers) => return Some(names.list(numbers)),
        BodyAttribute::Float(number) => of(DataType::F32, f64::from(*number)),
        BodyAttribute::Double(number) => of(DataType::F64, *number),
        BodyAttribute::Reference(_) => return None,
    };
    Some(names.constant("phasor_number", &number))
}
