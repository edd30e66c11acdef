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
    /// The model that it is about, where several are given.
    pub model: Option<String>,
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
    pub(crate) fn new(model: Option<String>, message: String, hint: Option<String>) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            model,
            error: Failure { message, hint },
        }
    }
}
