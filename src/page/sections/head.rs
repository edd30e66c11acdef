//! The head: which model, how it ended, and the numbers that matter most.

use maud::{Markup, html};

use super::Gathered;
use crate::page::shown::{NAME, sentence, shown};
use crate::report::text::{count, grouped, number, size};
use crate::report::{ComparisonVerdict, Verification};

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next();
    name.filter(|name| !name.is_empty()).unwrap_or(path)
}

pub(super) fn header(gathered: &Gathered<'_>, file: &str) -> Markup {
    let subject = gathered.subject;
    let report = subject.report;
    let fused = subject.diff.map(|diff| &diff.after.model);
    html! {
        header {
            p.brand { "Phasor report" }
            h1 { (file) }
            p.path { code { (shown(&report.model.path, 3 * NAME)) } }
            (verdict(gathered))
            dl.tiles {
                (tile("Sites", &report.sites.len().to_string(), &forms(gathered)))
                (change("Nodes", (report.model.nodes, fused.map(|f| f.nodes)), grouped))
                (change("File", (report.model.bytes, fused.map(|f| f.bytes)), size))
                (tile("Opset", &report.model.opset.to_string(), ""))
                @if let Some(fastest) = subject.times.and_then(|times| times.variants.get(2..)?.iter().max_by(|a, b| a.ratio.total_cmp(&b.ratio))) {
                    (tile("Speed", &format!("{:.2} ×", fastest.ratio), &format!("{:.2} to {:.2}", fastest.interval[0], fastest.interval[1])))
                }
            }
        }
    }
}

fn forms(gathered: &Gathered<'_>) -> String {
    match gathered.forms_of_sites() {
        0 => String::new(),
        forms => format!("of {}", count(forms, "form")),
    }
}

fn tile(name: &str, value: &str, note: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { span.value { (value) } @if !note.is_empty() { " " span.aside { (note) } } }
        }
    }
}

/// A tile with the same of both models.
fn change<T: PartialEq>(
    name: &str,
    (before, after): (T, Option<T>),
    text: impl Fn(T) -> String,
) -> Markup {
    let (before, after) = match after {
        Some(after) if after != before => (text(before), Some(text(after))),
        _ => (text(before), None),
    };
    html! {
        div {
            dt { (name) }
            dd {
                @if let Some(after) = after {
                    span.value { (before) " " span.arrow aria-label="to" { "→" } " " (after) }
                } @else {
                    span.value { (before) }
                }
            }
        }
    }
}

/// What came of it, in a sentence.
fn verdict(gathered: &Gathered<'_>) -> Markup {
    let subject = gathered.subject;
    let (class, sign, text): (&str, &str, Markup) = match &subject.report.verification {
        Verification::Done(report) => match &report.verdict {
            ComparisonVerdict::Same => {
                let (_, relative) = report.worst();
                let engine = report.engine.as_deref().unwrap_or("no engine");
                let text = format!(
                    "{} computes what the original computes: the largest difference is {} of an output’s scale, on {} in {}",
                    model(subject.is_given),
                    number(relative),
                    count(report.cases.len(), "set of inputs"),
                    shown(engine, NAME)
                );
                ("good", "✓", html! { (text) "." })
            }
            ComparisonVerdict::Different { why } => (
                "bad",
                "✗",
                html! { (model(subject.is_given)) " differs from the original: " (sentence(why)) "." },
            ),
            ComparisonVerdict::NotVerified { why } => (
                "warn",
                "!",
                html! { (model(subject.is_given)) " is not verified: " (sentence(why)) "." },
            ),
        },
        Verification::LeftOut if subject.fused.is_some() => (
            "warn",
            "!",
            html! { (model(subject.is_given)) " was not compared with the original, as asked." },
        ),
        Verification::LeftOut | Verification::NotNeeded => (
            "plain",
            "–",
            html! { "There is nothing to fuse in this model." },
        ),
    };
    html! { p class={ "verdict " (class) } { span.sign aria-hidden="true" { (sign) } span { (text) } } }
}

/// What the other model is called.
fn model(is_given: bool) -> &'static str {
    match is_given {
        true => "The fused model",
        false => "The model as fused here",
    }
}
