//! The surroundings of a body.

use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::onnx::ModelFile;

/// What a body sees of the graph around it.
#[derive(Clone, Copy)]
pub(super) struct Outside<'a> {
    /// The graph around, as analysed.
    pub(super) file: &'a ModelFile,
    /// What is known of its values.
    pub(super) facts: &'a Facts,
    /// Those of its values that exist inside a call.
    pub(super) hidden: &'a FxHashSet<String>,
}
