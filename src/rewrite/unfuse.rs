//! The way back: turns every node of our operators into standard ONNX nodes again.
//!
//! A node is expanded by the function body that the model carries. If it carries none, or one for another opset than the model's,
//! the operator's contract writes the body. Bodies of `If`, `Loop` and `Scan` and the model's other functions are searched too.
//! The functions of our domain, the import of its operator set and the metadata that says what was fused are removed.
//!
//! Everything else stays, also shared tables, inserted unit axes and a raised IR version, which are valid in any model.

use std::collections::BTreeMap;

use crate::onnx::functions::{Expander, domain};
use crate::onnx::proto::{FunctionProto, GraphProto, NodeProto};
use crate::onnx::{Edit, ModelFile};

use phasor_ops::contract::{ContractError, DOMAIN};

use super::definition;

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
    /// Where its definition comes from.
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
    /// The definition imports another version of an operator set than the model, or grows without bound.
    #[error("node `{node}`: the definition of `{DOMAIN}::{operator}` cannot be expanded here")]
    Unfit {
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
            UnfuseError::Unfit { .. } => "the model is damaged: fuse the original again",
        }
    }
}

/// The change that expands every node of our operators, and the operators that it expands; empty if there are none.
///
/// # Errors
/// If an operator has no definition that can be expanded.
pub fn unfuse(file: &ModelFile) -> Result<(Edit, Vec<Expanded>), UnfuseError> {
    expanded(file, &|_| true)
}

/// The same for those of our nodes that are `wanted`.
///
/// # Errors
/// As [`unfuse`].
pub(super) fn expanded(
    file: &ModelFile,
    wanted: &dyn Fn(&NodeProto) -> bool,
) -> Result<(Edit, Vec<Expanded>), UnfuseError> {
    let model = file.model();
    let mut found = Vec::new();
    graph_nodes(file.graph(), &mut found);
    let ours = |f: &&FunctionProto| f.domain() == DOMAIN;
    let foreign = || model.functions.iter().filter(|f| f.domain() != DOMAIN);
    foreign().for_each(|f| nodes(&f.node, &mut found));
    let all = found.len();
    found.retain(|node| wanted(node));
    let some_stay = found.len() < all;
    let mut edit = Edit::default();
    if found.is_empty() {
        return Ok((edit, Vec::new()));
    }
    // The bodies of our operators may use others of them.
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
                ..definition::of(file, operator, &uses)
                    .ok_or_else(|| unknown(uses[0]))?
                    .map_err(|cause| UnfuseError::Contract {
                        node: uses[0].label().to_owned(),
                        operator: operator.to_owned(),
                        cause,
                    })?
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
        if let Some(new) = expand(&mut expander, node, wanted)? {
            edit.remove_nodes.insert(position);
            edit.insert_before.insert(position, new);
        }
    }
    for (position, function) in model.functions.iter().enumerate() {
        if function.domain() == DOMAIN {
            if !some_stay {
                edit.remove_functions.insert(position);
            }
            continue;
        }
        let mut body = Vec::with_capacity(function.node.len());
        let mut changed = false;
        for node in &function.node {
            let new = expand(&mut expander, node, wanted)?;
            changed |= new.is_some();
            body.extend(new.unwrap_or_else(|| vec![node.clone()]));
        }
        if changed {
            let mut function = function.clone();
            function.node = body;
            if !some_stay {
                function.opset_import.retain(|o| o.domain() != DOMAIN);
            }
            edit.remove_functions.insert(position);
            edit.add_functions.push(function);
        }
    }
    if !some_stay {
        edit.remove_opsets.insert(DOMAIN.to_owned());
        edit.remove_metadata.extend(METADATA.map(str::to_owned));
    }
    edit.opsets.extend(
        expander
            .imports()
            .iter()
            .filter(|(name, _)| name != DOMAIN)
            .cloned(),
    );
    Ok((edit, expanded))
}

/// The expansion of a node, with none of our `wanted` operators left in it; `None` if it has none.
fn expand(
    expander: &mut Expander<'_>,
    node: &NodeProto,
    wanted: &dyn Fn(&NodeProto) -> bool,
) -> Result<Option<Vec<NodeProto>>, UnfuseError> {
    let mut calls = Vec::new();
    nodes(std::slice::from_ref(node), &mut calls);
    calls.retain(|call| wanted(call));
    let Some(call) = calls.first() else {
        return Ok(None);
    };
    let new = expander.node(node).ok_or_else(|| UnfuseError::Unfit {
        node: call.label().to_owned(),
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
        node.bodies().for_each(|body| graph_nodes(body, found));
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

fn unknown(node: &NodeProto) -> UnfuseError {
    UnfuseError::Unknown {
        node: node.label().to_owned(),
        operator: node.op_type().to_owned(),
    }
}
