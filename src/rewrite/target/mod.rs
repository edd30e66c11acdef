//! The operators that a site can be rewritten to. `ai.phasor` expresses every site; the others are operators that runtimes
//! already have, with restrictions of their own: what they cannot express is left alone, with the reason.

mod phasor;

use rustc_hash::FxHashMap;

use crate::facts::{Dim, Facts};
use crate::onnx::proto::FunctionProto;
use crate::onnx::{Edit, ModelFile};
use crate::recognize::{Refusal, Site};

/// Whose operator takes a site's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `ai.phasor::RotaryEmbedding`, with its function body in the model.
    #[default]
    Phasor,
}

/// The model to rewrite and what is known of it.
pub struct Subject<'a> {
    /// The model.
    pub file: &'a ModelFile,
    /// Facts of its values.
    pub facts: &'a Facts,
    /// Symbolic shapes of the sites' tensors.
    pub shapes: &'a FxHashMap<String, Vec<Dim>>,
}

/// A change to a model, and what it leaves.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The change; empty where there is nothing to do.
    pub edit: Edit,
    /// Sites that the target cannot express: position in the given list, and why.
    pub left: Vec<(usize, Refusal)>,
}

/// The functions that a model with these sites carries; `None` where they cannot be written for all of them.
pub(crate) fn functions(
    file: &ModelFile,
    sites: &[Site],
    target: Target,
) -> Option<Vec<FunctionProto>> {
    match target {
        Target::Phasor => phasor::functions(file, sites),
    }
}

/// The change that fuses these sites for a target.
pub fn plan(subject: &Subject<'_>, sites: &[Site], target: Target) -> Plan {
    match target {
        Target::Phasor => Plan {
            edit: phasor::edit(subject.file, sites),
            left: Vec::new(),
        },
    }
}
