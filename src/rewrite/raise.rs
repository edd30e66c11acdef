//! Raises the default operator set of a model, as far as its operators mean the same in the newer one.
//!
//! Most versions of an operator allow more types or add attributes, whose defaults are what it did before. Two changes are made for the
//! model: reductions take their axes as an input since opset 18, and a `Split` without sizes says into how many parts. An operator whose
//! meaning changed is refused.

use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};
use crate::onnx::{Error, ModelFile, names, operators};

use phasor_ops::contract::AttributeValue;
use prost::Message;

use super::function;

/// The opset that brought `Reduce...` with axes as an input, and `num_outputs` of `Split`.
const AXES_OPSET: i64 = 18;
/// The oldest opset that is raised. In 13, operators of many models changed.
const OLDEST: i64 = 13;

/// Operators that mean something else from this opset on.
const CHANGED: [(&str, i64); 4] = [
    // Where samples lie.
    ("RoiAlign", 16),
    // The names of its modes, and its axis as an input.
    ("GridSample", 20),
    ("DFT", 20),
    // Scale and bias of each channel rather than of each group.
    ("GroupNormalization", 21),
];

/// Why an operator set cannot be raised.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// It is too old.
    #[error("opset {0} is older than {OLDEST}")]
    Old(i64),
    /// A node would mean something else, or nothing is known of it.
    #[error("node `{node}`: `{operator}` {why}")]
    Node {
        /// The node.
        node: String,
        /// Its operator.
        operator: String,
        /// What keeps it.
        why: &'static str,
    },
    /// A function of the model has operators of its own.
    #[error("function `{0}` has operators of another opset")]
    Function(String),
    /// The model has graphs for training.
    #[error("it has graphs for training, which are not looked into")]
    Training,
    /// The result would be invalid.
    #[error(transparent)]
    Rewritten(#[from] Error),
}

/// The model with a newer default operator set.
///
/// # Errors
/// What keeps the model from being raised.
pub fn raised(file: &ModelFile, to: i64) -> Result<ModelFile, RaiseError> {
    let from = file.opset();
    if from < OLDEST {
        return Err(RaiseError::Old(from));
    }
    let other = |f: &&FunctionProto| {
        let mut imports = f.opset_import.iter();
        imports.any(|o| o.is_standard() && o.version() != to)
    };
    if let Some(function) = file.model().functions.iter().find(other) {
        return Err(RaiseError::Function(function.name().to_owned()));
    }
    if !file.model().training_info.is_empty() {
        return Err(RaiseError::Training);
    }
    let mut model = file.model().clone();
    let imports = model.opset_import.iter_mut().filter(|o| o.is_standard());
    imports.for_each(|o| o.version = Some(to));
    let mut taken = names::Taken::of_model(&model);
    if let Some(graph) = &mut model.graph {
        raise(graph, &mut taken, from, to)?;
    }
    let new = ModelFile::of_bytes(file.path(), model.encode_to_vec().into())?;
    new.validate()?;
    Ok(new)
}

fn raise(
    graph: &mut GraphProto,
    taken: &mut names::Taken,
    from: i64,
    to: i64,
) -> Result<(), RaiseError> {
    let nodes = std::mem::take(&mut graph.node);
    let mut raised = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        for body in node.bodies_mut() {
            raise(body, taken, from, to)?;
        }
        if node.is_standard() {
            check(&node, from, to).map_err(|why| RaiseError::Node {
                node: node.label().to_owned(),
                operator: node.op_type().to_owned(),
                why,
            })?;
            if from < AXES_OPSET && to >= AXES_OPSET {
                raised.extend(axes_as_input(&mut node, taken));
                say_parts(&mut node);
            }
        }
        raised.push(node);
    }
    graph.node = raised;
    Ok(())
}

/// Whether a node means the same from one opset to the other.
fn check(node: &NodeProto, from: i64, to: i64) -> Result<(), &'static str> {
    let operator = node.op_type();
    if operators::versions("", operator).is_empty() {
        return Err("is no operator that is known");
    }
    let crosses = |at: i64| (from + 1..=to).contains(&at);
    let changed = CHANGED.iter().find(|(name, _)| *name == operator);
    if changed.is_some_and(|(_, at)| crosses(*at)) {
        return Err("means something else in the newer opset");
    }
    match operator {
        // Statistics are outputs in training alone.
        "BatchNormalization" if crosses(14) && node.output.len() > 1 => {
            Err("has statistics among its outputs, which the newer opset does not")
        }
        // Whether padding counts at the edge that is rounded up.
        "AveragePool" if crosses(19) && node.int("ceil_mode").unwrap_or(0) != 0 => {
            Err("with `ceil_mode` means something else in the newer opset")
        }
        _ => Ok(()),
    }
}

/// Turns the attribute `axes` of a reduction into an input, which the returned node makes.
fn axes_as_input(node: &mut NodeProto, taken: &mut names::Taken) -> Option<NodeProto> {
    if !node.op_type().starts_with("Reduce") || node.op_type() == "ReduceSum" {
        return None;
    }
    let at = node.attribute.iter().position(|a| a.name() == "axes")?;
    let axes = node.attribute.remove(at);
    let name = taken.fresh(&format!("{}/axes", node.output.first()?));
    node.input.push(name.clone());
    Some(NodeProto {
        name: Some(name.clone()),
        op_type: Some("Constant".to_owned()),
        output: vec![name],
        attribute: vec![AttributeProto {
            name: Some("value_ints".to_owned()),
            r#type: Some(AttributeType::Ints as i32),
            ints: axes.ints,
            ..Default::default()
        }],
        ..Default::default()
    })
}

/// Says into how many parts a `Split` without sizes divides.
fn say_parts(node: &mut NodeProto) {
    let sized = node.input.get(1).is_some_and(|sizes| !sizes.is_empty());
    if node.op_type() == "Split" && !sized {
        let parts = AttributeValue::Int(node.output.len() as i64);
        node.attribute.push(function::value("num_outputs", parts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::text;

    fn opened(opset: i64, body: &str) -> ModelFile {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["": {opset}]> graph (float[4, 6] x) => (y) {{ {body} }}"#
        );
        let bytes = text::model(&text).unwrap().encode_to_vec();
        ModelFile::from_bytes("test", bytes.into()).unwrap()
    }

    fn operators(file: &ModelFile) -> Vec<&str> {
        file.graph().node.iter().map(NodeProto::op_type).collect()
    }

    #[test]
    fn axes_and_parts_are_said_as_the_newer_opset_wants_them() {
        let old = opened(
            17,
            "m = ReduceMean <axes = [-1]> (x)  a, b = Split <axis = 1> (x)  s = ReduceMax (x)  t = Add (a, b)  u = Add (t, m)  y = Add (u, s)",
        );
        let new = raised(&old, 23).unwrap();
        assert_eq!(new.opset(), 23);
        let expected = [
            "Constant",
            "ReduceMean",
            "Split",
            "ReduceMax",
            "Add",
            "Add",
            "Add",
        ];
        assert_eq!(operators(&new), expected);
        assert_eq!(new.graph().node[2].int("num_outputs"), Some(2));
        assert_eq!(new.graph().node[1].input, ["x", "m/axes"]);
        let newer = opened(
            18,
            "a, b = Split <axis = 1, num_outputs = 2> (x)  y = Add (a, b)",
        );
        assert_eq!(operators(&raised(&newer, 23).unwrap()), ["Split", "Add"]);
    }

    #[test]
    fn what_means_something_else_is_refused() {
        let refused =
            |opset: i64, body: &str| raised(&opened(opset, body), 23).unwrap_err().to_string();
        let body = "z = Unsqueeze (x, a)  y = AveragePool <kernel_shape = [2], ceil_mode = 1> (z)";
        let body = format!("a = Constant <value_ints = [0]> ()  {body}");
        assert_eq!(
            refused(17, &body),
            "node `y`: `AveragePool` with `ceil_mode` means something else in the newer opset"
        );
        assert_eq!(refused(12, "y = Neg (x)"), "opset 12 is older than 13");
    }
}
