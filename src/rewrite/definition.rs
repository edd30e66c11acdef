//! What the contracts define for the nodes of a model that carries no function for them.

use crate::facts::Facts;
use crate::onnx::ModelFile;
use crate::onnx::proto::{FunctionProto, NodeProto};

use phasor_ops::contract::{
    self, AttributeSpec, AttributeValue, Call, ContractError, ElementType, Operand, OperatorSpec,
};

use super::function;

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
    let call = |node: &&NodeProto| call(&facts, contract.spec(), node);
    let calls: Vec<Call> = nodes.iter().map(call).collect();
    let body = contract.body(file.opset(), &calls);
    Some(body.map(|body| function::proto(&body)))
}

/// A node of the operator `spec`, as far as it is known.
fn call(facts: &Facts, spec: &OperatorSpec, node: &NodeProto) -> Call {
    let given = |spec: &AttributeSpec| Some((spec.name, given(node, spec.name)?));
    let slots = 0..spec.inputs.len();
    Call {
        attributes: spec.attributes.iter().filter_map(given).collect(),
        // Without inputs the call gets the body for all, which asks for every attribute.
        inputs: if is_open(node) {
            Vec::new()
        } else {
            slots.map(|slot| operand(facts, node, slot)).collect()
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
fn operand(facts: &Facts, node: &NodeProto, slot: usize) -> Operand {
    let Some(fact) = node.input.get(slot).and_then(|value| facts.get(value)) else {
        return Operand::default();
    };
    let shape = fact.shape.as_ref().map(|shape| {
        let sizes = shape.iter().map(|dim| usize::try_from(dim.known()?).ok());
        sizes.collect()
    });
    Operand {
        dtype: fact.dtype.and_then(|t| ElementType::from_onnx(t.to_onnx())),
        shape,
        ..Operand::default()
    }
}
