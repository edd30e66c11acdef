//! Sinusoidal sites as text.

use crate::report::{LookedUpReport, SinusoidalReport};

/// What the table of `phasor inspect` shows of one site: names of columns and cells.
pub(super) fn cells(report: &SinusoidalReport) -> Vec<(&'static str, String)> {
    vec![
        ("layout", layout(report)),
        ("channels", channels(report)),
        ("positions", positions(report)),
    ]
}

/// What `phasor explain` shows of one site: names and texts of its lines.
pub(super) fn lines(report: &SinusoidalReport) -> Vec<(&'static str, String)> {
    let mut positions = positions(report);
    for (what, axes) in [
        ("without unit axes", &report.positions.squeeze),
        ("with unit axes at", &report.positions.unsqueeze),
    ] {
        if !axes.is_empty() {
            positions += &format!(" {what} {axes:?}");
        }
    }
    let mut frequencies = match &report.frequencies {
        Some(value) => format!("`{value}`, {}", report.count),
        None => format!("{} numbers", report.count),
    };
    if report.divided {
        frequencies += ", reciprocals of the divisors";
    }
    if let Some(rows) = report.positions.wrapped {
        positions += &format!(", those below 0 plus {rows}");
    }
    let layout = format!("{}, {}", layout(report), channels(report));
    let mut lines = vec![
        ("positions", positions),
        ("frequencies", frequencies),
        ("layout", layout),
    ];
    lines.extend(
        report
            .table
            .as_ref()
            .map(|table| ("table", looked_up(table))),
    );
    lines
}

fn positions(report: &SinusoidalReport) -> String {
    match (&report.positions.value, report.positions.counted) {
        (Some(value), Some(axis)) => format!("counted along axis {axis} of `{value}`"),
        (Some(value), None) => format!("`{value}`"),
        (None, _) => "all from 0 on".to_owned(),
    }
}

fn looked_up(table: &LookedUpReport) -> String {
    let mut text = format!("`{}`, {} rows", table.value, table.rows);
    if let Some(row) = table.padding {
        text += &format!(", row {row} of zeros");
    }
    text + &format!(
        ", which differ from those computed in {} by {:.1e} at most",
        table.dtype, table.difference
    )
}

fn layout(report: &SinusoidalReport) -> String {
    let mut layout = report.layout.to_owned();
    if report.cos_first {
        layout += ", cos first";
    }
    if report.amplitude != 1.0 {
        layout += &format!(", x {:.4}", report.amplitude);
    }
    layout
}

fn channels(report: &SinusoidalReport) -> String {
    match report.width == 2 * report.count {
        true => format!("{} channels", report.width),
        false => format!("{} channels of {} pairs", report.width, report.count),
    }
}
