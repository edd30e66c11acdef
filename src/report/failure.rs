//! What a command that cannot do its work says for programs.

use serde::Serialize;

use super::{SCHEMA, Tool};

/// Why there is no report.
#[derive(Clone, Debug, Serialize)]
pub struct FailureReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// What is wrong.
    pub error: Failure,
}

/// An error as people read it.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FailureReport {
    pub(crate) fn new(message: String, hint: Option<String>) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            error: Failure { message, hint },
        }
    }
}
