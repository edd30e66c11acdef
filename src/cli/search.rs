//! Arguments that say what to look for.

use crate::rules::{RULES, find};
use crate::{Rule, Search, Selection};
use clap::Args;

use super::budget::Budget;
use super::{Advice, dimension};

/// Sizes of symbolic dimensions, and limits of the search.
#[derive(Args)]
pub(super) struct Sizes {
    /// Size of a symbolic dimension when sites are confirmed, such as batch=2; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = dimension)]
    dim: Vec<(String, i64)>,
    #[command(flatten)]
    budget: Budget,
}

impl Sizes {
    pub(super) fn search(self) -> Search {
        Search {
            budget: self.budget.limits(),
            sizes: self.dim.into_iter().collect(),
            ..Search::default()
        }
    }
}

/// Which rules are applied.
#[derive(Args)]
#[command(next_help_heading = "Rules")]
pub(super) struct RuleChoice {
    /// Apply only the selected rules; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    select: Vec<String>,
    /// Skip this rule; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    ignore: Vec<String>,
}

impl RuleChoice {
    /// The rules, `tables_to_compute` among them if that is so.
    pub(super) fn selection(&self, tables_to_compute: bool) -> anyhow::Result<Selection> {
        let ids = |names: &[String]| -> anyhow::Result<Vec<&'static str>> {
            names.iter().map(|name| Ok(rule(name)?.id)).collect()
        };
        Ok(Selection {
            select: ids(&self.select)?,
            ignore: ids(&self.ignore)?,
            tables_to_compute,
        })
    }
}

/// The rules of these names, of which `all` means all.
///
/// # Errors
/// [`Advice`], if there is no such rule.
pub fn rules(names: &[String]) -> anyhow::Result<Vec<&'static str>> {
    if names.iter().any(|name| name == "all") {
        return Ok(RULES.iter().map(|rule| rule.id).collect());
    }
    names.iter().map(|name| Ok(rule(name)?.id)).collect()
}

/// The rule of this name.
///
/// # Errors
/// [`Advice`], if there is none.
pub fn rule(name: &str) -> anyhow::Result<&'static Rule> {
    let known = || {
        let known: Vec<String> = RULES.iter().map(|rule| format!("`{}`", rule.id)).collect();
        let hint = format!("the rules are {}", known.join(", "));
        Advice::new(format!("there is no rule `{name}`"), hint)
    };
    Ok(find(name).ok_or_else(known)?)
}
