//! Sinusoidal sites as text.

use crate::report::SinusoidalReport;

/// What the table of `phasor inspect` shows of one site: names of columns and cells.
pub(super) fn cells(report: &SinusoidalReport) -> Vec<(&'static str, String)> {
    vec![
        ("layout", layout(report)),
        ("channels", channels(report)),
        ("positions", format!("`{}`", report.positions.value)),
    ]
}

/// What `phasor explain` shows of one site: names and texts of its lines.
pub(super) fn lines(report: &SinusoidalReport) -> Vec<(&'static str, String)> {
    let mut positions = format!("`{}`", report.positions.value);
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
    let layout = format!("{}, {}", layout(report), channels(report));
    vec![
        ("positions", positions),
        ("frequencies", frequencies),
        ("layout", layout),
    ]
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
