//! Replaces each `If` whose condition is known by the branch that is taken.
//!
//! tract analyses both branches of an `If` on the same shapes, which fails where the branches exist because the shapes differ
//! (decoders merged from one with and one without a cache).

use crate::onnx::Tensor;
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The most branches that are taken, one inside another.
const MAX_ROUNDS: usize = 16;

/// The model with every `If` resolved whose condition is constant, or `known` to the caller.
pub(crate) fn resolved<'a>(
    model: Cow<'a, ModelProto>,
    known: &dyn Fn(&str) -> Option<bool>,
) -> Cow<'a, ModelProto> {
    let mut model = model;
    for _ in 0..MAX_ROUNDS {
        let Some(graph) = &model.graph else { break };
        let choices = choices(graph, known);
        if choices.is_empty() {
            break;
        }
        let Some(graph) = &mut model.to_mut().graph else {
            break;
        };
        splice(graph, &choices);
    }
    model
}

/// Positions of the `If` nodes whose condition is known, with its value.
fn choices(graph: &GraphProto, known: &dyn Fn(&str) -> Option<bool>) -> FxHashMap<usize, bool> {
    let conditional = graph
        .node
        .iter()
        .enumerate()
        .filter(|(_, node)| node.is_onnx("If"));
    conditional
        .filter_map(|(at, node)| Some((at, truth(graph, known, node.input.first()?)?)))
        .collect()
}

/// The truth of a value, looked up through `Identity`, `Not`, `Cast`, `Squeeze` and `Reshape`.
fn truth(graph: &GraphProto, known: &dyn Fn(&str) -> Option<bool>, name: &str) -> Option<bool> {
    let mut name = name;
    let mut negated = false;
    for _ in 0..graph.node.len() + 1 {
        if let Some(value) = known(name) {
            return Some(value != negated);
        }
        if let Some(tensor) = graph.initializer.iter().find(|t| t.name() == name) {
            return Some(scalar_truth(&Tensor::from_proto(tensor).ok()?)? != negated);
        }
        let node = graph
            .node
            .iter()
            .find(|node| node.output.iter().any(|o| o == name))?;
        match node.op_type() {
            "Constant" => {
                let tensor = Tensor::from_proto(node.tensor("value")?).ok()?;
                return Some(scalar_truth(&tensor)? != negated);
            }
            "Not" => negated = !negated,
            "Identity" | "Cast" | "Squeeze" | "Reshape" => {}
            _ => return None,
        }
        name = node.input.first()?;
    }
    None
}

/// Whether the one element of a tensor is not zero.
pub(crate) fn scalar_truth(tensor: &Tensor) -> Option<bool> {
    match tensor.to_f64().as_deref() {
        Some([value]) => Some(*value != 0.0),
        _ => None,
    }
}

/// Puts the nodes of the chosen branches in the place of their `If`.
fn splice(graph: &mut GraphProto, choices: &FxHashMap<usize, bool>) {
    let nodes = std::mem::take(&mut graph.node);
    for (at, node) in nodes.into_iter().enumerate() {
        let Some(taken) = choices.get(&at) else {
            graph.node.push(node);
            continue;
        };
        let wanted = if *taken { "then_branch" } else { "else_branch" };
        let Some(branch) = node
            .attribute
            .into_iter()
            .find(|a| a.name() == wanted)
            .and_then(|a| a.g)
        else {
            continue;
        };
        let mut branch = *branch;
        // The branch's own names may be those of the outer outputs.
        let own = branch
            .node
            .iter()
            .flat_map(|n| &n.output)
            .chain(branch.initializer.iter().flat_map(|t| &t.name));
        let names = own
            .map(|name| (name.clone(), format!("{wanted} {at} {name}")))
            .collect();
        rename(&mut branch, &names);
        graph.initializer.extend(branch.initializer);
        graph.node.extend(branch.node);
        for (outer, inner) in node.output.iter().zip(&branch.output) {
            graph.node.push(NodeProto {
                op_type: Some("Identity".to_owned()),
                name: Some(outer.clone()),
                input: vec![inner.name().to_owned()],
                output: vec![outer.clone()],
                ..NodeProto::default()
            });
        }
    }
}

/// Renames values throughout a graph, its subgraphs included.
fn rename(graph: &mut GraphProto, names: &FxHashMap<String, String>) {
    let renamed = |name: &mut String| {
        if let Some(other) = names.get(name.as_str()) {
            name.clone_from(other);
        }
    };
    graph
        .initializer
        .iter_mut()
        .filter_map(|t| t.name.as_mut())
        .for_each(renamed);
    graph
        .output
        .iter_mut()
        .filter_map(|o| o.name.as_mut())
        .for_each(renamed);
    for node in &mut graph.node {
        node.input
            .iter_mut()
            .chain(&mut node.output)
            .filter(|name| !name.is_empty())
            .for_each(renamed);
        node.bodies_mut().for_each(|body| rename(body, names));
    }
}
