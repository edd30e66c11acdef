//! `phasor rules`: the rules of fusion.

use crate::report::{RulesReport, text};
use clap::Args;

use super::{Ending, Format, print_data, print_json, search};

/// Lists the rules, or describes one: what it matches, what it rewrites to, its conditions and its numerics
#[derive(Args)]
pub(super) struct Rules {
    /// Rule to describe
    rule: Option<String>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

impl Rules {
    pub(super) fn run(self) -> anyhow::Result<Ending> {
        let rule = self.rule.as_deref().map(search::rule).transpose()?;
        let report = RulesReport::new(rule.copied());
        match self.format {
            Format::Json => print_json(&report)?,
            Format::Text => print_data(&text::rules(&report, rule.is_some()))?,
        }
        Ok(Ending::Good)
    }
}
