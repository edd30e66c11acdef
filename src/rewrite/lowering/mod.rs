//! Plans the sites of a graph for a target. The operators of `ai.phasor` express every site. The other targets are operators that
//! runtimes already have, with restrictions of their own: a site that they cannot express is left as it is, with the reason.

mod foreign;
mod native;

use crate::onnx::functions::{domain, key};
use crate::onnx::proto::FunctionProto;
use crate::onnx::{Edit, ModelFile};
use crate::recognize::{Refusal, Site};

use super::{attention, rotary};

use super::subject::{NewCall, Subject, Target};
pub(crate) use native::{NEWER_OPSET, carry_functions, without_body};

#[cfg(test)]
pub(super) use native::{rotary_sites, with_tables};

/// A change to a model, and the sites that it does not fuse.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The change; empty where there is nothing to do.
    pub edit: Edit,
    /// Sites that the target cannot express: position in the given list, and why.
    pub unsupported: Vec<(usize, Refusal)>,
    /// `RotaryEmbedding` nodes of the model whose tables or positions are expanded to the batch.
    pub repaired: usize,
    /// The new nodes that need a function body in the model.
    pub calls: Vec<NewCall>,
    /// The tables that the change computes by nodes of their own.
    pub tables: Option<TablePlan>,
}

/// Tables computed by nodes of their own.
#[derive(Clone, Debug, Default)]
pub struct TablePlan {
    /// Their numbers.
    pub wired: Vec<usize>,
    /// Numbers of removed and new nodes of the change without these tables.
    pub plain: (usize, usize),
}

/// The functions that a model with these nodes needs; `None` if they cannot be written for all of them.
pub(crate) fn functions(
    file: &ModelFile,
    calls: &[NewCall],
    target: Target,
) -> Option<Vec<FunctionProto>> {
    match target {
        Target::Phasor | Target::PhasorPairs => native::functions(file, calls),
        Target::Contrib | Target::Onnx => Some(Vec::new()),
    }
}

/// A function of the model that would be confused with an operator of the target: it would take the calls of the new nodes, or a
/// registered operator library would take its own calls. A function equal to one of the `new` ones is none.
pub(crate) fn shadowing_function<'a>(
    file: &'a ModelFile,
    new: &[FunctionProto],
    target: Target,
) -> Option<&'a FunctionProto> {
    let takes = |own: &&FunctionProto| match target {
        Target::Phasor | Target::PhasorPairs => {
            new.iter().any(|new| key(new) == key(own) && new != *own) || native::is_foreign(own)
        }
        Target::Contrib => is_operator(rotary::foreign::CONTRIB, own, target),
        Target::Onnx => is_operator("", own, target),
    };
    file.model().functions.iter().find(takes)
}

fn is_operator(of: &str, function: &FunctionProto, target: Target) -> bool {
    let name = function.name();
    domain(function.domain()) == of
        && (name == rotary::foreign::OPERATOR || Some(name) == attention::foreign::operator(target))
}

/// The change that fuses these sites.
pub fn plan(subject: &Subject<'_>, sites: &[Site]) -> Plan {
    match subject.writing.target {
        Target::Phasor => native::plan(subject, sites, false),
        Target::PhasorPairs => native::plan(subject, sites, true),
        Target::Contrib | Target::Onnx => foreign::plan(subject, sites),
    }
}
