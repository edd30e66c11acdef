//! Report of `phasor verify`.

use std::path::Path;

use serde::Serialize;

use super::{SCHEMA, Tool};
use crate::verify::Report;

/// Everything that `phasor verify` found.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// The model that is taken to be right.
    pub reference: String,
    /// The model that is compared with it.
    pub model: String,
    /// The comparison.
    #[serde(flatten)]
    pub report: Report,
}

impl VerifyReport {
    /// The report of a comparison of two files.
    pub fn new(reference: &Path, model: &Path, report: Report) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            reference: reference.display().to_string(),
            model: model.display().to_string(),
            report,
        }
    }
}
