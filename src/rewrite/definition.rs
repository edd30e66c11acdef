//! What the contracts define for the nodes of a model that carries no function for them.
//!
//! Tools that convert or save a model drop its functions. Then it runs with the operator library alone, until `fuse` puts them back.

use std::cell::LazyCell;

use crate::facts::Facts;
use crate::onnx::ModelFile;
use crate::onnx::names;
use crate::onnx::proto::{FunctionProto, ModelProto, NodeProto};
use crate::recognize::{Rule, Stage};

use phasor_ops::contract::{
    self, AttributeSpec, AttributeValue, Call, ContractError, ElementType, Operand, OperatorSpec,
};

use super::{NewCall, OLDEST_OPSET, function};

/// Identifier of the rule that puts functions back.
pub const FUNCTIONS: &str = "functions";

/// The rule's page.
pub(super) const PAGE: Rule = Rule {
    id: FUNCTIONS,
    summary: "functions of `ai.phasor` operators that a tool has dropped",
    matches: "nodes of ai.phasor in a model without a function for them: it runs with the operator library alone",
    rewrites_to: "the same nodes, with a function for each operator",
    conditions: &[
        "target: `--target phasor`; opset 13 or newer, and a function that serves all nodes of the operator",
    ],
    numerics: "those of the operators' function bodies",
    stages: &[Stage::Target],
};

/// Whether a model has a function for one of our operators.
pub(crate) fn has_function(model: &ModelProto, operator: &str) -> bool {
    let mut functions = model.functions.iter();
    functions.any(|f| (f.domain(), f.name()) == (contract::DOMAIN, operator))
}

/// The nodes of our operators for which a model has no function, in its graphs at any depth and in its functions.
pub(crate) fn without_function(file: &ModelFile) -> Vec<NewCall> {
    let model = file.model();
    if file.opset() < OLDEST_OPSET {
        return Vec::new();
    }
    // Known only where they are asked for: most models have no such node.
    let facts = LazyCell::new(|| Facts::of(file));
    let lacking = names::nodes(model).filter_map(|node| {
        let contract =
            contract::find(node.op_type()).filter(|_| node.domain() == contract::DOMAIN)?;
        (!has_function(model, node.op_type())).then_some((contract.spec(), node))
    });
    let call = |(spec, node): (&'static OperatorSpec, &NodeProto)| {
        // A name in another graph may be that of another value.
        let known = file.is_in_graph(node).then(|| (file, &*facts));
        NewCall {
            operator: spec.name,
            call: call(known, spec, node),
        }
    };
    lacking.map(call).collect()
}

/// The function of an operator that serves these nodes of it; `None` for an operator that no contract defines.
///
/// # Errors
/// Attributes out of range, and opsets too old to write it for.
pub(super) fn of(
    file: &ModelFile,
    operator: &str,
    nodes: &[&NodeProto],
) -> Option<Result<FunctionProto, ContractError>> {
    let contract = contract::find(operator)?;
    let facts = Facts::of(file);
    let call = |node: &&NodeProto| call(Some((file, &facts)), contract.spec(), node);
    let calls: Vec<Call> = nodes.iter().map(call).collect();
    let body = contract.body(file.opset(), &calls);
    Some(body.map(|body| function::proto(&body)))
}

/// A main graph, and facts of its values.
type Known<'a> = (&'a ModelFile, &'a Facts);

/// A node of the operator `spec`, as far as it is known: of its inputs nothing is, unless it is a node of the main graph.
fn call(known: Option<Known<'_>>, spec: &OperatorSpec, node: &NodeProto) -> Call {
    let given = |spec: &AttributeSpec| Some((spec.name, given(node, spec.name)?));
    let slots = 0..spec.inputs.len();
    Call {
        attributes: spec.attributes.iter().filter_map(given).collect(),
        // Without inputs the call gets the body for all, which asks for every attribute.
        inputs: match known.filter(|_| !is_open(node)) {
            None => Vec::new(),
            Some(known) => slots.map(|slot| operand(known, node, slot)).collect(),
        },
    }
}

/// The value of an attribute of a node.
fn given(node: &NodeProto, name: &str) -> Option<AttributeValue> {
    let attribute = node.attribute.iter().find(|a| a.name() == name)?;
    let float = attribute.f.map(AttributeValue::from);
    attribute.i.map(AttributeValue::from).or(float)
}

/// Whether a node takes the value of an attribute from the function around it.
fn is_open(node: &NodeProto) -> bool {
    node.attribute.iter().any(|a| !a.ref_attr_name().is_empty())
}

/// What is known of input `slot` of a node.
fn operand((file, facts): Known<'_>, node: &NodeProto, slot: usize) -> Operand {
    let Some(name) = node.input.get(slot) else {
        return Operand::default();
    };
    let value = number(file, name);
    let Some(fact) = facts.get(name) else {
        return Operand {
            value,
            ..Operand::default()
        };
    };
    let shape = fact.shape.as_ref().map(|shape| {
        let sizes = shape.iter().map(|dim| usize::try_from(dim.known()?).ok());
        sizes.collect()
    });
    Operand {
        dtype: fact.dtype.and_then(|t| ElementType::from_onnx(t.to_onnx())),
        shape,
        value,
    }
}

/// The one number that a constant is.
fn number(file: &ModelFile, name: &str) -> Option<f64> {
    let position = file.constant(file.index().id(name)?)?;
    let proto = &file.graph().initializer[position];
    if proto.dims.iter().any(|&size| size != 1) {
        return None;
    }
    let tensor = file.tensor(proto).ok()?;
    Some(tensor.element(0))
}
