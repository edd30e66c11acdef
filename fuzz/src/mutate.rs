//! Damage that leaves a model a model: each change is one that an exporter, an editor or an enemy could make.

use bytes::Bytes;
use phasor::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, tensor_shape_proto, type_proto,
};
use prost::Message;

use crate::random::Random;

/// Operators that make much of little, or that count by their attributes.
const OPERATORS: &[&str] = &[
    "Add",
    "ArgMax",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Cos",
    "CumSum",
    "DepthToSpace",
    "Einsum",
    "Expand",
    "EyeLike",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "GroupNormalization",
    "Identity",
    "If",
    "LayerNormalization",
    "Loop",
    "MatMul",
    "MaxPool",
    "Mod",
    "NonZero",
    "OneHot",
    "Pad",
    "Range",
    "ReduceSum",
    "Reshape",
    "Resize",
    "RotaryEmbedding",
    "Scan",
    "ScatterElements",
    "ScatterND",
    "Shape",
    "Sin",
    "Slice",
    "Softmax",
    "Split",
    "Squeeze",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// Attributes that a spliced node may get.
const ATTRIBUTES: &[&str] = &[
    "axis",
    "axes",
    "perm",
    "batch_dims",
    "k",
    "to",
    "dtype",
    "num_outputs",
    "allowzero",
    "group",
    "kernel_shape",
    "strides",
    "pads",
    "dilations",
    "blocksize",
    "start",
    "end",
    "num_heads",
    "keepdims",
    "num_scan_inputs",
    "largest",
    "shape",
    "upper",
];

/// Damages a model once; `others` is what nodes may be taken from. Bytes that are no model, and one change in eight, are damaged
/// as bytes.
pub(crate) fn damage(bytes: Vec<u8>, others: &[NodeProto], random: &mut Random) -> Vec<u8> {
    if random.below(8) == 0 {
        return raw(bytes, random);
    }
    let Ok(mut model) = ModelProto::decode(Bytes::from(bytes.clone())) else {
        return raw(bytes, random);
    };
    if random.below(16) == 0 {
        damage_model(&mut model, random);
    } else if let Some(graph) = place(&mut model, random) {
        damage_graph(graph, others, random);
    }
    model.encode_to_vec()
}

fn raw(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let at = random.below(bytes.len());
    match random.below(5) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at.min(bytes.len()), random.next() as u8),
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        _ => {
            for _ in 0..=random.below(8) {
                let bit = 1 << random.below(8);
                random
                    .within(&mut bytes)
                    .into_iter()
                    .for_each(|byte| *byte ^= bit);
            }
        }
    }
    bytes
}

fn damage_model(model: &mut ModelProto, random: &mut Random) {
    match random.below(4) {
        0 => model.ir_version = Some(random.integer()),
        1 => drop(model.opset_import.pop()),
        2 => model.functions.truncate(random.below(3)),
        _ => {
            let version = random.below(32) as i64;
            let import = random.within(&mut model.opset_import);
            import
                .into_iter()
                .for_each(|import| import.version = Some(version));
        }
    }
}

/// The main graph, or now and then a body in it; functions are damaged as a graph of their nodes.
fn place<'a>(model: &'a mut ModelProto, random: &mut Random) -> Option<&'a mut GraphProto> {
    let graph = model.graph.as_mut()?;
    let mut bodies: Vec<(usize, usize)> = Vec::new();
    for (n, node) in graph.node.iter().enumerate() {
        let graphs = node.attribute.iter().enumerate();
        bodies.extend(graphs.filter(|(_, a)| a.g.is_some()).map(|(a, _)| (n, a)));
    }
    if bodies.is_empty() || random.below(2) == 0 {
        return Some(graph);
    }
    let &(node, attribute) = random.choose(&bodies);
    graph.node[node].attribute[attribute].g.as_deref_mut()
}

fn damage_graph(graph: &mut GraphProto, others: &[NodeProto], random: &mut Random) {
    let values = values(graph);
    match random.below(12) {
        0 => {
            random
                .within(&mut graph.initializer)
                .into_iter()
                .for_each(|t| damage_tensor(t, random));
        }
        1 => {
            let input = random.within(&mut graph.input);
            let kind = input.and_then(|input| input.r#type.as_mut()?.value.as_mut());
            if let Some(type_proto::Value::TensorType(kind)) = kind {
                damage_type(kind, random);
            }
        }
        2 => splice(graph, others, &values, random),
        3 => {
            let at = random.below(graph.node.len());
            if !graph.node.is_empty() {
                match random.below(2) {
                    0 => drop(graph.node.remove(at)),
                    _ => {
                        let other = random.below(graph.node.len());
                        graph.node.swap(at, other);
                    }
                }
            }
        }
        4 => {
            let name = values.get(random.below(values.len())).cloned();
            random
                .within(&mut graph.output)
                .into_iter()
                .for_each(|output| output.name = name.clone());
        }
        _ => {
            let node = random.within(&mut graph.node);
            node.into_iter()
                .for_each(|node| damage_node(node, &values, random));
        }
    }
}

/// All names that a graph defines.
fn values(graph: &GraphProto) -> Vec<String> {
    let inputs = graph.input.iter().map(|info| info.name().to_owned());
    let constants = graph.initializer.iter().map(|t| t.name().to_owned());
    let made = graph.node.iter().flat_map(|node| node.output.clone());
    inputs.chain(constants).chain(made).collect()
}

fn damage_node(node: &mut NodeProto, values: &[String], random: &mut Random) {
    let value = || values.first().cloned().unwrap_or_default();
    match random.below(9) {
        0 => node.op_type = Some((*random.choose(OPERATORS)).to_owned()),
        1 => {
            let slot = random.below(node.input.len());
            if !node.input.is_empty() {
                node.input.remove(slot);
            }
        }
        2 => {
            let other = values.get(random.below(values.len())).cloned();
            let input = random.within(&mut node.input);
            input
                .into_iter()
                .for_each(|input| *input = other.clone().unwrap_or_else(value));
        }
        3 => {
            let first = node.input.get(random.below(node.input.len())).cloned();
            node.input.extend(first);
        }
        4 if node.input.len() > 1 => {
            let (a, b) = (
                random.below(node.input.len()),
                random.below(node.input.len()),
            );
            node.input.swap(a, b);
        }
        5 => {
            let gone = random.below(2) == 0;
            let output = random.within(&mut node.output);
            output.into_iter().filter(|_| gone).for_each(String::clear);
        }
        6 => {
            let new = attribute(random);
            node.attribute.push(new);
        }
        _ => {
            let attribute = random.within(&mut node.attribute);
            attribute
                .into_iter()
                .for_each(|attribute| damage_attribute(attribute, random));
        }
    }
}

/// A new attribute of integers.
fn attribute(random: &mut Random) -> AttributeProto {
    let many = random.below(2) == 0;
    let count = random.below(4);
    AttributeProto {
        name: Some((*random.choose(ATTRIBUTES)).to_owned()),
        r#type: Some(if many { 7 } else { 2 }),
        i: (!many).then(|| random.integer()),
        ints: (0..if many { count } else { 0 })
            .map(|_| random.integer())
            .collect(),
        ..AttributeProto::default()
    }
}

fn damage_attribute(attribute: &mut AttributeProto, random: &mut Random) {
    match random.below(10) {
        0 => attribute.r#type = Some(random.below(16) as i32),
        1 => attribute.name = Some((*random.choose(ATTRIBUTES)).to_owned()),
        2 => {
            let number = random.integer();
            attribute.ints.push(number);
        }
        3 => drop(attribute.ints.pop()),
        4 => attribute.f = Some(*random.choose(&[f32::NAN, f32::INFINITY, 0.0, -1.0, f32::MAX])),
        5 => attribute.s = Some(Bytes::from_static(b"nearest")),
        6 => (attribute.t, attribute.g) = (None, None),
        7 if attribute.t.is_some() => {
            let tensor = attribute.t.as_deref_mut();
            tensor
                .into_iter()
                .for_each(|tensor| damage_tensor(tensor, random));
        }
        _ => {
            let number = random.integer();
            match random.within(&mut attribute.ints) {
                Some(one) => *one = number,
                None => attribute.i = Some(number),
            }
        }
    }
}

fn damage_tensor(tensor: &mut TensorProto, random: &mut Random) {
    let number = random.integer();
    match random.below(6) {
        0 => random
            .within(&mut tensor.dims)
            .into_iter()
            .for_each(|dim| *dim = number),
        1 => tensor.dims.push(number),
        2 => drop(tensor.dims.pop()),
        3 => tensor.data_type = Some(random.below(30) as i32),
        4 => {
            // Emptied whole: sound, and rare.
            if let Some(dim) = random.within(&mut tensor.dims) {
                *dim = 0;
                tensor.raw_data = Some(Bytes::new());
            }
        }
        _ => {
            let Some(raw) = &tensor.raw_data else { return };
            let mut raw = raw.to_vec();
            let word = random.below(raw.len() / 8) * 8;
            if let Some(place) = raw.get_mut(word..word + 8) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            tensor.raw_data = Some(Bytes::from(raw));
        }
    }
}

fn damage_type(kind: &mut type_proto::Tensor, random: &mut Random) {
    use tensor_shape_proto::dimension::Value;
    let number = random.integer();
    match random.below(4) {
        0 => kind.elem_type = Some(random.below(30) as i32),
        1 => kind.shape = None,
        _ => {
            let Some(shape) = &mut kind.shape else { return };
            let size = match random.below(3) {
                0 => Value::DimParam(
                    (*random.choose(&["a", "batch", "a*b", "1 + b", "((", "-n", ""])).to_owned(),
                ),
                _ => Value::DimValue(number),
            };
            let size = tensor_shape_proto::Dimension {
                value: Some(size),
                denotation: None,
            };
            match random.below(3) {
                0 => shape.dim.push(size),
                1 => drop(shape.dim.pop()),
                _ => random
                    .within(&mut shape.dim)
                    .into_iter()
                    .for_each(|dim| *dim = size.clone()),
            }
        }
    }
}

/// Puts a node into a graph, between a value and those that read it.
fn splice(graph: &mut GraphProto, others: &[NodeProto], values: &[String], random: &mut Random) {
    if values.is_empty() || graph.node.is_empty() {
        return;
    }
    let mut node = match random.below(3) {
        0 if !others.is_empty() => random.choose(others).clone(),
        _ => NodeProto {
            op_type: Some((*random.choose(OPERATORS)).to_owned()),
            input: vec![String::new(); 1 + random.below(4)],
            attribute: (0..random.below(3)).map(|_| attribute(random)).collect(),
            ..NodeProto::default()
        },
    };
    let at = random.below(graph.node.len());
    let user = &mut graph.node[at];
    let known = values.iter().filter(|name| !user.output.contains(name));
    let known: Vec<String> = known.cloned().collect();
    if known.is_empty() {
        return;
    }
    for input in &mut node.input {
        input.clone_from(random.choose(&known));
    }
    let made = format!("spliced {}", random.next());
    node.name = Some(made.clone());
    node.output = vec![made.clone()];
    if let Some(input) = random.within(&mut user.input) {
        if let Some(first) = node.input.first_mut() {
            first.clone_from(input);
        }
        *input = made;
    }
    graph.node.insert(at, node);
}
