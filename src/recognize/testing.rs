//! The kit of the table tests: graphs in ONNX's textual syntax, and what recognition finds in them, one thing a line.
//!
//! * A site is `y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed`: tensor, operands, pairs, rotated channels, what is
//!   proven, and where the angles come from. `cos[1]` has an axis inserted before it broadcasts: axis 1 of the result.
//! * A relative site is as `relative::testing` writes it.
//! * Another is `y = sinusoidal(pos without [2], [1.0, 0.25]) half, cos first, times 2, 5 wide`; of a table,
//!   `y = sinusoidal(count x.1 with [0], [1.0, 0.25]) half, row 1 zero, 8 rows of w in float`.
//! * Attention is `y = attention(q, k, v) times 0.5, 2 heads a key, capped at 5, plus bias, mask else -1, causal, zero for NaN`.
//! * A table that can be computed for a site follows it: `table of pos * freq`, the second of a graph as `table 1 of ...`.
//! * A value that the graph does not hold is `part = Slice (cos, [0], [2], [1], [1])`.
//! * A near miss is its stage, its value and the reason: `proof at y: the cosine is negated`; behind a semicolon, the value
//!   that the analysis does not follow, and why.
//!
//! A row is a graph, or changes of one that is right: each of its lines replaces the line of a node that makes the same value, or is
//! put before the next that does. Inputs and constants are added, replaced, or computed instead.

use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::onnx::proto::NodeProto;
use crate::symbolic::Budget;
use crate::symbolic::testing::file;

use super::relative::testing::written;
use super::{
    AngleTable, Attention, Frequencies, Kind, Made, Refusal, Rotary, Sinusoidal, Site, Source,
    TableInput, TableUse,
};

/// A rotation of halves, by the angles of positions, in rows of four channels.
pub(super) const ROTATION: &str = "(
    float[S, 4] x,
    int64[S] pos
) => (y) <
    float[2] freq = {1.0, 0.25},
    float half = {0.5},
    float two = {2.0},
    int64[1] last = {-1}
> {
    p = Cast <to = 1> (pos)
    column = Unsqueeze (p, last)
    angle = Mul (column, freq)
    angles = Concat <axis = -1> (angle, angle)
    cos = Cos (angles)
    sin = Sin (angles)
    low, high = Split <axis = -1, num_outputs = 2> (x)
    minus = Neg (high)
    turned = Concat <axis = -1> (minus, low)
    left = Mul (x, cos)
    right = Mul (turned, sin)
    y = Add (left, right)
}";

/// What is found in [`ROTATION`].
pub(super) const FOUND: &str =
    "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq";

/// What is found in a graph.
fn found(text: &str) -> String {
    let file = file(text);
    let (facts, budget) = (Facts::stated(&file), Budget::default());
    let analysis = super::analyse(&file, &facts, &FxHashSet::default(), &budget);
    let mut lines: Vec<String> = Vec::new();
    lines.extend(
        analysis
            .made
            .nodes()
            .iter()
            .map(|n| made(&analysis.made, n)),
    );
    let sites = analysis.sites.iter();
    lines.extend(sites.map(|found| site(found, &analysis.tables)));
    lines.extend(analysis.refusals.iter().map(refusal));
    lines.join("\n")
}

/// Holds each graph to what is found in it.
#[track_caller]
pub(super) fn check(rows: &[(&str, &str)]) {
    check_all(
        rows.iter()
            .map(|&(graph, wanted)| (graph.to_owned(), wanted)),
    );
}

/// Holds a graph with each of these changes to what is found in it.
#[track_caller]
pub(super) fn check_changes(right: &str, rows: &[(&str, &str)]) {
    check_all(
        rows.iter()
            .map(|&(lines, wanted)| (changed(right, lines), wanted)),
    );
}

#[track_caller]
fn check_all<'w>(rows: impl Iterator<Item = (String, &'w str)>) {
    let differ = rows.filter_map(|(graph, wanted)| {
        let found = found(&graph);
        (found != wanted).then(|| format!("{graph}\nis\n{found}\nnot\n{wanted}\n\n"))
    });
    let differ: String = differ.collect();
    assert!(differ.is_empty(), "\n{differ}");
}

/// The graph with lines replaced by those that make the same values.
fn changed(right: &str, lines: &str) -> String {
    let mut text: Vec<String> = right.lines().map(str::to_owned).collect();
    let mut before: Vec<String> = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let known = text.iter().position(|known| {
            let known = names(known);
            names(line).iter().any(|name| known.contains(name))
        });
        if is_declared(line) {
            match known {
                Some(at) => {
                    let comma = if text[at].ends_with(',') { "," } else { "" };
                    text[at] = format!("{line}{comma}");
                }
                None => {
                    let opening = if line.contains('{') { '<' } else { '(' };
                    let begin = text.iter().position(|line| line.ends_with(opening));
                    text.insert(begin.expect("a list of values") + 1, format!("{line},"));
                }
            }
            continue;
        }
        before.push(line.to_owned());
        match known {
            Some(at) if is_declared(&text[at]) => {
                let last = !text.remove(at).ends_with(',');
                if last && text[at - 1].ends_with(',') {
                    text[at - 1].pop();
                }
                let begin = text.iter().position(|line| line.ends_with("> {"));
                let at = begin.expect("a list of nodes") + 1;
                text.splice(at..at, before.drain(..));
            }
            Some(at) => drop(text.splice(at..=at, before.drain(..))),
            None => {}
        }
    }
    assert!(before.is_empty(), "these lines replace none: {before:?}");
    text.join("\n")
}

/// Whether a line is of an input or a constant and not of a node.
fn is_declared(line: &str) -> bool {
    !line.contains(" = ") || line.contains(" = {")
}

/// The names of the values that a line makes, or declares.
fn names(line: &str) -> Vec<&str> {
    let made = line.split(" = ").next().unwrap_or(line);
    let names = made.rsplit(']').next().unwrap_or(made).split(',');
    names
        .filter_map(|name| name.split_whitespace().last())
        .collect()
}

fn site(site: &Site, tables: &[AngleTable]) -> String {
    match &site.kind {
        Kind::Rotary(rotary) => {
            let mut text = format!("{} = {}, {}", site.y, called(rotary), site.proven());
            text += &format!(", {}", rotary.angles.as_str());
            if rotary.amplitude != 1.0 {
                text += &format!(" times {}", rotary.amplitude);
            }
            if let Some(used) = &rotary.table {
                text += &format!(", {}", table(used, &tables[used.table]));
            }
            text
        }
        Kind::RelativeBias(_) | Kind::RelativeGather(_) | Kind::Alibi(_) => {
            format!("{} = {}, {}", site.y, written(&site.kind), site.proven())
        }
        Kind::Sinusoidal(part) => sinusoidal(site, part),
        Kind::Attention(part) => attention(site, part),
        Kind::Toy(toy) => format!("{} = toy({})", site.y, toy.x),
    }
}

fn attention(site: &Site, part: &Attention) -> String {
    let Attention { q, k, v, .. } = part;
    let mut text = format!("{} = attention({q}, {k}, {v}) times {}", site.y, part.scale);
    if part.group != 1 {
        text += &format!(", {} heads a key", part.group);
    }
    if part.softcap != 0.0 {
        text += &format!(", capped at {}", part.softcap);
    }
    if let Some(bias) = &part.bias {
        text += &format!(", plus {bias}");
    }
    if let Some(mask) = &part.mask {
        text += &format!(", {} else {}", mask.value, mask.fill);
    }
    if part.turned {
        text += ", queries first";
    }
    if part.causal {
        text += ", causal";
    }
    if let Some(left) = part.window_left {
        text += &format!(", {left} before");
    }
    if let Some(right) = part.window_right {
        text += &format!(", {right} behind");
    }
    if part.zero_nan_rows {
        text += ", zero for NaN";
    }
    text
}

fn sinusoidal(site: &Site, part: &Sinusoidal) -> String {
    let mut positions = match &part.positions.source {
        Source::Value(value) => value.clone(),
        Source::Counted { value, axis } => format!("count {value}.{axis}"),
        Source::Known(count) => format!("0..{count}"),
    };
    if let Some(rows) = part.positions.wrapped {
        positions += &format!(" wrapped at {rows}");
    }
    for (what, axes) in [
        ("without", &part.positions.squeeze),
        ("with", &part.positions.unsqueeze),
    ] {
        if !axes.is_empty() {
            positions += &format!(" {what} {axes:?}");
        }
    }
    let frequencies = match &part.frequencies {
        Frequencies::Numbers(rows) => format!("{:?}", rows.concat()),
        Frequencies::Value { name, .. } => name.clone(),
    };
    let attributes = part.attributes;
    let mut text = format!("{} = sinusoidal({positions}, {frequencies})", site.y);
    text += match attributes.interleaved {
        true => " interleaved",
        false => " half",
    };
    if attributes.cos_first {
        text += ", cos first";
    }
    if attributes.amplitude != 1.0 {
        text += &format!(", times {}", attributes.amplitude);
    }
    if attributes.width != 0 {
        text += &format!(", {} wide", attributes.width);
    }
    if part.divided {
        text += ", divided";
    }
    if let Some(row) = attributes.padding_position {
        text += &format!(", row {row} zero");
    }
    if let Some(table) = &part.table {
        text += &format!(", {} rows of {} in {}", table.rows, table.value, part.dtype);
        if table.met {
            text += ", met";
        }
    }
    text
}

fn called(rotary: &Rotary) -> String {
    let pairs = match rotary.pairing == rotary.output_pairing {
        true => rotary.pairing.as_str().to_owned(),
        false => format!(
            "{} to {}",
            rotary.pairing.as_str(),
            rotary.output_pairing.as_str()
        ),
    };
    let end = rotary.rotary_offset + rotary.rotary_dim;
    format!(
        "rotary({}, {}, {}) {}{pairs} {}..{end} of {}",
        rotary.x,
        operand(&rotary.cos),
        operand(&rotary.sin),
        if rotary.inverse { "inverse " } else { "" },
        rotary.rotary_offset,
        rotary.head_dim,
    )
}

fn operand(input: &TableInput) -> String {
    let axes: Vec<String> = input.unsqueeze.iter().map(usize::to_string).collect();
    match axes.is_empty() {
        true => input.value.clone(),
        false => format!("{}[{}]", input.value, axes.join(", ")),
    }
}

fn table(used: &TableUse, table: &AngleTable) -> String {
    let frequencies = match &table.frequencies {
        Frequencies::Value {
            name,
            flatten: false,
        } => name.clone(),
        Frequencies::Value {
            name,
            flatten: true,
        } => format!("flat({name})"),
        Frequencies::Numbers(rows) => {
            let rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            rows.join(" and ")
        }
    };
    let inverse = if used.inverse { "inverse " } else { "" };
    let number = match used.table {
        0 => String::new(),
        number => format!("{number} "),
    };
    let mut text = format!("{inverse}table {number}of {}", table.positions);
    if let Some(axis) = table.axis {
        text += &format!(" along {axis}");
    }
    text += &format!(" * {frequencies}");
    if table.dtype != crate::onnx::DataType::F32 {
        text += &format!(" in {}", table.dtype);
    }
    if !used.unsqueeze.is_empty() {
        text += &format!(" at {:?}", used.unsqueeze);
    }
    text
}

fn made(made: &Made, node: &NodeProto) -> String {
    let inputs = node.input.iter().map(|input| {
        let constant = made.constants().iter().find(|c| c.name() == input);
        let tensor = constant.and_then(|c| crate::onnx::Tensor::from_proto(c).ok());
        match tensor.and_then(|tensor| tensor.to_i64()) {
            Some(numbers) => format!("{numbers:?}"),
            None => input.clone(),
        }
    });
    let inputs: Vec<String> = inputs.collect();
    format!(
        "{} = {} ({})",
        node.name(),
        node.op_type(),
        inputs.join(", ")
    )
}

fn refusal(refusal: &Refusal) -> String {
    let rule = match refusal.rule {
        "rotary" => String::new(),
        rule => format!("{rule} "),
    };
    let mut text = format!(
        "{rule}{} at {}: {}",
        refusal.stage.as_str(),
        refusal.value,
        refusal.reason
    );
    if let Some(lost) = &refusal.lost {
        text += &format!("; {:?} at {}", lost.reason, lost.value);
    }
    text
}
