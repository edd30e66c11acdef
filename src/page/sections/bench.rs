//! How fast both models run: ratios with their intervals, and who takes the time of the nodes.

use maud::{Markup, html};

use super::Gathered;
use super::head::file_name;
use crate::page::shown::{NAME, name, sentence, shown};
use crate::page::times::{Share, Times, Variant};
use crate::report::text::{count, milliseconds, size};

/// Size of the drawing of ratios, in units of its own: it is as wide as its place.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 24.0;
/// Operators that are shown one by one, and what the rest is called.
const SHARES: usize = 7;
const OTHERS: &str = "all others";
/// Most notes.
const NOTES: usize = 12;
/// Most variants.
const VARIANTS: usize = 8;

pub(super) fn section(gathered: &Gathered<'_>) -> Option<Markup> {
    let times = gathered.subject.times?;
    let shares = match times.parts.is_empty() {
        true => collected(&times.operators),
        false => times.parts.clone(),
    };
    let by = if times.parts.is_empty() {
        "operator"
    } else {
        "part"
    };
    Some(html! {
        p { (heading(times)) }
        (ratios(times))
        p.note { "How many times as fast as the original, with an interval that has the true median in 95 of 100 measurements. \
                  The second line is the original once more: how far it is from 1 is what noise there is." }
        @if shares.iter().any(|share| share.before > 0.0 || share.after > 0.0) {
            h3 { "Time of nodes by " (by) }
            (stacked(&shares, by))
        }
        @for note in times.notes.iter().take(NOTES) { p.note { (sentence(note)) "." } }
    })
}

fn heading(times: &Times) -> Markup {
    let sizes: Vec<String> = times
        .sizes
        .iter()
        .map(|(name, size)| format!("{} = {size}", shown(name, NAME)))
        .collect();
    html! {
        (shown(&times.engine, NAME))
        @if times.threads > 0 { ", " (count(times.threads, "thread")) }
        @if !sizes.is_empty() { ", " (sizes.join(", ")) }
        ": " (count(times.runs, "run")) " in " (count(times.rounds, "round"))
        ", by the " @if times.time == "processor" { "processor’s time" } @else { "clock" } "."
    }
}

fn label(at: usize, variant: &Variant) -> Markup {
    html! {
        @match (at, &variant.library) {
            (1, _) => "the same again",
            (_, Some(_)) => { "with the operator library" },
            _ => (name(file_name(&variant.model))),
        }
    }
}

/// The variants, each with a line on a common scale.
fn ratios(times: &Times) -> Markup {
    let variants: Vec<&Variant> = times.variants.iter().take(VARIANTS).collect();
    let ends = variants
        .iter()
        .flat_map(|v| [v.interval[0], v.interval[1], v.ratio, 1.0]);
    let (low, high) = ends.fold((f64::MAX, f64::MIN), |(low, high), n| {
        (low.min(n), high.max(n))
    });
    let room = ((high - low) * 0.08).max(0.01);
    let (low, high) = (low - room, high + room);
    let has_memory = variants.iter().any(|variant| variant.memory.is_some());
    let x = |ratio: f64| WIDTH * (ratio - low) / (high - low);
    html! {
        div.scroll tabindex="0" role="group" aria-label="Ratios" {
            table.ratios {
                caption.hidden { "How many times as fast" }
                thead { tr {
                    th scope="col" { "Model" } th.number scope="col" { "Median" } th.number scope="col" { "Times as fast" }
                    th.number scope="col" { "Interval" }
                    @if has_memory { th.number scope="col" { "Memory" } }
                    th scope="col" { "Ratio and interval, 1 as a line" }
                } }
                tbody {
                    @for (at, variant) in variants.iter().enumerate() {
                        tr {
                            th scope="row" { (label(at, variant)) }
                            td.number { (milliseconds(variant.milliseconds)) }
                            @if at == 0 {
                                td.number { "1" } td.number { "–" }
                            } @else {
                                td.number { strong { (format!("{:.3}", variant.ratio)) } }
                                td.number { (format!("{:.3} – {:.3}", variant.interval[0], variant.interval[1])) }
                            }
                            @if has_memory { td.number { @if let Some(bytes) = variant.memory { (size(bytes)) } @else { "–" } } }
                            td { (whisker(x(1.0), x(variant.ratio), variant.interval.map(x))) }
                        }
                    }
                }
            }
        }
    }
}

fn whisker(one: f64, ratio: f64, [low, high]: [f64; 2]) -> Markup {
    let middle = HEIGHT / 2.0;
    let at = |x: f64| format!("{x:.1}");
    html! {
        svg.whisker viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT) aria-hidden="true" {
            line.one x1=(at(one)) x2=(at(one)) y1="0" y2=(HEIGHT) {}
            line.span x1=(at(low)) x2=(at(high)) y1=(middle) y2=(middle) {}
            @for end in [low, high] { line.span x1=(at(end)) x2=(at(end)) y1=(middle - 5.0) y2=(middle + 5.0) {} }
            circle.ratio cx=(at(ratio)) cy=(middle) r="4.5" {}
        }
    }
}

/// The operators that take longest, and the others together.
fn collected(operators: &[Share]) -> Vec<Share> {
    let mut longest: Vec<Share> = operators.to_vec();
    longest.sort_by(|a, b| b.before.max(b.after).total_cmp(&a.before.max(a.after)));
    let rest = longest.split_off(longest.len().min(SHARES));
    if !rest.is_empty() {
        longest.push(Share {
            name: OTHERS.to_owned(),
            before: rest.iter().map(|share| share.before).sum(),
            after: rest.iter().map(|share| share.after).sum(),
        });
    }
    longest
}

/// Both models as bars to one scale, with a table that says the same.
fn stacked(shares: &[Share], by: &str) -> Markup {
    let [before, after] = [
        shares.iter().map(|share| share.before).sum::<f64>(),
        shares.iter().map(|share| share.after).sum::<f64>(),
    ];
    let longest = before.max(after).max(f64::MIN_POSITIVE);
    let percent =
        |part: f64, whole: f64| format!("{:.1} %", 100.0 * part / whole.max(f64::MIN_POSITIVE));
    let bar = |name: &str, of: &dyn Fn(&Share) -> f64, whole: f64| {
        html! {
            div.stack-name { (name) " " span.aside { (milliseconds(whole / 1e3)) } }
            div.stack {
                @for (at, share) in shares.iter().enumerate() {
                    @let part = of(share);
                    @if part > 0.0 {
                        span class={ "share s" (at % 8) } style=(format!("width: {:.2}%", 100.0 * part / longest))
                            title={ (shown(&share.name, NAME)) ": " (percent(part, whole)) } {
                            @if part > 0.04 * longest { (at + 1) }
                        }
                    }
                }
            }
        }
    };
    html! {
        div.stacks aria-hidden="true" {
            (bar("Before", &|share| share.before, before))
            (bar("After", &|share| share.after, after))
        }
        div.scroll tabindex="0" role="group" aria-label={ "Time of nodes by " (by) } {
            table {
                caption.hidden { "Time of nodes by " (by) }
                thead { tr {
                    th scope="col" { "No." } th scope="col" { (by) } th.number scope="col" { "Before" } th.number scope="col" { "Share" }
                    th.number scope="col" { "After" } th.number scope="col" { "Share" }
                } }
                tbody {
                    @for (at, share) in shares.iter().enumerate() {
                        tr {
                            td { span class={ "swatch s" (at % 8) } { (at + 1) } }
                            th scope="row" { @if share.name == OTHERS { (OTHERS) } @else { (name(&share.name)) } }
                            td.number { (milliseconds(share.before / 1e3)) }
                            td.number { (percent(share.before, before)) }
                            td.number { (milliseconds(share.after / 1e3)) }
                            td.number { (percent(share.after, after)) }
                        }
                    }
                }
            }
        }
    }
}
