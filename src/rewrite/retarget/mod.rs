//! Spells the rotations out that operators of a model hold, so that they are found like those of any graph and rewritten to another
//! operator set.
//!
//! A `RotaryEmbedding` of another operator set than the target's becomes standard operators, as do the operators of `ai.phasor` if that is
//! not the target. `GroupQueryAttention` is left, and gets queries and keys that are rotated in front of it. Nodes in bodies and functions
//! stay as they are, but for those of `ai.phasor`.

mod grouped;
mod rotary;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::facts::{Dim, Facts};
use crate::onnx::functions::domain;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Edit, Error, ModelFile, names};

use phasor_ops::contract::{DOMAIN, VERSION};

use super::OLDEST_OPSET;
use super::draft::Draft;
use super::rotary::foreign::CONTRIB;
use super::subject::Target;
use super::unfuse::{UnfuseError, expanded};

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
    turned: Vec<Turned>,
}

/// What a node rotated.
#[derive(Debug)]
struct Turned {
    /// The node's position in the original.
    node: usize,
    /// For each rotated tensor, the values that hold it.
    values: Vec<Vec<String>>,
}

impl Spelled {
    /// The nodes of the original with a rotation that is not among those that end in the values `found`.
    pub fn missed(&self, found: &FxHashSet<&str>) -> Vec<usize> {
        let is_found = |values: &Vec<String>| values.iter().any(|value| found.contains(&value[..]));
        let missed = self.turned.iter();
        let missed = missed.filter(|turned| !turned.values.iter().all(is_found));
        missed.map(|turned| turned.node).collect()
    }
}

/// Which nodes are spelled out.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Those of these operators.
    pub held: &'a [Held],
    /// But not those of its own.
    pub target: Target,
    /// Nor these, for these reasons.
    pub left: &'a BTreeMap<usize, &'static str>,
}

impl Wish<'_> {
    /// Whether rotations of a node are asked for.
    fn includes(&self, node: &NodeProto) -> bool {
        let own = match self.target {
            Target::Phasor | Target::PhasorPairs => None,
            Target::Contrib => Some(CONTRIB),
            Target::Onnx => Some(""),
        };
        let rotary = self.held.contains(&Held::RotaryEmbedding) && rotary::holds(node);
        let grouped = self.held.contains(&Held::GroupQueryAttention) && grouped::holds(node);
        grouped || rotary && own != Some(domain(node.domain()))
    }

    /// Whether operators of `ai.phasor` are expanded.
    fn includes_ours(&self) -> bool {
        let other = matches!(self.target, Target::Contrib | Target::Onnx);
        other && self.held.contains(&Held::RotaryEmbedding)
    }
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

/// The model with the rotations of some nodes spelled out.
///
/// # Errors
/// A node of `ai.phasor` that cannot be expanded.
pub fn spelled_out(file: &ModelFile, wish: Wish<'_>) -> Result<Spelled, RetargetError> {
    let facts = Facts::of(file);
    let mut draft = Draft::new(file);
    let mut found: BTreeMap<(String, Option<&'static str>), usize> = BTreeMap::new();
    let mut turned = Vec::new();
    for (at, node) in file.graph().node.iter().enumerate() {
        if !wish.includes(node) {
            continue;
        }
        let done = match wish.left.get(&at) {
            Some(reason) => Err(*reason),
            None if file.opset() < OLDEST_OPSET => Err("the model's opset is older than 13"),
            None if rotary::holds(node) => rotary::spell(&mut draft, &facts, at),
            None => grouped::spell(&mut draft, &facts, at),
        };
        let domain = match node.is_standard() {
            true => "ai.onnx",
            false => node.domain(),
        };
        let operator = format!("{domain}::{}", node.op_type());
        *found
            .entry((operator, done.as_ref().err().copied()))
            .or_default() += 1;
        turned.extend(done.ok().map(|values| Turned { node: at, values }));
    }
    let opsets = BTreeSet::from([(DOMAIN, VERSION)]);
    let mut edit = draft.finish(std::iter::empty(), &opsets);
    edit.metadata.clear();
    mark(&mut edit);
    let rotated = super::check(file, &edit)?;
    let ours = wish.includes_ours();
    let (edit, expanded) = expanded(&rotated, &|node| ours || is_marked(node))?;
    let spelled = super::check(&rotated, &edit)?;
    if ours {
        for own in expanded {
            let nodes = names::nodes(file.model());
            let nodes = nodes.filter(|n| (n.domain(), n.op_type()) == (DOMAIN, &own.operator[..]));
            let key = (format!("{DOMAIN}::{}", own.operator), None);
            found.extend(Some(nodes.count()).filter(|&n| n > 0).map(|n| (key, n)));
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
        turned,
    })
}

/// Begins the overload of a node that is there to be expanded.
const MARK: &str = "phasor retargets ";

/// Gives each new node of ours an overload of its own, so that each is expanded by a body for it alone.
fn mark(edit: &mut Edit) {
    let new = edit.insert_before.values_mut().flatten();
    let ours = new.filter(|node| node.domain() == DOMAIN);
    for (number, node) in ours.enumerate() {
        node.overload = Some(format!("{MARK}{number}"));
    }
}

fn is_marked(node: &NodeProto) -> bool {
    node.overload().starts_with(MARK)
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
