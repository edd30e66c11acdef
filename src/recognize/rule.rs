//! A rule: a kind of rewrite that can be left out on its own.

use serde::Serialize;

use super::Stage;

/// One rule, for people: what `phasor rules` prints.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// Identifier, as reports and `--select` spell it.
    pub id: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Which part of a graph it takes.
    pub matches: &'static str,
    /// What stands there afterwards.
    pub rewrites_to: &'static str,
    /// What must hold, each on its own.
    pub conditions: &'static [&'static str],
    /// How the numbers of the rewritten graph relate to those of the original.
    pub numerics: &'static str,
    /// The stages that a site passes, in order; a near miss names the one that it did not pass.
    pub stages: &'static [Stage],
}

/// Which rules may be applied; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, where there are any.
    pub select: Vec<&'static str>,
    /// Not these, even if selected.
    pub ignore: Vec<&'static str>,
}

impl Selection {
    /// Whether a rule may be applied.
    pub fn allows(&self, rule: &str) -> bool {
        (self.select.is_empty() || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignoring_beats_selecting() {
        let selection = |select: &[&'static str], ignore: &[&'static str]| Selection {
            select: select.to_vec(),
            ignore: ignore.to_vec(),
        };
        assert!(Selection::default().allows("rotary"));
        assert!(selection(&["rotary"], &[]).allows("rotary"));
        assert!(!selection(&["rotary"], &[]).allows("other"));
        assert!(!selection(&[], &["rotary"]).allows("rotary"));
        assert!(!selection(&["rotary"], &["rotary"]).allows("rotary"));
    }
}
