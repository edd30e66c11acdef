//! Reports as text, in colour. Whoever prints it strips the colours where they are not wanted.

mod attention;
mod bench;
mod diff;
mod doctor;
mod explain;
mod page;
mod relative;
mod rotary;
mod rules;
mod sinusoidal;
mod sites;

pub use bench::bench;
pub(crate) use bench::milliseconds;
pub use diff::diff;
pub use doctor::doctor;
pub use explain::explain;
pub(crate) use explain::facts;
pub use page::page;
pub use rules::rules;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use super::fuse::{Verification, WrittenReport};
use super::{
    Comparison, ComparisonVerdict, ExistingReport, FuseReport, InspectReport, ModelSummary,
    RefusalReport, SiteReport, UnfuseReport, VerifyReport,
};
use crate::pipeline::{UnfusedVerdict, Verdict};
use crate::rewrite::{Definition, Respelled};

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const PATH: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();

/// Text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A file name between backticks.
pub fn path(text: impl std::fmt::Display) -> String {
    format!("`{}`", paint(PATH, text))
}

/// The report of `phasor fuse`.
pub fn fuse(report: &FuseReport) -> String {
    let model = &report.model;
    let mut out = loaded(model);
    if report.opset_after != model.opset {
        out += &format!("Raised opset {} -> {}\n", model.opset, report.opset_after);
    }
    out += &report.retargeted.iter().map(retargeted).collect::<String>();
    if !report.rules.is_empty() {
        let mut table = columns(&["rule", "sites", "nodes", "proof", "confirmed"]);
        for row in &report.rules {
            table.add_row([
                row.rule.to_owned(),
                row.sites.to_string(),
                format!("{} -> {}", row.removed, row.added),
                row.proofs.join(", "),
                confirmed(row.max_diff, row.probes),
            ]);
        }
        out += &indented(&table);
    }
    if !report.refusals.is_empty() {
        let what = count(report.refusals.len(), "near miss");
        out += &format!(
            "{what}: `phasor explain {}` shows the reasons\n",
            model.path
        );
    }
    out += &report.gave_up.iter().map(gave_up).collect::<String>();
    out += &unsupported(&report.unsupported);
    out += &verification(&report.verification);
    out += &match (&report.verdict, &report.written) {
        (Verdict::Fused, Some(written)) => {
            wrote(model, report.nodes_after, written, report.seconds)
        }
        (Verdict::Fused, None) => made("Fused", model, report.nodes_after, report.seconds),
        (Verdict::NothingToFuse, Some(written)) => same_bytes("Nothing to fuse", written),
        (Verdict::WouldFuse, _) => format!(
            "{} {} -> {}; nothing is written\n",
            paint(WARN, "Would fuse"),
            model.nodes,
            count(report.nodes_after, "node"),
        ),
        (Verdict::Differs | Verdict::NotVerified, _) => failed(),
        _ => format!("{}\n", paint(GOOD, "Nothing to fuse")),
    };
    out + &absent(report.written.as_ref())
}

/// What the report of `phasor fuse` counts, one by one: sites, near misses and comparisons.
pub fn details(report: &FuseReport) -> String {
    let mut out = sites::tables(&report.sites);
    out.extend(report.refusals.iter().map(refused));
    if let Verification::Done(comparison) = &report.verification {
        out += &cases(comparison);
        if comparison.same() {
            out += &notes(comparison);
        }
    }
    out
}

/// The report of `phasor unfuse`.
pub fn unfuse(report: &UnfuseReport) -> String {
    let model = &report.model;
    let mut out = loaded(model);
    if !report.operators.is_empty() {
        let mut table = columns(&["operator", "expanded", "definition"]);
        for row in &report.operators {
            let definition = match row.definition {
                Definition::Model => "the model's",
                Definition::Contract => "the operator's contract",
            };
            let nodes = count(row.nodes, "node");
            table.add_row([row.operator.clone(), nodes, definition.to_owned()]);
        }
        out += &indented(&table);
    }
    out += &verification(&report.verification);
    out += &match (&report.verdict, &report.written) {
        (UnfusedVerdict::Unfused, Some(written)) => {
            wrote(model, report.nodes_after, written, report.seconds)
        }
        (UnfusedVerdict::NothingToUnfuse, Some(written)) => {
            same_bytes("Nothing to unfuse", written)
        }
        (UnfusedVerdict::Unfused, None) => {
            made("Unfused", model, report.nodes_after, report.seconds)
        }
        (UnfusedVerdict::NothingToUnfuse, None) => {
            format!("{}\n", paint(WARN, "Nothing to unfuse"))
        }
        (UnfusedVerdict::Differs | UnfusedVerdict::NotVerified, _) => failed(),
    };
    out + &absent(report.written.as_ref())
}

fn failed() -> String {
    format!("{}: nothing is written\n", paint(BAD, "Failed"))
}

fn wrote(model: &ModelSummary, nodes: usize, written: &WrittenReport, seconds: f64) -> String {
    format!(
        "{} {}: {} -> {}, {}, in {seconds:.2} s\n",
        paint(GOOD, "Wrote"),
        path(&written.path),
        model.nodes,
        count(nodes, "node"),
        size(written.bytes),
    )
}

/// A model that lies in memory.
fn made(what: &str, model: &ModelSummary, nodes: usize, seconds: f64) -> String {
    format!(
        "{}: {} -> {}, in {seconds:.2} s\n",
        paint(GOOD, what),
        model.nodes,
        count(nodes, "node"),
    )
}

fn same_bytes(what: &str, written: &WrittenReport) -> String {
    let file = path(&written.path);
    format!(
        "{}: {file} is the input, byte for byte\n",
        paint(WARN, what)
    )
}

fn loaded(model: &ModelSummary) -> String {
    format!(
        "{} {}: opset {}, {}, {}\n",
        paint(GOOD, "Loaded"),
        path(&model.path),
        model.opset,
        count(model.nodes, "node"),
        size(model.bytes),
    )
}

/// Data files that could not be brought along.
fn absent(written: Option<&WrittenReport>) -> String {
    let warning = paint(WARN, "warning:");
    let line = |absent| format!("{warning} not beside the output: {absent}\n");
    written.iter().flat_map(|w| &w.absent).map(line).collect()
}

/// What is proven of a site, and what that assumes.
pub(crate) fn proven(site: &SiteReport) -> String {
    match site.assumes_finite {
        true => format!("{} of finite x", site.proof),
        false => site.proof.to_owned(),
    }
}

/// The report of `phasor inspect`.
pub fn inspect(report: &InspectReport) -> String {
    let model = &report.model;
    let mut out = format!(
        "{}: opset {}, {}, {}\n",
        path(&model.path),
        model.opset,
        count(model.nodes, "node"),
        count(report.sites.len(), "site"),
    );
    out += &sites::tables(&report.sites);
    out += &existing(&report.existing);
    out += &report.gave_up.iter().map(gave_up).collect::<String>();
    for refusal in &report.refusals {
        out += &refused(refusal);
    }
    out
}

/// Operators that the model has already.
fn existing(reports: &[ExistingReport]) -> String {
    let line = |report: &ExistingReport| {
        let nodes = count(report.nodes, "node");
        let remark = report.remark.map(|remark| format!(": {remark}"));
        format!(
            "existing `{}`, {nodes} (first `{}`){}\n",
            report.operator,
            report.first,
            remark.unwrap_or_default()
        )
    };
    reports.iter().map(line).collect()
}

/// The report of `phasor verify`.
pub fn verify(report: &VerifyReport) -> String {
    let comparison = &report.report;
    cases(comparison) + &notes(comparison) + &warnings(comparison) + &compared(comparison)
}

/// Each output of each run.
fn cases(comparison: &Comparison) -> String {
    if comparison.outputs().next().is_none() {
        return String::new();
    }
    let mut table = columns(&[
        "output",
        "inputs",
        "computed by",
        "shape",
        "absolute",
        "relative",
        "allowed",
        "by itself",
    ]);
    for (case, run, output) in comparison.outputs() {
        let d = &output.difference;
        let (absolute, relative) = match &d.mismatch {
            Some(mismatch) => (mismatch.clone(), String::new()),
            None => (number(d.absolute), number(d.relative)),
        };
        table.add_row([
            output.name.clone(),
            case.inputs.clone(),
            run.how.as_str().to_owned(),
            format!("{:?}", output.shape),
            absolute,
            relative,
            format!("{:.0e}", d.tolerance),
            d.noise
                .map_or_else(String::new, |noise| number(noise.relative)),
        ]);
    }
    indented(&table)
}

/// Nodes whose rotations were to be rewritten to the target.
fn retargeted(nodes: &Respelled) -> String {
    let what = format!("{} of `{}`", count(nodes.nodes, "node"), nodes.operator);
    match nodes.left {
        None => format!("Retargeted {what}\n"),
        Some(reason) => format!("{} {what}: {reason}\n", paint(WARN, "left")),
    }
}

/// Sites that the target cannot express, by reason.
fn unsupported(sites: &[RefusalReport]) -> String {
    let mut reasons: Vec<&str> = sites.iter().map(|site| &site.reason[..]).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let mut out = String::new();
    for reason in &reasons {
        let mut alike = sites.iter().filter(|site| site.reason == *reason);
        let (number, first) = (alike.clone().count(), alike.next());
        let first = first.map_or("", |site| &site.node);
        out += &format!(
            "{} {} (first `{first}`): {reason}\n",
            paint(WARN, "not expressible"),
            count(number, "site")
        );
    }
    let mut hints: Vec<&String> = sites.iter().filter_map(|site| site.hint.as_ref()).collect();
    hints.dedup();
    for hint in hints {
        out += &format!("{} {hint}\n", paint(PATH, "hint:"));
    }
    out
}

fn verification(verification: &Verification) -> String {
    match verification {
        Verification::NotNeeded => String::new(),
        Verification::LeftOut => format!("{}, as asked\n", paint(WARN, "Not verified")),
        // Where all is well, engines that were passed over are for `phasor verify` to tell of.
        Verification::Done(report) if report.same() => warnings(report) + &compared(report),
        Verification::Done(report) => notes(report) + &warnings(report) + &compared(report),
    }
}

fn notes(report: &Comparison) -> String {
    let line = |note| format!("{}\n", paint(DIM, format!("note: {note}")));
    report.notes.iter().map(line).collect()
}

fn warnings(report: &Comparison) -> String {
    let line = |warning| format!("{} {warning}\n", paint(WARN, "warning:"));
    report.warnings.iter().map(line).collect()
}

fn compared(report: &Comparison) -> String {
    let engine = report.engine.as_deref().unwrap_or("no engine");
    let hint = report
        .hint()
        .map(|hint| format!("{} {hint}\n", paint(PATH, "hint:")));
    let hint = hint.unwrap_or_default();
    match &report.verdict {
        ComparisonVerdict::Same => {
            let (absolute, relative) = report.worst();
            let with = if report.operators.is_some() {
                ", with and without the operator library"
            } else {
                ""
            };
            let noise = report
                .noise()
                .map(|noise| format!("; the model moves by {} by itself", number(noise)));
            let noise = noise.unwrap_or_default();
            format!(
                "{} on {} in {engine}{with}: largest difference {}, {} of the output's scale{noise}\n",
                paint(GOOD, "Verified"),
                count(report.cases.len(), "set of inputs"),
                number(absolute),
                number(relative),
            )
        }
        ComparisonVerdict::Different { why } => {
            format!("{} in {engine}: {why}\n{hint}", paint(BAD, "Different"))
        }
        ComparisonVerdict::NotVerified { why } => {
            format!("{}: {why}\n{hint}", paint(WARN, "Not verified"))
        }
    }
}

/// Where the search gave up.
pub(super) fn gave_up(refusal: &RefusalReport) -> String {
    let hint = refusal.hint.iter();
    let hint: String = hint.map(|hint| format!("hint: {hint}\n")).collect();
    format!("{}: {}\n{hint}", paint(WARN, "incomplete"), refusal.reason)
}

fn refused(refusal: &RefusalReport) -> String {
    let mut out = format!(
        "{} {} at node `{}`, value `{}`: {}\n",
        paint(WARN, "refused"),
        refusal.rule,
        refusal.node,
        refusal.value,
        refusal.reason,
    );
    if let Some(hint) = &refusal.hint {
        out += &format!("{} {hint}\n", paint(PATH, "hint:"));
    }
    out
}

fn columns(names: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(names.iter());
    for (name, column) in names.iter().zip(table.column_iter_mut()) {
        column.set_padding((0, 3));
        if *name == "sites" {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn indented(table: &Table) -> String {
    table
        .lines()
        .map(|line| format!("  {}\n", line.trim_end()))
        .collect()
}

pub(crate) fn confirmed(max_diff: f64, probes: usize) -> String {
    match probes {
        0 => "no".to_owned(),
        _ => format!("{} in {}", number(max_diff), count(probes, "probe")),
    }
}

pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    format!("{value:.1e}")
}

/// A number with its digits in groups of three.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 node`, `1,284 nodes`.
pub(crate) fn count(n: usize, what: &str) -> String {
    let grouped = grouped(n);
    if n == 1 {
        return format!("1 {what}");
    }
    match what.split_once(' ') {
        Some(("set", rest)) => format!("{grouped} sets {rest}"),
        _ if what.ends_with("miss") => format!("{grouped} {what}es"),
        _ => format!("{grouped} {what}s"),
    }
}

pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB"] {
        if value < 1000.0 {
            return format!(
                "{value:.*} {unit}",
                usize::from(value < 10.0 && unit != "B")
            );
        }
        value /= 1000.0;
    }
    format!("{value:.1} GB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_words_agree() {
        assert_eq!(count(1, "near miss"), "1 near miss");
        assert_eq!(count(2, "near miss"), "2 near misses");
        assert_eq!(count(1_234_567, "node"), "1,234,567 nodes");
        assert_eq!(count(0, "probe"), "0 probes");
        assert_eq!(count(3, "set of inputs"), "3 sets of inputs");
    }

    #[test]
    fn sizes_have_two_figures_at_least() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(259_082), "259 kB");
        assert_eq!(size(1_500_000), "1.5 MB");
        assert_eq!(size(2_100_000_000), "2.1 GB");
    }
}
