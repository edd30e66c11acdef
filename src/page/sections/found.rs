//! What was found, by rule; and what the model has already.

use maud::{Markup, html};

use super::{Gathered, kind};
use crate::page::shown::{name, sentence};
use crate::report::text::{confirmed, count};

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    let report = gathered.subject.report;
    Some(html! {
        @if report.rules.is_empty() {
            p { "No rule applies: no position encoding and no attention was proven that could be replaced." }
        } @else {
            div.scroll tabindex="0" role="group" aria-label="Sites by rule" {
                table {
                    caption.hidden { "Sites by rule" }
                    thead { tr {
                        th scope="col" { "Rule" } th.number scope="col" { "Sites" } th.number scope="col" { "Nodes" }
                        th scope="col" { "Proof" } th scope="col" { "Confirmed" }
                    } }
                    tbody {
                        @for row in &report.rules {
                            tr {
                                th.rule scope="row" { (kind::mark(row.rule)) " " (row.rule) }
                                td.number { (row.sites) }
                                td.number { (row.removed) " → " (row.added) }
                                td { (row.proofs.join(", ")) }
                                td { (confirmed(row.max_diff, row.probes)) }
                            }
                        }
                    }
                }
            }
            p.note {
                "Proof: what the graph is shown to compute, for all inputs. Confirmed: the largest difference from the operator’s reference \
                 when the sites were cut out and run on random numbers. Nodes: those that go if the rule alone is applied, and those that come."
                @if gathered.subject.is_given { " These are numbers of " code { "phasor fuse" } " without options." }
            }
        }
        @for refusal in &report.gave_up {
            p.verdict.warn { span.sign aria-hidden="true" { "!" } span {
                "The search is incomplete: " (sentence(&refusal.reason)) "."
                @if let Some(hint) = &refusal.hint { " Hint: " (sentence(hint)) "." }
            } }
        }
        @if !gathered.subject.existing.is_empty() {
            h3 { "There already" }
            ul {
                @for existing in gathered.subject.existing {
                    li {
                        (name(&existing.operator)) ": " (count(existing.nodes, "node")) ", the first is " (name(&existing.first))
                        @if let Some(remark) = existing.remark { "; " (sentence(remark)) }
                    }
                }
            }
        }
    })
}
