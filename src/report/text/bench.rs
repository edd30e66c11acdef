//! The report of `phasor bench` as text.

use comfy_table::CellAlignment;

use super::{WARN, columns, count, indented, paint, size};
use crate::bench::Measurement;
use crate::report::BenchReport;

/// Most operators that are listed.
const LISTED: usize = 12;

/// The report of `phasor bench`.
pub fn bench(report: &BenchReport) -> String {
    let found = &report.measurement;
    let mut out = heading(found);
    let mut table = columns(&["model", "median", "times as fast", "interval", "memory"]);
    for (k, variant) in found.variants.iter().enumerate() {
        let name = match (k, &variant.library) {
            (1, _) => "the same again".to_owned(),
            (_, Some(_)) => "the same with the library".to_owned(),
            _ => format!("`{}`", variant.model),
        };
        let [low, high] = variant.interval;
        let (ratio, interval) = match k {
            0 => (String::new(), String::new()),
            _ => (
                format!("{:.3}", variant.ratio),
                format!("{low:.3} to {high:.3}"),
            ),
        };
        let memory = variant.memory.map_or_else(String::new, size);
        table.add_row([
            name,
            milliseconds(variant.milliseconds),
            ratio,
            interval,
            memory,
        ]);
    }
    for (k, column) in table.column_iter_mut().enumerate() {
        if [1, 2, 4].contains(&k) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    out += &indented(&table);
    let [before, after] = [
        found.operators.iter().map(|time| time.before).sum::<f64>(),
        found.operators.iter().map(|time| time.after).sum::<f64>(),
    ];
    let shares = |what: &str, rows: &mut dyn Iterator<Item = (&str, f64, f64)>| {
        let share =
            |part: f64, whole: f64| format!("{:.1} %", 100.0 * part / whole.max(f64::MIN_POSITIVE));
        let mut table = columns(&[what, "before", "share", "after", "share"]);
        for (name, own, new) in rows {
            table.add_row([
                name.to_owned(),
                milliseconds(own / 1e3),
                share(own, before),
                milliseconds(new / 1e3),
                share(new, after),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        indented(&table)
    };
    out += "Nodes, each timed by ONNX Runtime, which slows small ones:\n";
    let parts = found.parts.iter();
    out += &shares(
        "part",
        &mut parts.map(|row| (row.part.as_str(), row.before, row.after)),
    );
    let listed = found.operators.iter().take(LISTED);
    out += &shares(
        "operator",
        &mut listed.map(|row| (&row.operator[..], row.before, row.after)),
    );
    if found.operators.len() > LISTED {
        out += &format!(
            "  and {}\n",
            count(found.operators.len() - LISTED, "more operator")
        );
    }
    for note in &found.notes {
        out += &format!("{} {note}\n", paint(WARN, "note:"));
    }
    out
}

fn heading(found: &Measurement) -> String {
    let threads = match found.threads {
        0 => String::new(),
        n => format!(", {}", count(n, "thread")),
    };
    let sizes: Vec<String> = found
        .sizes
        .iter()
        .map(|(name, size)| format!("{name} = {size}"))
        .collect();
    let sizes = match sizes.is_empty() {
        true => String::new(),
        false => format!(", {}", sizes.join(", ")),
    };
    format!(
        "{}{threads}{sizes}: {} in {}, by the {}\n",
        found.engine,
        count(found.runs, "run"),
        count(found.rounds, "round"),
        match found.time {
            "processor" => "processor's time",
            _ => "clock",
        }
    )
}

pub(crate) fn milliseconds(time: f64) -> String {
    match time {
        time if time >= 100.0 => format!("{time:.0} ms"),
        time if time >= 1.0 => format!("{time:.2} ms"),
        time => format!("{:.1} us", 1e3 * time),
    }
}
