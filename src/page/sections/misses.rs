//! Near misses: how far each came, what stopped it, and what to do about it.

use maud::{Markup, html};

use super::{Gathered, kind};
use crate::page::graph::figure;
use crate::page::miss::Miss;
use crate::page::shown::{name, sentence};
use crate::report::RefusalReport;
use crate::report::text::count;
use crate::rules;

/// Most groups that are shown, and most nodes that are named of each.
const GROUPS: usize = 60;
const NODES: usize = 40;

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    let unsupported = &gathered.subject.report.unsupported;
    if gathered.misses.is_empty() && unsupported.is_empty() {
        return None;
    }
    let left_out = gathered.misses.len().saturating_sub(GROUPS);
    Some(html! {
        p { "Places that came near and were left as they are. Those that say the same are together; the first of them is drawn." }
        @for (at, miss) in gathered.misses.iter().enumerate().take(GROUPS) { (drawn(at, miss)) }
        @if left_out > 0 { p.note { "And " (count(left_out, "group")) ": " code { "phasor explain" } " shows all." } }
        @for refusal in unsupported.iter().take(GROUPS) {
            article.miss {
                h3 { (kind::mark(refusal.rule)) " " (refusal.rule) " " span.aside { "proven, and not expressible" } }
                (reason(refusal))
            }
        }
    })
}

fn drawn(at: usize, miss: &Miss<'_>) -> Markup {
    let first = miss.alike[0];
    let title = format!("miss-{}-title", at + 1);
    html! {
        article.miss id={ "miss-" (at + 1) } aria-labelledby=(title) {
            h3 id=(title) {
                span.mark.miss aria-hidden="true" { "!" } " " (first.rule) " "
                @if miss.alike.len() > 1 { span.aside { (count(miss.alike.len(), "place")) } }
            }
            (stages(first))
            (reason(first))
            @if let Some(picture) = &miss.picture {
                figure { figcaption { "Around it" } (figure(picture, &format!("near miss of {}: the graph around it", first.rule)).markup) }
            }
            @if miss.alike.len() > 1 {
                details {
                    summary { "Where: " (count(miss.alike.len(), "node")) }
                    ul.places {
                        @for other in miss.alike.iter().take(NODES) { li { (name(&other.node)) } }
                        @if miss.alike.len() > NODES { li { "and " (miss.alike.len() - NODES) " more" } }
                    }
                }
            }
        }
    }
}

/// The stages of the rule: those that were passed, and the one that was not.
fn stages(refusal: &RefusalReport) -> Markup {
    let stages = rules::find(refusal.rule).map_or(&[][..], |rule| rule.stages);
    let stopped = stages
        .iter()
        .position(|stage| stage.as_str() == refusal.stage);
    let Some(stopped) = stopped else {
        return html! { p { "It ended at the stage " strong { (refusal.stage) } "." } };
    };
    html! {
        ol.stages aria-label="Stages" {
            @for (at, stage) in stages.iter().enumerate() {
                @let (class, sign, said) = match at.cmp(&stopped) {
                    std::cmp::Ordering::Less => ("passed", "✓ ", ", passed"),
                    std::cmp::Ordering::Equal => ("stopped", "✗ ", ", ended here"),
                    std::cmp::Ordering::Greater => ("ahead", "", ", not reached"),
                };
                li class=(class) { span aria-hidden="true" { (sign) } (stage.as_str()) span.hidden { (said) } }
            }
        }
    }
}

fn reason(refusal: &RefusalReport) -> Markup {
    html! {
        dl.facts {
            div { dt { "node" } dd { (name(&refusal.node)) } }
            @if !refusal.value.is_empty() { div { dt { "value" } dd { (name(&refusal.value)) } } }
            div { dt { "reason" } dd { (sentence(&refusal.reason)) } }
            @if let Some(lost) = &refusal.lost {
                div { dt { "lost" } dd { "at " (name(&lost.node)) " (" (name(&lost.operator)) "), value " (name(&lost.value)) ": " (lost.reason) } }
            }
            @if let Some(hint) = &refusal.hint { div.hint { dt { "hint" } dd { (sentence(hint)) } } }
        }
    }
}
