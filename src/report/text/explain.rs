//! The report of `phasor explain` as text.

use super::{
    BAD, DIM, GOOD, PATH, WARN, attention, confirmed, count, existing, gave_up, paint, path,
    proven, relative, rotary, sinusoidal,
};
use crate::report::{
    ExistingReport, ExplainReport, KindReport, RefusalReport, SiteReport, grouped,
};
use crate::rules;

/// Nodes that are named where several places say the same.
const NAMED: usize = 4;

/// The report of `phasor explain`.
pub fn explain(report: &ExplainReport) -> String {
    let model = path(&report.model.path);
    let (sites, refusals) = (&report.sites, &report.refusals);
    let found = format!(
        "{}, {}",
        count(sites.len(), "site"),
        count(refusals.len(), "near miss")
    );
    let mut out = match &report.focus {
        None if sites.is_empty() && refusals.is_empty() && !report.existing.is_empty() => {
            return gave_up_at(report)
                + &format!("{model}: no position encoding is spelt out, and nothing near one\n")
                + &existing(&report.existing)
                + &unread(&report.unread);
        }
        None if sites.is_empty() && refusals.is_empty() => {
            return gave_up_at(report)
                + &format!(
                    "{model}: no position encoding and nothing near one: no cosines and sines are multiplied into a tensor and its \
                 exchanged channels, and nothing is read or scaled by the distance between two positions\n"
                )
                + &unread(&report.unread);
        }
        None => format!("{model}: {found}\n"),
        Some(focus) => match focus.distance {
            None => {
                return gave_up_at(report)
                    + &format!(
                        "{model}: no position encoding and nothing near one around `{}`\n",
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
    if report.focus.is_none() {
        out += &existing(&report.existing);
    }
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

/// Operators of which nothing is known, where they may be the reason why nothing was found.
fn unread(reports: &[ExistingReport]) -> String {
    let mut out = String::new();
    for report in reports {
        let nodes = count(report.nodes, "node");
        out += &format!(
            "unread `{}`, {nodes} (first `{}`)\n",
            report.operator, report.first
        );
    }
    if !reports.is_empty() {
        let note = "note: nothing is known of what these operators compute, nor of what is computed from it";
        out += &format!("{}\n", paint(DIM, note.to_owned()));
    }
    out
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
    out += &line("stage", &stage(first.rule, first.stage));
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

/// The stages of the rule that were passed, and the one that was not.
fn stage(rule: &str, stopped: &str) -> String {
    let stages = rules::find(rule).map_or(&[][..], |rule| rule.stages);
    let stages = stages.iter().map(|stage| stage.as_str());
    let mut path: String = stages
        .take_while(|stage| *stage != stopped)
        .map(|stage| format!("{stage} -> "))
        .collect();
    path += &paint(BAD, stopped);
    path
}

fn line(name: &str, text: &str) -> String {
    format!("  {} {text}\n", paint(DIM, format!("{name:<8}")))
}

/// A site, whole.
fn fine(site: &SiteReport) -> String {
    let mut out = format!(
        "{} {} at node `{}`, value `{}`\n",
        paint(GOOD, "site"),
        site.rule,
        site.node,
        site.y
    );
    for (name, text) in facts(site) {
        out += &line(name, &text);
    }
    out += &line("proof", &proven(site));
    out += &line("probes", &confirmed(site.max_diff, site.probes));
    out
}

/// What is known of a site of its family: names and texts, in which what is from the model stands between backticks.
pub(crate) fn facts(site: &SiteReport) -> Vec<(&'static str, String)> {
    match &site.kind {
        KindReport::Rotary(rotary) => rotary::lines(site, rotary),
        KindReport::RelativeBias(_) | KindReport::RelativeGather(_) | KindReport::Alibi(_) => {
            relative::lines(site)
        }
        KindReport::Sinusoidal(sinusoidal) => sinusoidal::lines(sinusoidal),
        KindReport::Attention(attention) => attention::lines(attention),
        #[cfg(test)]
        KindReport::Toy { x } => vec![("tensor", format!("`{x}`"))],
    }
}
