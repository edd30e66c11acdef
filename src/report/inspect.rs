//! Report of `phasor inspect`.

use serde::Serialize;

use super::{ExistingReport, ModelSummary, RefusalReport, SCHEMA, SiteReport, Tool};
use crate::onnx::ModelFile;
use crate::pipeline::Findings;

/// Everything that `phasor inspect` found.
#[derive(Clone, Debug, Serialize)]
pub struct InspectReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// The model that was read.
    pub model: ModelSummary,
    /// One entry a site.
    pub sites: Vec<SiteReport>,
    /// Near misses.
    pub refusals: Vec<RefusalReport>,
    /// Where the search gave up, as its budget was spent.
    pub gave_up: Vec<RefusalReport>,
    /// Operators for encodings and attention that the model has already.
    pub existing: Vec<ExistingReport>,
}

impl InspectReport {
    /// The report of what was found.
    pub fn new(file: &ModelFile, findings: &Findings) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model: ModelSummary::of(file),
            sites: SiteReport::all(findings),
            refusals: findings.refusals.iter().map(Into::into).collect(),
            gave_up: findings.gave_up.iter().map(Into::into).collect(),
            existing: ExistingReport::all(file),
        }
    }
}
