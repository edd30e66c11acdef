//! The way back: every node of our operators becomes standard ONNX nodes again.
//!
//! A node is expanded by the function body that the model carries; where it carries none, or one written for another opset
//! than the model's, by the body that the operator's contract writes for the model's opset. Bodies of `If`, `Loop` and `Scan`
//! and the model's other functions are searched as well. The functions of our domain, the import of its operator set and the
//! metadata that says what was fused go; everything else stays.
//!
//! Shared tables, inserted unit axes and a raised IR version are valid in any model and stay too.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::onnx::functions::{Expander, bodies, domain};
use crate::onnx::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};
use crate::onnx::{DataType, Edit, ModelFile};

use phasor_ops::contract::rotary::{self, RotaryAttributes, RotaryUse};
use phasor_ops::contract::rotary_table::{
    self, Frequencies, RotaryTableAttributes, RotaryTableUse,
};
use phasor_ops::contract::{AttributeValue, ContractError, DOMAIN, ElementType, FunctionBody};

use super::function;

/// Metadata that is true of a fused model only.
const METADATA: [&str; 2] = [super::VERSION_KEY, super::RULES_KEY];

/// Where the definition of an operator comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Definition {
    /// The function that the model carries.
    Model,
    /// The operator's contract.
    Contract,
}

/// The nodes of one operator.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Expanded {
    /// The operator.
    pub operator: String,
    /// How many nodes there are of it, at any depth.
    pub nodes: usize,
    /// What says how it is spelled.
    pub definition: Definition,
}

/// Why a model cannot be unfused.
#[derive(Debug, thiserror::Error)]
pub enum UnfuseError {
    /// Neither the model nor this version knows what the operator means.
    #[error("node `{node}`: the model carries no definition of `{DOMAIN}::{operator}`")]
    Unknown {
        /// A node of it.
        node: String,
        /// The operator.
        operator: String,
    },
    /// The contract has no body for it.
    #[error(
        "node `{node}`: `{DOMAIN}::{operator}` cannot be written in standard operators: {cause}"
    )]
    Contract {
        /// A node of it.
        node: String,
        /// The operator.
        operator: String,
        /// The reason.
        cause: ContractError,
    },
    /// The definition calls itself, or grows without bound.
    #[error("node `{node}`: the definition of `{DOMAIN}::{operator}` cannot be expanded")]
    Endless {
        /// A node of it.
        node: String,
        /// The operator.
        operator: String,
    },
}

impl UnfuseError {
    /// What the user could do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            UnfuseError::Unknown { .. } => "unfuse it with the version of Phasor that fused it",
            UnfuseError::Contract { .. } => {
                "convert the model to a newer opset, or unfuse the file that was fused first"
            }
            UnfuseError::Endless { .. } => "the model is damaged: fuse the original again",
        }
    }
}

/// The change that expands every node of our operators, and what it expands; the empty change where there is none.
///
/// # Errors
/// Where an operator has no definition that can be expanded.
pub fn unfuse(file: &ModelFile) -> Result<(Edit, Vec<Expanded>), UnfuseError> {
    let model = file.model();
    let mut found = Vec::new();
    graph_nodes(file.graph(), &mut found);
    let ours = |f: &&FunctionProto| f.domain() == DOMAIN;
    let foreign = || model.functions.iter().filter(|f| f.domain() != DOMAIN);
    foreign().for_each(|f| nodes(&f.node, &mut found));
    let mut edit = Edit::default();
    if found.is_empty() {
        return Ok((edit, Vec::new()));
    }
    // Bodies may be built of other operators of ours.
    let counted = found.len();
    model
        .functions
        .iter()
        .filter(ours)
        .for_each(|f| nodes(&f.node, &mut found));

    let mut operators: BTreeMap<(&str, &str), Vec<&NodeProto>> = BTreeMap::new();
    for node in &found {
        let key = (node.op_type(), node.overload());
        operators.entry(key).or_default().push(node);
    }
    let mut definitions = Vec::new();
    let mut expanded = Vec::new();
    for ((operator, overload), uses) in operators {
        let carried =
            model.functions.iter().filter(ours).find(|f| {
                (f.name(), f.overload()) == (operator, overload) && is_for(f, file.opset())
            });
        let definition = match carried {
            Some(_) => Definition::Model,
            None => Definition::Contract,
        };
        definitions.push(match carried {
            Some(function) => function.clone(),
            None => FunctionProto {
                overload: Some(overload.to_owned()).filter(|o| !o.is_empty()),
                ..generated(file, operator, &uses)?
            },
        });
        let calls = found[..counted].iter();
        let nodes = calls.filter(|n| (n.op_type(), n.overload()) == (operator, overload));
        expanded.push(Expanded {
            operator: operator.to_owned(),
            nodes: nodes.count(),
            definition,
        });
    }
    expanded.retain(|e| e.nodes > 0);

    let mut expander = Expander::new(model, &definitions);
    for (position, node) in file.graph().node.iter().enumerate() {
        if let Some(new) = expand(&mut expander, node)? {
            edit.remove_nodes.insert(position);
            edit.insert_before.insert(position, new);
        }
    }
    for (position, function) in model.functions.iter().enumerate() {
        if function.domain() == DOMAIN {
            edit.remove_functions.insert(position);
            continue;
        }
        let mut body = Vec::with_capacity(function.node.len());
        let mut changed = false;
        for node in &function.node {
            let new = expand(&mut expander, node)?;
            changed |= new.is_some();
            body.extend(new.unwrap_or_else(|| vec![node.clone()]));
        }
        if changed {
            let mut function = function.clone();
            function.node = body;
            function.opset_import.retain(|o| o.domain() != DOMAIN);
            edit.remove_functions.insert(position);
            edit.add_functions.push(function);
        }
    }
    edit.remove_opsets.insert(DOMAIN.to_owned());
    edit.remove_metadata.extend(METADATA.map(str::to_owned));
    edit.opsets.extend(
        expander
            .imports()
            .iter()
            .filter(|(name, _)| name != DOMAIN)
            .cloned(),
    );
    Ok((edit, expanded))
}

/// The expansion of a node, which has none of our operators left in it; `None` where it had none.
fn expand(
    expander: &mut Expander<'_>,
    node: &NodeProto,
) -> Result<Option<Vec<NodeProto>>, UnfuseError> {
    let mut calls = Vec::new();
    nodes(std::slice::from_ref(node), &mut calls);
    let Some(call) = calls.first() else {
        return Ok(None);
    };
    let new = expander.node(node).ok_or_else(|| UnfuseError::Endless {
        node: label(call),
        operator: call.op_type().to_owned(),
    })?;
    Ok(Some(new))
}

/// All nodes of our operators among `list`, bodies included.
fn nodes<'a>(list: &'a [NodeProto], found: &mut Vec<&'a NodeProto>) {
    for node in list {
        if node.domain() == DOMAIN {
            found.push(node);
        }
        bodies(node).for_each(|body| graph_nodes(body, found));
    }
}

fn graph_nodes<'a>(graph: &'a GraphProto, found: &mut Vec<&'a NodeProto>) {
    nodes(&graph.node, found);
}

/// Whether a function may stand in a model of this opset.
fn is_for(function: &FunctionProto, opset: i64) -> bool {
    let mut imports = function.opset_import.iter();
    imports.all(|o| !domain(o.domain()).is_empty() || o.version() == opset)
}

fn label(node: &NodeProto) -> String {
    let first = || node.output.first().map_or("", String::as_str);
    match node.name() {
        "" => first().to_owned(),
        name => name.to_owned(),
    }
}

/// The body that the contract writes for these nodes.
fn generated(
    file: &ModelFile,
    operator: &str,
    uses: &[&NodeProto],
) -> Result<FunctionProto, UnfuseError> {
    let node = label(uses[0]);
    let body = match operator {
        rotary::NAME => rotary_body(file, uses),
        rotary_table::NAME => table_body(file, uses),
        _ => {
            return Err(UnfuseError::Unknown {
                node,
                operator: operator.to_owned(),
            });
        }
    };
    body.map(|body| function::proto(&body))
        .map_err(|cause| UnfuseError::Contract {
            node,
            operator: operator.to_owned(),
            cause,
        })
}

fn rotary_body(file: &ModelFile, nodes: &[&NodeProto]) -> Result<FunctionBody, ContractError> {
    let facts = Facts::of(file);
    let mut uses = Vec::with_capacity(nodes.len());
    for node in nodes {
        let given = |name: &str| node.attribute.iter().find(|a| a.name() == name);
        let attributes = RotaryAttributes::parse(|name| given(name).and_then(|a| a.i))?;
        uses.push(rotary_use(&facts, node, attributes));
    }
    // One node of which too little is known needs the body that is right for all.
    let uses: Option<Vec<RotaryUse>> = uses.into_iter().collect();
    rotary::function_body(file.opset(), &uses.unwrap_or_default())
}

fn table_body(file: &ModelFile, nodes: &[&NodeProto]) -> Result<FunctionBody, ContractError> {
    let facts = Facts::of(file);
    let mut uses = Vec::with_capacity(nodes.len());
    for node in nodes {
        let given = |name: &str| node.attribute.iter().find(|a| a.name() == name);
        let number = |a: &AttributeProto| a.i.map(AttributeValue::from).or(a.f.map(Into::into));
        let attributes = RotaryTableAttributes::parse(|name| given(name).and_then(number))?;
        uses.push(table_use(&facts, node, attributes));
    }
    let uses: Option<Vec<RotaryTableUse>> = uses.into_iter().collect();
    rotary_table::function_body(file.opset(), &uses.unwrap_or_default())
}

fn table_use(
    facts: &Facts,
    node: &NodeProto,
    attributes: RotaryTableAttributes,
) -> Option<RotaryTableUse> {
    if node.attribute.iter().any(|a| !a.ref_attr_name().is_empty()) {
        return None;
    }
    let fact = facts.get(node.input.get(1)?)?;
    let frequencies = match &fact.shape.as_ref()?[..] {
        [_] => Some(Frequencies::One),
        [streams, _] => {
            let streams = streams.known().and_then(|n| usize::try_from(n).ok());
            streams.map(Frequencies::Streams)
        }
        _ => None,
    };
    Some(RotaryTableUse {
        attributes,
        frequencies,
        table_dtype: fact.dtype.and_then(element_type)?,
    })
}

fn rotary_use(facts: &Facts, node: &NodeProto, attributes: RotaryAttributes) -> Option<RotaryUse> {
    if node.attribute.iter().any(|a| !a.ref_attr_name().is_empty()) {
        return None;
    }
    let fact = |slot: usize| facts.get(node.input.get(slot)?);
    let dtype = |slot| fact(slot)?.dtype.and_then(element_type);
    let width = |slot| usize::try_from(fact(slot)?.shape.as_ref()?.last()?.known()?).ok();
    Some(RotaryUse {
        attributes,
        table_width: width(1),
        head_dim: width(0),
        x_dtype: dtype(0)?,
        table_dtype: dtype(1)?,
    })
}

fn element_type(dtype: DataType) -> Option<ElementType> {
    ElementType::from_onnx(dtype.to_onnx())
}
