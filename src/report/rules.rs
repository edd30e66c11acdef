//! Report of `phasor rules`.

use serde::Serialize;

use super::{SCHEMA, Tool};
use crate::recognize::Rule;
use crate::rules::RULES;

/// The rules.
#[derive(Clone, Debug, Serialize)]
pub struct RulesReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// All rules, or the one that was asked for.
    pub rules: Vec<Rule>,
}

impl RulesReport {
    /// All rules, or one of them.
    pub fn new(rule: Option<Rule>) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            rules: rule.map_or_else(|| RULES.to_vec(), |rule| vec![rule]),
        }
    }
}
