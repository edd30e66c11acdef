//! What the contracts define for the nodes of a model that carries no function for them.

use crate::facts::{Dim, Facts};
use crate::onnx::proto::{FunctionProto, NodeProto};
use crate::onnx::{DataType, ModelFile};

use phasor_ops::contract::alibi_bias::{self, AlibiAttributes, AlibiUse};
use phasor_ops::contract::relative_bias;
use phasor_ops::contract::relative_gather::{self, RelativeGatherAttributes, RelativeGatherUse};
use phasor_ops::contract::rotary::{self, RotaryAttributes, RotaryUse};
use phasor_ops::contract::rotary_pair::{self, RotaryPairUse};
use phasor_ops::contract::rotary_table::{
    self, Frequencies, RotaryTableAttributes, RotaryTableUse,
};
use phasor_ops::contract::sinusoidal::{self, SinusoidalAttributes, SinusoidalUse};
use phasor_ops::contract::{AttributeValue, ContractError, ElementType};

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
    let (opset, facts) = (file.opset(), Facts::of(file));
    let body = match operator {
        rotary::NAME => uses(nodes, &|node| rotary_use(&facts, node, 0, 1))
            .and_then(|uses| rotary::function_body(opset, &uses)),
        rotary_pair::NAME => uses(nodes, &|node| pair_use(&facts, node))
            .and_then(|uses| rotary_pair::function_body(opset, &uses)),
        rotary_table::NAME => uses(nodes, &|node| table_use(&facts, node))
            .and_then(|uses| rotary_table::function_body(opset, &uses)),
        sinusoidal::NAME => uses(nodes, &|node| sinusoidal_use(&facts, node))
            .and_then(|uses| sinusoidal::function_body(opset, &uses)),
        relative_bias::NAME => relative_bias::function_body(opset),
        alibi_bias::NAME => uses(nodes, &|node| alibi_use(&facts, node))
            .and_then(|uses| alibi_bias::function_body(opset, &uses)),
        relative_gather::NAME => uses(nodes, &|node| gather_use(&facts, node))
            .and_then(|uses| relative_gather::function_body(opset, &uses)),
        _ => return None,
    };
    Some(body.map(|body| function::proto(&body)))
}

/// What is known of the nodes. One of which too little is known needs the body that is right for all: that without uses.
fn uses<U>(
    nodes: &[&NodeProto],
    of: &dyn Fn(&NodeProto) -> Result<Option<U>, ContractError>,
) -> Result<Vec<U>, ContractError> {
    let uses: Option<Vec<U>> = nodes
        .iter()
        .map(|node| of(node))
        .collect::<Result<_, _>>()?;
    Ok(uses.unwrap_or_default())
}

/// The value of an attribute of a node.
fn given(node: &NodeProto, name: &str) -> Option<AttributeValue> {
    let attribute = node.attribute.iter().find(|a| a.name() == name)?;
    let float = attribute.f.map(AttributeValue::from);
    attribute.i.map(AttributeValue::from).or(float)
}

/// Whether an attribute is that of the function around the node.
fn is_open(node: &NodeProto) -> bool {
    node.attribute.iter().any(|a| !a.ref_attr_name().is_empty())
}

fn shape<'a>(facts: &'a Facts, value: Option<&String>) -> Option<&'a Vec<Dim>> {
    facts.get(value?)?.shape.as_ref()
}

fn element_type(facts: &Facts, value: Option<&String>) -> Option<ElementType> {
    let dtype: DataType = facts.get(value?)?.dtype?;
    ElementType::from_onnx(dtype.to_onnx())
}

/// A node as one that turns its input `x` by the tables from input `table` on.
fn rotary_use(
    facts: &Facts,
    node: &NodeProto,
    x: usize,
    table: usize,
) -> Result<Option<RotaryUse>, ContractError> {
    let attributes = RotaryAttributes::parse(|name| given(node, name))?;
    if is_open(node) {
        return Ok(None);
    }
    let width = |slot: usize| {
        let last = shape(facts, node.input.get(slot))?.last()?;
        usize::try_from(last.known()?).ok()
    };
    let dtype = |slot: usize| element_type(facts, node.input.get(slot));
    Ok(dtype(x)
        .zip(dtype(table))
        .map(|(x_dtype, table_dtype)| RotaryUse {
            attributes,
            table_width: width(table),
            head_dim: width(x),
            x_dtype,
            table_dtype,
        }))
}

fn pair_use(facts: &Facts, node: &NodeProto) -> Result<Option<RotaryPairUse>, ContractError> {
    let (q, k) = (
        rotary_use(facts, node, 0, 2)?,
        rotary_use(facts, node, 1, 2)?,
    );
    Ok(q.zip(k).map(|(q, k)| RotaryPairUse { q, k }))
}

fn table_use(facts: &Facts, node: &NodeProto) -> Result<Option<RotaryTableUse>, ContractError> {
    let attributes = RotaryTableAttributes::parse(|name| given(node, name))?;
    let shape = shape(facts, node.input.get(1));
    let table_dtype = element_type(facts, node.input.get(1)).filter(|_| !is_open(node));
    let (Some(shape), Some(table_dtype)) = (shape, table_dtype) else {
        return Ok(None);
    };
    let frequencies = match &shape[..] {
        [_] => Some(Frequencies::One),
        [streams, _] => {
            let streams = streams.known().and_then(|n| usize::try_from(n).ok());
            streams.map(Frequencies::Streams)
        }
        _ => None,
    };
    Ok(Some(RotaryTableUse {
        attributes,
        frequencies,
        table_dtype,
    }))
}

fn sinusoidal_use(facts: &Facts, node: &NodeProto) -> Result<Option<SinusoidalUse>, ContractError> {
    let attributes = SinusoidalAttributes::parse(|name| given(node, name))?;
    let frequencies = shape(facts, node.input.get(1)).and_then(|shape| shape.last()?.known());
    let dtype = element_type(facts, node.input.get(1)).filter(|_| !is_open(node));
    Ok(dtype.map(|dtype| SinusoidalUse {
        attributes,
        frequencies: frequencies.and_then(|n| usize::try_from(n).ok()),
        dtype,
    }))
}

fn alibi_use(facts: &Facts, node: &NodeProto) -> Result<Option<AlibiUse>, ContractError> {
    let attributes = AlibiAttributes::parse(|name| given(node, name))?;
    let dtype = element_type(facts, node.input.first()).filter(|_| !is_open(node));
    Ok(dtype.map(|dtype| AlibiUse { attributes, dtype }))
}

fn gather_use(facts: &Facts, node: &NodeProto) -> Result<Option<RelativeGatherUse>, ContractError> {
    let attributes = RelativeGatherAttributes::parse(|name| given(node, name))?;
    let rank = shape(facts, node.input.first()).map(|shape| shape.len());
    Ok((!is_open(node)).then_some(RelativeGatherUse { attributes, rank }))
}
