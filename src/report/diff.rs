//! Report of `phasor diff`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ModelSummary, SCHEMA, Tool};
use crate::onnx::{ModelFile, tensor_bytes};
use crate::scopes;

/// What two models are made of.
#[derive(Clone, Debug, Serialize)]
pub struct DiffReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// The first model.
    pub before: ContentReport,
    /// The second model.
    pub after: ContentReport,
    /// Operators that either has, those whose numbers of nodes differ most first.
    pub operators: Vec<OperatorCount>,
}

/// What a model is made of.
#[derive(Clone, Debug, Serialize)]
pub struct ContentReport {
    /// The model.
    #[serde(flatten)]
    pub model: ModelSummary,
    /// Functions, those of Phasor's operators included.
    pub functions: usize,
    /// Initializers of the main graph.
    pub initializers: usize,
    /// Bytes of their elements, in the file and beside it; those of strings are not counted.
    pub initializer_bytes: u64,
}

/// How often an operator occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorCount {
    /// The operator, with its domain where that is not ONNX's own.
    pub operator: String,
    /// Nodes of the first model.
    pub before: usize,
    /// Nodes of the second model.
    pub after: usize,
}

impl DiffReport {
    pub(crate) fn new(before: &ModelFile, after: &ModelFile) -> Self {
        let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        for (k, file) in [before, after].into_iter().enumerate() {
            for node in scopes::counted(file.model()) {
                counts.entry(node.qualified()).or_default()[k] += 1;
            }
        }
        let counts = counts.into_iter();
        let mut operators: Vec<OperatorCount> = counts
            .map(|(operator, [before, after])| OperatorCount {
                operator,
                before,
                after,
            })
            .collect();
        operators.sort_by_key(|count| std::cmp::Reverse(count.before.abs_diff(count.after)));
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            before: ContentReport::of(before),
            after: ContentReport::of(after),
            operators,
        }
    }
}

impl ContentReport {
    fn of(file: &ModelFile) -> Self {
        let initializers = &file.graph().initializer;
        let bytes = initializers.iter().filter_map(tensor_bytes);
        Self {
            model: ModelSummary::of(file),
            functions: file.model().functions.len(),
            initializers: initializers.len(),
            initializer_bytes: bytes.fold(0, |sum, bytes| sum.saturating_add(bytes as u64)),
        }
    }
}
