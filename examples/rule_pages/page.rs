//! The text of the document.

use std::path::{Path, PathBuf};

use phasor::Rule;
use phasor::rules::RULES;

/// The command that writes the document.
pub(crate) const COMMAND: &str = "cargo run --release --example rule_pages";

/// The document.
pub(crate) fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")
}

/// The list of the rules, and a section for each.
pub(crate) fn text() -> String {
    let rows: String = RULES.iter().map(row).collect();
    let sections: String = RULES.iter().map(section).collect();
    format!(
        "<!-- Made by `{COMMAND}`; changes belong in the page beside the rule's code. -->\n\n\
         # Rules\n\n\
         `phasor fuse` applies these rules, and `--select` and `--ignore` choose among them. `phasor rules RULE` prints the section of one \
         rule. A rule applies only where all its conditions hold. A site passes the stages in order; where it fails one, the report \
         names that stage ([what each means](json.md#phasor-fuse)).\n\n\
         | rule | what it fuses |\n|---|---|\n{rows}{sections}"
    )
}

fn row(rule: &Rule) -> String {
    let summary = rule.summary.replace('|', "\\|");
    format!("| [`{0}`](#{0}) | {summary} |\n", rule.id)
}

fn section(rule: &Rule) -> String {
    let conditions = rule.conditions.iter().map(|text| format!("- {text}\n"));
    let stages = rule.stages.iter().map(|s| format!("`{}`", s.as_str()));
    format!(
        "\n## {}\n\n\
         **Matches:** {}.\n\n\
         **Rewrites to:** {}.\n\n\
         **Conditions:**\n\n{}\n\
         **Numerics:** {}.\n\n\
         **Stages:** {}.\n",
        rule.id,
        rule.matches,
        rule.rewrites_to,
        conditions.collect::<String>(),
        rule.numerics,
        stages.collect::<Vec<_>>().join(", ")
    )
}
