//! The comparison of both models on the same inputs: for each output the largest difference, by the way the operators were computed.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::Gathered;
use crate::page::shown::{NAME, name, sentence, shown};
use crate::report::text::{count, number};
use crate::report::{Comparison, Difference, Verification};

/// Most outputs that are shown.
const OUTPUTS: usize = 24;
/// Most notes.
const NOTES: usize = 12;

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    let Verification::Done(report) = &gathered.subject.report.verification else {
        return None;
    };
    let rows = rows(report);
    let left_out = rows.len().saturating_sub(OUTPUTS);
    let notes = report.warnings.iter().chain(&report.notes).take(NOTES);
    Some(html! {
        p {
            "Both models ran on the same " (count(report.cases.len(), "set of inputs"))
            @if let Some(engine) = &report.engine { " in " (shown(engine, NAME)) }
            @if report.operators.is_some() { ", the fused model with and without the operator library" }
            ". Differences are relative to the largest magnitude of the output."
        }
        @if !rows.is_empty() {
            div.scroll tabindex="0" role="group" aria-label="Largest differences by output" {
                table {
                    caption.hidden { "Largest differences by output" }
                    thead { tr {
                        th scope="col" { "Output" } th scope="col" { "Computed by" } th scope="col" { "Worst inputs" }
                        th.number scope="col" { "Difference" } th.number scope="col" { "Allowed" } th.number scope="col" { "By itself" }
                    } }
                    tbody {
                        @for row in rows.iter().take(OUTPUTS) {
                            @let d = row.worst;
                            tr {
                                th scope="row" { (name(row.output)) }
                                td { (row.how) }
                                td { (shown(row.inputs, NAME)) }
                                @if let Some(mismatch) = &d.mismatch {
                                    td.number colspan="3" { (sentence(mismatch)) }
                                } @else {
                                    td.number { (number(d.relative)) }
                                    td.number { (format!("{:.0e}", d.tolerance)) }
                                    td.number { @if let Some(noise) = d.noise { (number(noise.relative)) } @else { "–" } }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if left_out > 0 { p.note { "And " (count(left_out, "output")) " with smaller differences." } }
        @for note in notes { p.note { (sentence(note)) "." } }
    })
}

/// The largest difference of an output.
struct Row<'a> {
    output: &'a str,
    how: &'static str,
    inputs: &'a str,
    worst: &'a Difference,
}

/// Those that use most of what is allowed first.
fn rows(report: &Comparison) -> Vec<Row<'_>> {
    let mut worst: BTreeMap<(&str, &str), Row<'_>> = BTreeMap::new();
    for (case, run, output) in report.outputs() {
        let row = Row {
            output: &output.name,
            how: run.how.as_str(),
            inputs: &case.inputs,
            worst: &output.difference,
        };
        match worst.get_mut(&(row.output, row.how)) {
            Some(known) if share(known.worst) >= share(row.worst) => {}
            _ => drop(worst.insert((row.output, row.how), row)),
        }
    }
    let mut rows: Vec<Row<'_>> = worst.into_values().collect();
    rows.sort_by(|a, b| share(b.worst).total_cmp(&share(a.worst)));
    rows
}

fn share(difference: &Difference) -> f64 {
    match difference.mismatch {
        Some(_) => f64::INFINITY,
        None => difference.relative / difference.tolerance.max(f64::MIN_POSITIVE),
    }
}
