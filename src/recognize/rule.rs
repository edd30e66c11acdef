//! A rule: a kind of rewrite that users can select or ignore.

use serde::Serialize;

use super::Stage;
use super::sinusoidal::TABLE_RULE as SINUSOIDS;

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

/// Which rules may be applied; by default all but those on request.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these rules; empty for all but those on request.
    pub select: Vec<&'static str>,
    /// Not these rules, even if selected.
    pub ignore: Vec<&'static str>,
    /// Whether rows that are looked up in a table of sinusoids are computed: the rule `sinusoidal-table`, beside the others.
    pub tables_to_compute: bool,
}

impl Selection {
    /// Whether a rule may be applied.
    pub fn allows(&self, rule: &str) -> bool {
        let by_default = self.select.is_empty() && !on_request(rule);
        let requested = on_request(rule) && self.tables_to_compute;
        (by_default || requested || self.select.contains(&rule)) && !self.ignore.contains(&rule)
    }

    /// Whether a rule would be applied if it were requested.
    pub fn awaits(&self, rule: &str) -> bool {
        on_request(rule)
            && self.select.is_empty()
            && !self.ignore.contains(&rule)
            && !self.allows(rule)
    }
}

/// Whether a rule is applied on request alone.
fn on_request(rule: &str) -> bool {
    rule == SINUSOIDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignoring_beats_selecting() {
        let selection = |select: &[&'static str], ignore: &[&'static str]| Selection {
            select: select.to_vec(),
            ignore: ignore.to_vec(),
            ..Selection::default()
        };
        assert!(Selection::default().allows("rotary"));
        assert!(selection(&["rotary"], &[]).allows("rotary"));
        assert!(!selection(&["rotary"], &[]).allows("other"));
        assert!(!selection(&[], &["rotary"]).allows("rotary"));
        assert!(!selection(&["rotary"], &["rotary"]).allows("rotary"));
    }

    #[test]
    fn tables_are_computed_on_request() {
        let selection =
            |select: &[&'static str], ignore: &[&'static str], tables_to_compute| Selection {
                select: select.to_vec(),
                ignore: ignore.to_vec(),
                tables_to_compute,
            };
        let rule = "sinusoidal-table";
        assert!(selection(&[], &[], false).awaits(rule));
        assert!(!selection(&[], &[], false).allows(rule));
        for (chosen, others) in [
            (selection(&[], &[], true), true),
            (selection(&[rule], &[], false), false),
            (selection(&["rotary"], &[], true), true),
        ] {
            assert!(chosen.allows(rule) && !chosen.awaits(rule));
            assert_eq!(chosen.allows("rotary"), others);
        }
        for chosen in [
            selection(&["rotary"], &[], false),
            selection(&[], &[rule], true),
        ] {
            assert!(!chosen.allows(rule) && !chosen.awaits(rule));
        }
    }
}
