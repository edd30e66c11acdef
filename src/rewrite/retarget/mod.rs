//! Spells the rotations out that operators of a model hold, so that they are found like those of any graph and rewritten to another
//! operator set.
//!
//! A `RotaryEmbedding` of ONNX or ONNX Runtime becomes standard operators, as do the operators of `ai.phasor`. `GroupQueryAttention` is
//! left, and gets queries and keys that are rotated in front of it. Nodes in bodies and functions stay as they are.

mod grouped;
mod rotary;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use serde::Serialize;

use crate::facts::{Dim, Facts};
use crate::onnx::proto::NodeProto;
use crate::onnx::{Error, ModelFile};

use phasor_ops::contract::{DOMAIN, VERSION};

use super::draft::Draft;
use super::unfuse::UnfuseError;

/// Operators that hold rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// `RotaryEmbedding` of `ai.onnx` and `com.microsoft`, and what `ai.phasor` has.
    RotaryEmbedding,
    /// `com.microsoft::GroupQueryAttention` with `do_rotary`.
    GroupQueryAttention,
}

/// Nodes of one operator whose rotations are spelled out, or are not for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Respelled {
    /// The operator, with its domain.
    pub operator: String,
    /// How many nodes there are.
    pub nodes: usize,
    /// Why they are left, or null.
    pub left: Option<&'static str>,
}

/// A model whose rotations are spelled out.
#[derive(Debug)]
pub struct Spelled {
    /// The model.
    pub file: ModelFile,
    /// The nodes that had them.
    pub operators: Vec<Respelled>,
}

/// Why rotations cannot be spelled out.
#[derive(Debug, thiserror::Error)]
pub enum RetargetError {
    /// An operator of `ai.phasor` cannot be expanded.
    #[error(transparent)]
    Unfuse(#[from] UnfuseError),
    /// The change would leave an invalid model.
    #[error(transparent)]
    Rewritten(#[from] Error),
}

/// The model with the rotations of these operators spelled out.
///
/// # Errors
/// A node of `ai.phasor` that cannot be expanded.
pub fn spelled_out(file: &ModelFile, held: &[Held]) -> Result<Spelled, RetargetError> {
    let facts = Facts::of(file);
    let mut draft = Draft::new(file);
    let mut found: BTreeMap<(String, Option<&'static str>), usize> = BTreeMap::new();
    for (at, node) in file.graph().node.iter().enumerate() {
        let done = match () {
            () if held.contains(&Held::RotaryEmbedding) && rotary::holds(node) => {
                rotary::spell(&mut draft, &facts, at)
            }
            () if held.contains(&Held::GroupQueryAttention) && grouped::holds(node) => {
                grouped::spell(&mut draft, &facts, at)
            }
            () => continue,
        };
        let domain = match node.is_standard() {
            true => "ai.onnx",
            false => node.domain(),
        };
        let operator = format!("{domain}::{}", node.op_type());
        *found.entry((operator, done.err())).or_default() += 1;
    }
    let opsets = BTreeSet::from([(DOMAIN, VERSION)]);
    let edit = draft.finish(std::iter::empty(), &opsets);
    let rotated = super::check(file, &edit)?;
    let (edit, expanded) = super::unfuse(&rotated)?;
    let spelled = super::check(&rotated, &edit)?;
    for own in expanded {
        // Those of the nodes above are counted with them.
        let (_, before) = own_nodes(file, &own.operator);
        if before > 0 {
            found.insert((format!("{DOMAIN}::{}", own.operator), None), before);
        }
    }
    let operators = found.into_iter();
    let operators = operators.map(|((operator, left), nodes)| Respelled {
        operator,
        nodes,
        left,
    });
    Ok(Spelled {
        file: ModelFile::of_bytes(file.path(), spelled.model().encode_to_vec().into())?,
        operators: operators.collect(),
    })
}

/// The name of one of our operators, and how many nodes of it the main graph has.
fn own_nodes<'o>(file: &ModelFile, operator: &'o str) -> (&'o str, usize) {
    let nodes = crate::onnx::names::nodes(file.model());
    let own = nodes.filter(|node| (node.domain(), node.op_type()) == (DOMAIN, operator));
    (operator, own.count())
}

/// The symbolic shape of a node's input; `None` if it has none or nothing is known of it.
fn shape<'f>(facts: &'f Facts, node: &NodeProto, slot: usize) -> Option<&'f [Dim]> {
    let name = node.input.get(slot).filter(|name| !name.is_empty())?;
    facts.get(name)?.shape.as_deref()
}

/// The last size of an input, where it is a number.
fn last(facts: &Facts, node: &NodeProto, slot: usize) -> Option<i64> {
    shape(facts, node, slot)?.last()?.known()
}
