//! The first model, made so that its numbers can be moved a little where the second one computes them otherwise.
//!
//! At each such place a multiplication by a scalar is inserted, which is a further input of the model: 1 leaves the result as it is,
//! and a neighbour of 1 moves it by about as much as another order of rounding would. Places are the values of the main graph that
//! both models compute, by nodes that are not the same; where there are none, what is looked up in tables of weights.

use crate::facts::Fact;
use crate::onnx::DataType;
use crate::onnx::names::Taken;
use crate::onnx::proto::{FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use rustc_hash::{FxHashMap, FxHashSet};

/// Largest number of places; more would tell nothing new.
const MOST: usize = 256;

/// Names of the places, in the order of the first model's nodes.
pub(super) fn find(a: &ModelProto, b: &ModelProto) -> Vec<String> {
    let (Some(old), Some(new)) = (&a.graph, &b.graph) else {
        return Vec::new();
    };
    let (old_functions, new_functions) = (functions(a), functions(b));
    let mut makers: FxHashMap<&str, &NodeProto> = FxHashMap::default();
    for node in &new.node {
        makers.extend(node.output.iter().map(|name| (name.as_str(), node)));
    }
    let same = |node: &NodeProto, other: &NodeProto| {
        let called = (node.domain(), node.op_type());
        node.op_type == other.op_type
            && node.domain() == other.domain()
            && node.input == other.input
            && node.attribute == other.attribute
            && old_functions.get(&called) == new_functions.get(&called)
    };
    let changed = |node: &&NodeProto| {
        let mut outputs = node.output.iter();
        outputs.any(|name| {
            makers
                .get(name.as_str())
                .is_some_and(|other| !same(node, other))
        })
    };
    let places = |nodes: Vec<&NodeProto>| -> Vec<String> {
        let outputs = nodes.into_iter().flat_map(|node| &node.output);
        let named = outputs.filter(|name| !name.is_empty() && makers.contains_key(name.as_str()));
        named.take(MOST).cloned().collect()
    };
    let found = places(old.node.iter().filter(changed).collect());
    if !found.is_empty() {
        return found;
    }
    let tables: FxHashSet<&str> = old
        .initializer
        .iter()
        .filter(|t| DataType::from_onnx(t.data_type()).is_some_and(DataType::is_float))
        .map(|t| t.name())
        .collect();
    let looks_up = |node: &&NodeProto| {
        node.op_type() == "Gather"
            && node
                .input
                .first()
                .is_some_and(|t| tables.contains(t.as_str()))
    };
    places(old.node.iter().filter(looks_up).collect())
}

fn functions(model: &ModelProto) -> FxHashMap<(&str, &str), &FunctionProto> {
    let all = model.functions.iter();
    all.map(|f| ((f.domain(), f.name()), f)).collect()
}

/// The model with places among its outputs, to see of which types they are.
pub(super) fn shown(model: &ModelProto, places: &[String]) -> ModelProto {
    let mut model = model.clone();
    if let Some(graph) = &mut model.graph {
        let known: FxHashSet<&str> = graph.output.iter().map(|o| o.name()).collect();
        let more: Vec<ValueInfoProto> = places
            .iter()
            .filter(|name| !known.contains(name.as_str()))
            .map(|name| ValueInfoProto {
                name: Some(name.clone()),
                ..ValueInfoProto::default()
            })
            .collect();
        graph.output.extend(more);
    }
    model
}

/// The model with a factor at each place of a float type: the names of the inputs that take the factors, and their types.
pub(super) fn movable(
    model: &ModelProto,
    places: &[(String, DataType)],
) -> (ModelProto, Vec<(String, DataType)>) {
    let mut taken = Taken::of_model(model);
    let mut model = model.clone();
    let mut factors = Vec::new();
    if let Some(graph) = &mut model.graph {
        let wanted: FxHashMap<&str, DataType> = places
            .iter()
            .map(|(name, dtype)| (name.as_str(), *dtype))
            .collect();
        insert(graph, &wanted, &mut taken, &mut factors);
    }
    (model, factors)
}

fn insert(
    graph: &mut GraphProto,
    wanted: &FxHashMap<&str, DataType>,
    taken: &mut Taken,
    factors: &mut Vec<(String, DataType)>,
) {
    let old = std::mem::take(&mut graph.node);
    for mut node in old {
        let mut moves = Vec::new();
        for output in &mut node.output {
            let Some(dtype) = wanted.get(output.as_str()) else {
                continue;
            };
            let still = taken.fresh(&format!("{output}_unmoved"));
            let factor = taken.fresh(&format!("{output}_factor"));
            moves.push(NodeProto {
                op_type: Some("Mul".to_owned()),
                name: Some(taken.fresh(&format!("{output}_move"))),
                input: vec![still.clone(), factor.clone()],
                output: vec![std::mem::replace(output, still)],
                ..NodeProto::default()
            });
            graph.input.push(scalar(&factor, *dtype));
            factors.push((factor, *dtype));
        }
        graph.node.push(node);
        graph.node.append(&mut moves);
    }
}

fn scalar(name: &str, dtype: DataType) -> ValueInfoProto {
    let fact = Fact {
        dtype: Some(dtype),
        shape: Some(Vec::new()),
    };
    fact.to_info(name)
}
