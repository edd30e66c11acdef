//! The report of `phasor diff` as text.

use comfy_table::{CellAlignment, Table};

use super::{columns, count, indented, path, size};
use crate::report::DiffReport;

/// The report of `phasor diff`.
pub fn diff(report: &DiffReport) -> String {
    let (before, after) = (&report.before, &report.after);
    let mut out = format!(
        "{} and {}\n",
        path(&before.model.path),
        path(&after.model.path)
    );
    let mut table = numbers("model");
    let rows = [
        (
            "opset",
            [before, after].map(|content| content.model.opset.to_string()),
        ),
        (
            "nodes",
            [before, after].map(|content| content.model.nodes.to_string()),
        ),
        (
            "functions",
            [before, after].map(|content| content.functions.to_string()),
        ),
        (
            "initializers",
            [before, after].map(|content| content.initializers.to_string()),
        ),
        (
            "their elements",
            [before, after].map(|content| size(content.initializer_bytes)),
        ),
        (
            "file",
            [before, after].map(|content| size(content.model.bytes)),
        ),
    ];
    for (name, [before, after]) in rows {
        table.add_row([name.to_owned(), before, after]);
    }
    out += &indented(&table);
    let changed = report
        .operators
        .iter()
        .filter(|count| count.before != count.after);
    let mut table = numbers("operator");
    let mut rows = 0;
    for operator in changed {
        rows += 1;
        table.add_row([
            operator.operator.clone(),
            operator.before.to_string(),
            operator.after.to_string(),
        ]);
    }
    if rows > 0 {
        out += &indented(&table);
    }
    match report.operators.len() - rows {
        0 => out,
        same => out + &format!("as often in both: {}\n", count(same, "operator")),
    }
}

/// A table with a name and two columns of numbers.
fn numbers(name: &str) -> Table {
    let mut table = columns(&[name, "before", "after"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
