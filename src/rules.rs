//! All rules: what `phasor rules` prints, and what `--select` and `--ignore` choose from.
//!
//! A rule's page stands beside the code that applies it; this is the list.

use crate::recognize::{self, Rule};
use crate::rewrite;

/// All rules, in the order they are listed.
pub const RULES: [Rule; recognize::PAGES.len() + rewrite::PAGES.len()] = {
    let [
        rotary,
        table,
        bias,
        gather,
        alibi,
        sinusoidal,
        lookup,
        attention,
    ] = recognize::PAGES;
    let [batch, functions] = rewrite::PAGES;
    [
        rotary, table, bias, gather, alibi, sinusoidal, lookup, attention, batch, functions,
    ]
};

/// The rule of this name.
pub fn find(id: &str) -> Option<&'static Rule> {
    const { &RULES }.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_pages_are_whole() {
        for (k, rule) in RULES.iter().enumerate() {
            assert!(
                RULES[..k].iter().all(|other| other.id != rule.id),
                "{}",
                rule.id
            );
            assert!(!rule.conditions.is_empty(), "{}", rule.id);
            assert!(!rule.stages.is_empty(), "{}", rule.id);
            let id = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.id.chars().all(id), "{}", rule.id);
            let texts = [rule.summary, rule.matches, rule.rewrites_to, rule.numerics];
            for text in texts.iter().chain(rule.conditions) {
                assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
                assert!(!text.contains("  ") && !text.contains('\n'), "{text}");
            }
        }
    }
}
