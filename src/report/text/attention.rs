//! Attention as text.

use crate::report::AttentionReport;

/// What the table of `phasor inspect` shows of one site: names of columns and cells.
pub(super) fn cells(report: &AttentionReport) -> Vec<(&'static str, String)> {
    let mask = report.mask.as_ref().map(|mask| &mask.value);
    let masks: Vec<String> = [report.bias.as_ref(), mask]
        .into_iter()
        .flatten()
        .map(|value| format!("`{value}`"))
        .collect();
    let masks = match masks.is_empty() {
        true => "none".to_owned(),
        false => masks.join(", "),
    };
    let masks = if report.causal {
        masks + ", causal"
    } else {
        masks
    };
    let masks = match window(report) {
        Some(_) => masks + ", window",
        None => masks,
    };
    vec![
        ("keys", group(report)),
        ("scale", scale(report)),
        ("mask", masks),
    ]
}

/// What `phasor explain` shows of one site: names and texts of its lines.
pub(super) fn lines(report: &AttentionReport) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("queries", format!("`{}`", report.q)),
        ("keys", format!("`{}`, {}", report.k, group(report))),
        ("values", format!("`{}`", report.v)),
        ("scale", scale(report)),
    ];
    if let Some(bias) = &report.bias {
        lines.push(("bias", format!("`{bias}`, added to the scores")));
    }
    if let Some(mask) = &report.mask {
        let text = format!(
            "`{}`; where it is false, scores are {}",
            mask.value, mask.fill
        );
        lines.push(("mask", text));
    }
    if report.causal {
        let text = "no key behind the query counts, both counted from the last";
        lines.push(("causal", text.to_owned()));
    }
    if let Some(text) = window(report) {
        lines.push(("window", text));
    }
    let rows = match report.zero_nan_rows {
        true => "zeros where probabilities are not a number",
        false => "as the softmax gives them",
    };
    lines.push(("rows without a key", rows.to_owned()));
    lines
}

/// How far from a query keys may count, both counted from the last.
fn window(report: &AttentionReport) -> Option<String> {
    let sides = [
        (report.window_left, "before"),
        (report.window_right, "behind"),
    ];
    let sides = sides
        .into_iter()
        .filter_map(|(keys, side)| Some(format!("{} keys {side}", keys?)));
    let sides: Vec<String> = sides.collect();
    (!sides.is_empty()).then(|| format!("at most {} the query count", sides.join(" and ")))
}

fn group(report: &AttentionReport) -> String {
    match report.group {
        1 => "one head each".to_owned(),
        group => format!("one head for {group}"),
    }
}

fn scale(report: &AttentionReport) -> String {
    match report.softcap {
        Some(cap) => format!("{}, capped at {cap}", report.scale),
        None => report.scale.to_string(),
    }
}
