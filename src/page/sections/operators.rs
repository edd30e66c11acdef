//! What both models are made of.

use maud::{Markup, html};

use super::Gathered;
use crate::page::shown::name;
use crate::report::OperatorCount;
use crate::report::text::{count, grouped, size};

/// Most operators that are listed.
const OPERATORS: usize = 60;

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    let diff = gathered.subject.diff?;
    let (before, after) = (&diff.before, &diff.after);
    let rows = [
        ("Nodes", [before, after].map(|of| grouped(of.model.nodes))),
        ("Functions", [before, after].map(|of| grouped(of.functions))),
        (
            "Initializers",
            [before, after].map(|of| grouped(of.initializers)),
        ),
        (
            "Their elements",
            [before, after].map(|of| size(of.initializer_bytes)),
        ),
        ("File", [before, after].map(|of| size(of.model.bytes))),
    ];
    let changed: Vec<&OperatorCount> = diff
        .operators
        .iter()
        .filter(|of| of.before != of.after)
        .collect();
    let same = diff.operators.len() - changed.len();
    let most = changed
        .iter()
        .map(|of| of.before.max(of.after))
        .max()
        .unwrap_or(1);
    Some(html! {
        div.scroll tabindex="0" role="group" aria-label="Both models" {
            table.narrow {
                caption.hidden { "Both models" }
                thead { tr { th scope="col" { "Model" } th.number scope="col" { "Before" } th.number scope="col" { "After" } } }
                tbody {
                    @for (what, [before, after]) in &rows {
                        tr { th scope="row" { (what) } td.number { (before) } td.number { (after) } }
                    }
                }
            }
        }
        @if !changed.is_empty() {
            h3 { "Nodes by operator" }
            div.scroll tabindex="0" role="group" aria-label="Nodes by operator" {
                table.bars {
                    caption.hidden { "Nodes by operator" }
                    thead { tr { th scope="col" { "Operator" } th.number scope="col" { "Before" } th.number scope="col" { "After" } th scope="col" { "Before and after" } } }
                    tbody {
                        @for of in changed.iter().take(OPERATORS) {
                            tr {
                                th scope="row" { (name(&of.operator)) }
                                td.number { (grouped(of.before)) }
                                td.number { (grouped(of.after)) }
                                td { (bar("before", of.before, most)) (bar("after", of.after, most)) }
                            }
                        }
                    }
                }
            }
            @if changed.len() > OPERATORS { p.note { "And " (count(changed.len() - OPERATORS, "operator")) "." } }
        }
        @if same > 0 { p.note { "As often in both: " (count(same, "operator")) "." } }
    })
}

/// A bar, which says nothing that the numbers beside it do not.
fn bar(class: &str, part: usize, most: usize) -> Markup {
    let width = 100.0 * part as f64 / most.max(1) as f64;
    html! { div class={ "bar " (class) } style=(format!("width: {width:.1}%")) aria-hidden="true" {} }
}
