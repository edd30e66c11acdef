//! The report of `phasor explain` as text.

use rustc_hash::FxHashMap;

use super::{BAD, DIM, GOOD, PATH, WARN, confirmed, count, gave_up, paint, path, proven};
use crate::recognize::Stage;
use crate::report::{ExplainReport, LostReport, RefusalReport, SiteReport};

/// Nodes that are named where several places say the same.
const NAMED: usize = 4;

/// The report of `phasor explain`.
pub fn explain(report: &ExplainReport) -> String {
    let model = path(&report.model.path);
    let (sites, refusals) = (&report.sites, &report.refusals);
    let found = format!(
        "{}, {}",
        count(sites.len(), "rotary site"),
        count(refusals.len(), "near miss")
    );
    let mut out = match &report.focus {
        None if sites.is_empty() && refusals.is_empty() => {
            return gave_up_at(report)
                + &format!(
                    "{model}: no rotary embedding and nothing near one: no cosines and sines are multiplied into a tensor and its \
                 exchanged channels\n"
                );
        }
        None => format!("{model}: {found}\n"),
        Some(focus) => match focus.distance {
            None => {
                return gave_up_at(report)
                    + &format!(
                        "{model}: no rotary embedding and nothing near one around `{}`\n",
                        focus.name
                    );
            }
            Some(0) => format!("{model}: `{}` is part of {found}\n", focus.name),
            Some(distance) => format!(
                "{model}: `{}` is part of none; {found} {} away\n",
                focus.name,
                count(distance, "node")
            ),
        },
    };
    out += &gave_up_at(report);
    for alike in grouped(refusals) {
        out += &refused(&alike);
    }
    if report.focus.is_some() {
        for site in sites {
            out += &fine(site);
        }
    } else if !sites.is_empty() {
        let note = format!(
            "note: `phasor inspect {}` lists the sites, `--site NODE` shows one of them",
            report.model.path
        );
        out += &format!("{}\n", paint(DIM, note));
    }
    out
}

/// Where the search gave up: what is not there may not have been looked for.
fn gave_up_at(report: &ExplainReport) -> String {
    report.gave_up.iter().map(gave_up).collect()
}

/// Near misses that say the same, in order.
fn grouped(refusals: &[RefusalReport]) -> Vec<Vec<&RefusalReport>> {
    let mut groups: Vec<Vec<&RefusalReport>> = Vec::new();
    let mut known = FxHashMap::default();
    for refusal in refusals {
        let cause = |lost: &LostReport| (lost.operator.clone(), lost.reason);
        let cause = refusal.lost.as_ref().map(cause);
        let said = (refusal.rule, refusal.stage, &refusal.reason, &refusal.hint);
        let at = *known.entry((said, cause)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(refusal);
    }
    groups
}

fn refused(alike: &[&RefusalReport]) -> String {
    let Some((first, others)) = alike.split_first() else {
        return String::new();
    };
    let mut out = format!(
        "{} of {} at node `{}`, value `{}`\n",
        paint(WARN, "near miss"),
        first.rule,
        first.node,
        first.value
    );
    out += &line("stage", &stage(first.stage));
    out += &line("reason", &first.reason);
    if let Some(lost) = &first.lost {
        let text = format!(
            "at node `{}` ({}), value `{}`: {}",
            lost.node, lost.operator, lost.value, lost.reason
        );
        out += &line("lost", &text);
    }
    if !others.is_empty() {
        let names: Vec<String> = others
            .iter()
            .take(NAMED)
            .map(|other| format!("`{}`", other.node))
            .collect();
        let more = match others.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out += &line("also", &format!("{}{more}", names.join(", ")));
    }
    if let Some(hint) = &first.hint {
        out += &format!("  {} {hint}\n", paint(PATH, "hint:   "));
    }
    out
}

/// The stages that were passed, and the one that was not.
fn stage(stopped: &str) -> String {
    let passed: Vec<&str> = Stage::ALL
        .iter()
        .map(|stage| stage.as_str())
        .take_while(|stage| *stage != stopped)
        .collect();
    match passed.is_empty() {
        true => paint(BAD, stopped),
        false => format!("{} -> {}", passed.join(" -> "), paint(BAD, stopped)),
    }
}

fn line(name: &str, text: &str) -> String {
    format!("  {} {text}\n", paint(DIM, format!("{name:<8}")))
}

fn fine(site: &SiteReport) -> String {
    let mut out = format!(
        "{} {} at node `{}`, value `{}`\n",
        paint(GOOD, "site"),
        site.rule,
        site.node,
        site.y
    );
    let tensor = format!("`{}` {}, {}", site.x, site.shape, site.dtype);
    out += &line("tensor", &tensor);
    let mut layout = format!("{} pairs", site.pairing);
    if site.output_pairing != site.pairing {
        layout += &format!(", left {}", site.output_pairing);
    }
    let end = site.rotary_offset + site.rotary_dim;
    layout += &format!(
        ", channels {}..{end} of {}",
        site.rotary_offset, site.head_dim
    );
    if site.inverse {
        layout += ", by the negated angle";
    }
    out += &line("layout", &layout);
    let mut angles = site.angles.to_owned();
    if site.amplitude != 1.0 {
        angles += &format!(", scaled by {:.6}", site.amplitude);
    }
    out += &line("angles", &angles);
    let table = |table: &crate::report::Table| match &table.unsqueeze[..] {
        [] => format!("`{}`", table.value),
        axes => format!("`{}` with unit axes at {axes:?}", table.value),
    };
    let tables = format!(
        "cos {}, sin {}, {}",
        table(&site.cos),
        table(&site.sin),
        site.table_dtype
    );
    out += &line("tables", &tables);
    out += &line("proof", &proven(site));
    out += &line("probes", &confirmed(site.max_diff, site.probes));
    out
}
