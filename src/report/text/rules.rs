//! The report of `phasor rules` as text.

use super::{DIM, GOOD, columns, indented, paint};
use crate::recognize::Rule;
use crate::report::RulesReport;

/// Width that paragraphs are broken at.
const WIDTH: usize = 100;

/// The report of `phasor rules`: a list, or one rule whole.
pub fn rules(report: &RulesReport, whole: bool) -> String {
    if whole {
        return report.rules.iter().map(page).collect();
    }
    let mut table = columns(&["rule", "what it fuses"]);
    for rule in &report.rules {
        table.add_row([rule.id, rule.summary]);
    }
    indented(&table)
}

fn page(rule: &Rule) -> String {
    let mut out = format!("{}: {}\n", paint(GOOD, rule.id), rule.summary);
    let mut section = |name: &str, text: &str| {
        out += &format!("\n{}\n", paint(DIM, name));
        for line in wrapped(text) {
            out += &format!("  {line}\n");
        }
    };
    section("matches", rule.matches);
    section("rewrites to", rule.rewrites_to);
    section("numerics", rule.numerics);
    out += &format!("\n{}\n", paint(DIM, "conditions"));
    for condition in rule.conditions {
        for (k, line) in wrapped(condition).into_iter().enumerate() {
            let bullet = if k == 0 { "- " } else { "  " };
            out += &format!("  {bullet}{line}\n");
        }
    }
    out
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
