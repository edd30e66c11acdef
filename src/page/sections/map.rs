//! Where the sites are: each graph as rows of what is replaced and what stays.

use maud::{Markup, html};
use rustc_hash::FxHashMap;

use super::{Gathered, kind};
use crate::page::map::{Item, Mark, Row, rows};
use crate::page::shown::{NAME, name, shown};
use crate::report::text::{count, grouped};

/// Most rows of a graph.
const ROWS: usize = 80;
/// Most graphs that are shown, and most rules in the legend.
const GRAPHS: usize = 20;

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    let marks = marks(gathered);
    let shown_graphs: Vec<usize> = (0..gathered.scenes.len())
        .filter(|scope| !marks[*scope].is_empty())
        .collect();
    if shown_graphs.is_empty() {
        return None;
    }
    let left_out = shown_graphs.len().saturating_sub(GRAPHS);
    Some(html! {
        p { "From the first node to the last. Where sites repeat there are layers, a row each; equal rows that follow each other are drawn once. \
             A number counts the nodes between, which stay as they are." }
        (legend(gathered))
        @for &scope in shown_graphs.iter().take(GRAPHS) {
            @let scene = &gathered.scenes[scope];
            @if shown_graphs.len() > 1 || !scene.path.is_empty() {
                h3 { @if scene.path.is_empty() { "Main graph" } @else { "Inside " (name(scene.path)) } }
            }
            (graph(gathered, &rows(scene, &gathered.spots, &marks[scope])))
        }
        @if left_out > 0 { p.note { "And " (count(left_out, "graph")) "." } }
    })
}

/// What stands at the nodes of each graph.
fn marks(gathered: &Gathered<'_>) -> Vec<FxHashMap<usize, Vec<Mark>>> {
    let mut marks = vec![FxHashMap::<usize, Vec<Mark>>::default(); gathered.scenes.len()];
    for (at, spot) in gathered.spots.iter().enumerate() {
        if let Some(end) = spot.end {
            marks[spot.scope]
                .entry(end)
                .or_default()
                .push(Mark::Spot(at));
        }
    }
    for (at, miss) in gathered.misses.iter().enumerate() {
        for &(scope, node) in &miss.places {
            marks[scope].entry(node).or_default().push(Mark::Miss(at));
        }
    }
    marks
}

fn legend(gathered: &Gathered<'_>) -> Markup {
    let mut rules: Vec<(&str, usize)> = Vec::new();
    for spot in &gathered.spots {
        match rules.iter_mut().find(|(rule, _)| *rule == spot.rule) {
            Some((_, count)) => *count += 1,
            None => rules.push((spot.rule, 1)),
        }
    }
    html! {
        ul.legend {
            @for (rule, times) in rules { li { (kind::mark(rule)) " " (rule) " " span.aside { "× " (times) } } }
            @if !gathered.misses.is_empty() { li { span.mark.miss aria-hidden="true" { "!" } " near miss" } }
        }
    }
}

fn graph(gathered: &Gathered<'_>, rows: &[Row]) -> Markup {
    html! {
        ol.map {
            @for row in rows.iter().take(ROWS) {
                li {
                    (title(row))
                    div.lane { @for item in &row.items { (segment(gathered, item)) } }
                }
            }
        }
        @if rows.len() > ROWS { p.note { "And " (count(rows.len() - ROWS, "row")) "." } }
    }
}

fn title(row: &Row) -> Markup {
    html! {
        div.row-name {
            span { (shown(&row.first, NAME / 2)) @if row.times > 1 { " – " (shown(&row.last, NAME / 2)) } }
            @if row.times > 1 { " " span.times { "× " (row.times) } }
        }
    }
}

fn segment(gathered: &Gathered<'_>, item: &Item) -> Markup {
    match item {
        Item::Rest { nodes, operators } => {
            let text = format!("{}: {}", count(*nodes, "node"), shown(operators, 2 * NAME));
            // Wide enough to be compared, narrow enough for a phone: by the root of the number.
            let grow = format!("flex-grow: {:.1}", (*nodes as f64).sqrt());
            html! { span.rest style=(grow) title=(text) { (grouped(*nodes)) span.hidden { " nodes stay" } } }
        }
        Item::Spot(at) => {
            let spot = &gathered.spots[*at];
            let kind::Kind { letter, class } = kind::of(spot.rule);
            let text = format!(
                "{}: {} replaced by {}, at {}",
                spot.rule,
                count(spot.covered.len(), "node"),
                spot.added,
                shown(&spot.node, NAME)
            );
            html! {
                a class={ "mark " (class) } href={ "#form-" (spot.form + 1) } title=(text) aria-label=(text) { (letter) }
            }
        }
        Item::Miss(at) => {
            let first = gathered.misses[*at].alike[0];
            let text = format!(
                "near miss of {} at {}",
                first.rule,
                shown(&first.node, NAME)
            );
            html! { a.mark.miss href={ "#miss-" (at + 1) } title=(text) aria-label=(text) { "!" } }
        }
    }
}
