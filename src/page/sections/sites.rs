//! Each form of a site before and after, where its sites stand, and the list of all sites.

use maud::{Markup, html};

use super::{Gathered, kind};
use crate::page::form::Form;
use crate::page::graph::{Picture, figure};
use crate::page::shown::{SENTENCE, name, sentence, shown};
use crate::report::SiteReport;
use crate::report::text::{self, confirmed, count, proven};

/// Most forms that are drawn, most places that are named of each, and most sites of the list.
const FORMS: usize = 24;
const PLACES: usize = 200;
const SITES: usize = 1000;
/// Widest drawing that has another beside it.
const HALF: f64 = 600.0;
/// A longer list is folded.
const FOLDED: usize = 12;

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    if gathered.forms.is_empty() {
        return None;
    }
    let left_out = gathered.forms.len().saturating_sub(FORMS);
    Some(html! {
        p { "Sites of equal form are drawn once. Point at a node or an edge for its name." }
        @for (at, form) in gathered.forms.iter().take(FORMS).enumerate() { (drawn(gathered, at, form)) }
        @for at in FORMS..gathered.forms.len() { span.hidden id={ "form-" (at + 1) } {} }
        @if left_out > 0 { p.note { (count(left_out, "further form")) " are not drawn; the list has their sites." } }
        h3 #list { "All sites" }
        (list(gathered))
    })
}

fn drawn(gathered: &Gathered<'_>, at: usize, form: &Form) -> Markup {
    let spots: Vec<_> = form
        .spots
        .iter()
        .map(|&spot| &gathered.spots[spot])
        .collect();
    let sites: Vec<&SiteReport> = spots
        .iter()
        .filter_map(|spot| Some(&gathered.subject.report.sites[spot.site?]))
        .collect();
    let what = match sites.is_empty() {
        true => count(spots.len(), "table"),
        false => count(spots.len(), "site"),
    };
    let (before, after) = (spots[0].covered.len(), spots[0].added);
    let title = format!("form-{}-title", at + 1);
    let draw = |when: &str, picture: &Picture, nodes: usize| {
        let title = format!("{}, {when}: {}", form.rule, count(nodes, "node"));
        figure(picture, &title)
    };
    let drawings = (
        draw("before", &form.before, before),
        (after > 0).then(|| draw("after", &form.after, after)),
    );
    let is_wide = drawings.0.width > HALF;
    html! {
        article.form id={ "form-" (at + 1) } aria-labelledby=(title) {
            h3 id=(title) { (kind::mark(form.rule)) " " (form.rule) " " span.aside { (what) } }
            div.pair.wide[is_wide] {
                figure { figcaption { "Before: " strong { (count(before, "node")) } } (drawings.0.markup) }
                div {
                    figure {
                        @if let Some(drawing) = &drawings.1 {
                            figcaption { "After: " strong { (count(after, "node")) } }
                            (drawing.markup)
                        } @else {
                            figcaption { "After" }
                            p.note { "The fused model does not replace it." }
                        }
                    }
                    @if let Some(first) = sites.first() { (facts(first, &sites)) }
                    (places(&spots.iter().map(|spot| &spot.node[..]).collect::<Vec<_>>()))
                }
            }
        }
    }
}

/// What is known of the first site, and how all were confirmed.
fn facts(first: &SiteReport, all: &[&SiteReport]) -> Markup {
    let worst = all
        .iter()
        .fold(0.0f64, |worst, site| worst.max(site.max_diff));
    let probes = all.iter().map(|site| site.probes).sum();
    html! {
        dl.facts {
            @for (what, text) in text::facts(first) { div { dt { (what) } dd { (sentence(&text)) } } }
            div { dt { "proof" } dd { (proven(first)) } }
            div { dt { "confirmed" } dd { (confirmed(worst, probes)) } }
        }
    }
}

fn places(nodes: &[&str]) -> Markup {
    html! {
        details open[nodes.len() <= 4] {
            summary { "Where: " (count(nodes.len(), "node")) }
            ul.places {
                @for node in nodes.iter().take(PLACES) { li { (name(node)) } }
                @if nodes.len() > PLACES { li { "and " (nodes.len() - PLACES) " more" } }
            }
        }
    }
}

fn list(gathered: &Gathered<'_>) -> Markup {
    let sites = &gathered.subject.report.sites;
    let mut forms = vec![0; sites.len()];
    for spot in &gathered.spots {
        if let Some(site) = spot.site {
            forms[site] = spot.form + 1;
        }
    }
    let left_out = sites.len().saturating_sub(SITES);
    html! {
        details open[sites.len() <= FOLDED] {
            summary { (count(sites.len(), "site")) }
            div.scroll tabindex="0" role="group" aria-label="All sites" {
                table {
                    caption.hidden { "All sites" }
                    thead { tr {
                        th scope="col" { "Node" } th scope="col" { "Rule" } th scope="col" { "Result" } th scope="col" { "Proof" }
                        th scope="col" { "Confirmed" } th scope="col" { "Form" }
                    } }
                    tbody {
                        @for (site, form) in sites.iter().zip(forms).take(SITES) {
                            tr {
                                th scope="row" { (name(&site.node)) }
                                td { (kind::mark(site.rule)) " " (site.rule) }
                                td { code { (site.dtype) (shown(&site.shape, SENTENCE / 8)) } }
                                td { (proven(site)) }
                                td { (confirmed(site.max_diff, site.probes)) }
                                td { a href={ "#form-" (form) } { (form) } }
                            }
                        }
                    }
                }
            }
            @if left_out > 0 { p.note { "And " (count(left_out, "site")) ": " code { "phasor inspect" } " lists all." } }
        }
    }
}
