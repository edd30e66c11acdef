//! The graph around a body.

use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::onnx::ModelFile;

/// What a body sees of the graph around it.
#[derive(Clone, Copy)]
pub(super) struct Outside<'a> {
    /// That graph, as it was analysed.
    pub(super) file: &'a ModelFile,
    /// What is known of its values.
    pub(super) facts: &'a Facts,
    /// Its values that exist inside an expanded call only.
    pub(super) hidden: &'a FxHashSet<String>,
}
