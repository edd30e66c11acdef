//! Report of `phasor doctor`.

use serde::Serialize;

use super::{SCHEMA, Tool};
use crate::doctor::Installation;

/// Everything that `phasor doctor` found.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// What was found.
    #[serde(flatten)]
    pub installation: Installation,
}

impl DoctorReport {
    pub(crate) fn new(installation: Installation) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            installation,
        }
    }
}
