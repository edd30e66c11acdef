//! A rule: a kind of rewrite that users can select or ignore.

use serde::Serialize;

use super::Stage;

/// The page of a rule, as `phasor rules` prints it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// Identifier, as reports and `--select` spell it.
    pub id: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Which part of a graph it takes.
    pub matches: &'static str,
    /// What the part becomes.
    pub rewrites_to: &'static str,
    /// What must hold, each on its own.
    pub conditions: &'static [&'static str],
    /// How the numbers of the rewritten graph relate to those of the original.
    pub numerics: &'static str,
    /// The stages that a site passes, in order; a near miss names the one where it stopped.
    pub stages: &'static [Stage],
}

/// Which rules may be applied; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these rules; empty for all.
    pub select: Vec<&'static str>,
    /// Not these rules, even if selected.
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
