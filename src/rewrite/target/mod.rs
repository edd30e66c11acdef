//! The operators that a site can be rewritten to. `ai.phasor` expresses every site; the others are operators that runtimes
//! already have, with restrictions of their own: what they cannot express is left alone, with the reason.

mod choice;
mod contrib;
mod draft;
mod lower;
mod onnx;
mod phasor;
mod repair;
mod sizes;
mod table;
mod view;
mod widen;

use rustc_hash::FxHashMap;

use crate::facts::{Dim, Facts};
use crate::onnx::functions::{domain, key};
use crate::onnx::proto::FunctionProto;
use crate::onnx::{Edit, ModelFile};
use crate::recognize::rules::Selection;
use crate::recognize::{AngleTable, Refusal, Site, Stage};

use phasor_ops::contract::rotary::RotaryUse;
use phasor_ops::contract::rotary_pair::RotaryPairUse;
use phasor_ops::contract::rotary_table::RotaryTableUse;

use contrib::Contrib;
use draft::Draft;
use lower::Rotary;
use onnx::Onnx;

pub use onnx::ONNX_OPSET;
pub use repair::REPAIR;

/// Whose operator takes a site's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `ai.phasor::RotaryEmbedding`, with its function body in the model.
    #[default]
    Phasor,
    /// As [`Target::Phasor`], and two sites of a layer that share their tables, where nothing forbids it, are one
    /// `ai.phasor::RotaryEmbeddingPair`.
    PhasorPairs,
    /// `com.microsoft::RotaryEmbedding`, which ONNX Runtime has built in.
    Contrib,
    /// `ai.onnx::RotaryEmbedding`, in models of opset [`ONNX_OPSET`] or newer.
    Onnx,
}

/// The model to rewrite and what is known of it.
pub struct Subject<'a> {
    /// The model.
    pub file: &'a ModelFile,
    /// Facts of its values.
    pub facts: &'a Facts,
    /// Symbolic shapes of the sites' tensors.
    pub shapes: &'a FxHashMap<String, Vec<Dim>>,
    /// The rules that may be applied.
    pub rules: &'a Selection,
    /// Tables that sites can read instead of the graph's own.
    pub tables: &'a [AngleTable],
}

/// A change to a model, and what it leaves.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The change; empty where there is nothing to do.
    pub edit: Edit,
    /// Sites that the target cannot express: position in the given list, and why.
    pub left: Vec<(usize, Refusal)>,
    /// `ai.onnx::RotaryEmbedding` nodes of the model whose tables are expanded to the batch.
    pub repaired: usize,
    /// The new nodes that have a function body in the model.
    pub uses: Uses,
    /// The tables that the change computes by nodes of their own.
    pub tables: Option<TablePlan>,
}

/// Nodes that have a function body in the model.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// `RotaryEmbedding`.
    pub rotary: Vec<RotaryUse>,
    /// `RotaryEmbeddingPair`.
    pub pairs: Vec<RotaryPairUse>,
    /// `RotaryTable`.
    pub tables: Vec<RotaryTableUse>,
}

/// Tables computed by nodes of their own.
#[derive(Clone, Debug, Default)]
pub struct TablePlan {
    /// Their numbers.
    pub wired: Vec<usize>,
    /// Nodes that go and come without them.
    pub plain: (usize, usize),
}

/// The functions that a model with these nodes carries; `None` where they cannot be written for all of them.
pub(crate) fn functions(
    file: &ModelFile,
    uses: &Uses,
    target: Target,
) -> Option<Vec<FunctionProto>> {
    match target {
        Target::Phasor | Target::PhasorPairs => phasor::functions(file, uses),
        Target::Contrib | Target::Onnx => Some(Vec::new()),
    }
}

/// A function of the model that would take the calls of the target's operators, or whose own calls they would take where the
/// operator library is registered, and that is none of the `new` ones.
pub(crate) fn usurper<'a>(
    file: &'a ModelFile,
    new: &[FunctionProto],
    target: Target,
) -> Option<&'a FunctionProto> {
    let takes = |own: &&FunctionProto| match target {
        Target::Phasor | Target::PhasorPairs => {
            new.iter().any(|new| key(new) == key(own) && new != *own) || phasor::is_foreign(own)
        }
        Target::Contrib => is_rotary(contrib::DOMAIN, own),
        Target::Onnx => is_rotary("", own),
    };
    file.model().functions.iter().find(takes)
}

fn is_rotary(of: &str, function: &FunctionProto) -> bool {
    (domain(function.domain()), function.name()) == (of, lower::OPERATOR)
}

/// The change that fuses these sites for a target.
pub fn plan(subject: &Subject<'_>, sites: &[Site], target: Target) -> Plan {
    match target {
        Target::Phasor => phasor::plan(subject, sites, false),
        Target::PhasorPairs => phasor::plan(subject, sites, true),
        Target::Contrib => lowered(subject, sites, target, &Contrib),
        Target::Onnx => lowered(subject, sites, target, &Onnx),
    }
}

/// What is to be done at one node.
enum Task {
    /// Fuse the site at this place in the list.
    Fuse(usize),
    /// Expand these inputs.
    Repair(Vec<usize>),
}

fn lowered(subject: &Subject<'_>, sites: &[Site], target: Target, operator: &dyn Rotary) -> Plan {
    let mut tasks: Vec<(usize, Task)> = sites
        .iter()
        .enumerate()
        .map(|(position, site)| (site.node, Task::Fuse(position)))
        .collect();
    if target == Target::Onnx && subject.rules.allows(REPAIR) {
        let needy = repair::needy(subject.file, subject.facts);
        tasks.extend(
            needy
                .into_iter()
                .map(|(at, slots)| (at, Task::Repair(slots))),
        );
    }
    tasks.sort_by_key(|(at, _)| *at);
    let mut draft = Draft::new(subject.file);
    let mut plan = Plan::default();
    let mut rules = Vec::new();
    for (at, task) in tasks {
        match task {
            Task::Fuse(position) => {
                let site = &sites[position];
                match lower::site(&mut draft, subject, site, operator) {
                    Ok(()) => rules.push(site.rule),
                    Err(reason) => plan.left.push((position, left(site, operator, &reason))),
                }
            }
            Task::Repair(slots) => {
                repair::node(&mut draft, subject.facts, at, &slots);
                rules.push(REPAIR);
                plan.repaired += 1;
            }
        }
    }
    plan.left.sort_by_key(|(position, _)| *position);
    plan.edit = draft.finish(&rules, operator.opset());
    plan
}

fn left(site: &Site, operator: &dyn Rotary, reason: &str) -> Refusal {
    Refusal {
        rule: site.rule,
        node: site.node_name.clone(),
        value: site.y.clone(),
        reason: format!("`{}` cannot express it: {reason}", operator.name()),
        hint: Some("`--target phasor` fuses it".to_owned()),
        stage: Stage::Target,
        lost: None,
    }
}
