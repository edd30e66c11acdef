//! Report of `phasor bench`.

use serde::Serialize;

use super::{SCHEMA, Tool};
use crate::bench::Measurement;

/// Everything that `phasor bench` measured.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// What was measured.
    #[serde(flatten)]
    pub measurement: Measurement,
}

impl BenchReport {
    pub(crate) fn new(measurement: Measurement) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            measurement,
        }
    }
}
