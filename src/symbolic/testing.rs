//! The kit of the table tests: graphs in ONNX's textual syntax, and what the interpreter makes of them.
//!
//! A row names a graph without its name, or a model that begins with its header. What is known of an output is written as element
//! type, shape and elements, as in `float[(N), 2] {x.0, cos(2*i0)}`:
//!
//! * Axes in parentheses are opaque: one element stands for all along them.
//! * `x.0` is channel 0 of `x`, at the same position along the opaque axes; `x` alone is the one channel there is. Where the axes of
//!   `x` do not lie as they did, they follow: `{x.0} x@1,0`.
//! * `i0` is the position along axis 0.
//! * `slice(x)`, `index(x)`, `reshape(x)` are `x` with its opaque axes restructured, `opened(x)` is the element of a vector at the
//!   position, and `stretched(i0)` the position along an axis that may be broadcast. `x#1` is the first part that was cut off `x`.
//! * Functions are called by their names; `[3, 1, 4](i0)` is a row of a constant table.

use std::path::Path;

use crate::facts::Facts;
use crate::onnx::{ModelFile, ValueId, text};

use super::budget::Budget;
use super::display;
use super::function::Function;
use super::interpreter::Interpreter;
use super::poly::{Arena, Atom, PolyId};
use super::root::{Restructure, RootId, RootKind};
use super::stop::Stop;
use super::value::{Axes, Value};

/// What precedes a graph that is given without a header.
const HEADER: &str = r#"<ir_version: 8, opset_import: ["": 18]> graph"#;

/// A graph, or a model that begins with its header, as a valid model.
pub(crate) fn file(text: &str) -> ModelFile {
    let text = match text.starts_with('<') {
        true => text.to_owned(),
        false => format!("{HEADER} {text}"),
    };
    let model = text::model(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let file = ModelFile::in_memory(Path::new("row"), model).expect("an acyclic graph");
    file.validate()
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    file
}

/// Interprets a graph.
fn run<T>(text: &str, ask: impl FnOnce(&mut Interpreter<'_>) -> T) -> T {
    let file = file(text);
    let (facts, budget) = (Facts::stated(&file), Budget::default());
    ask(&mut Interpreter::run(&file, &facts, &budget))
}

/// What is known of the outputs, all of which are interpreted.
pub(super) fn values(text: &str) -> String {
    run(text, |it| {
        if let Some(stopped) = it.stopped.first() {
            let operator = it.file.graph().node[stopped.node].op_type();
            return format!("{operator} stops at {}", stopped.reason);
        }
        of_outputs(it, &|it, id| match it.value(id) {
            Ok(value) => written(it, &value),
            Err(_) => "unknown".to_owned(),
        })
    })
}

/// What the elements of the outputs leave out, as words.
pub(super) fn caveats(text: &str) -> String {
    run(text, |it| {
        of_outputs(it, &|it, id| {
            let caveats = it.value(id).expect("an output of known rank").caveats;
            let words = [
                (caveats.rounded, "rounded"),
                (caveats.overflows, "overflows"),
                (it.loss(id).is_some(), "loses"),
            ];
            let words = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word);
            words.collect::<Vec<_>>().join(" ")
        })
    })
}

/// Type and shape of the outputs, whether they are interpreted or not.
pub(super) fn shapes(text: &str) -> String {
    run(text, |it| {
        of_outputs(it, &|it, id| match it.value(id) {
            Ok(value) => {
                let sizes = value.shape.iter().map(|&dim| size(it, dim));
                format!("{}[{}]", value.dtype, sizes.collect::<Vec<_>>().join(", "))
            }
            Err(_) => "unknown".to_owned(),
        })
    })
}

/// Why the last node is not interpreted.
pub(super) fn stops(text: &str) -> Option<Stop> {
    run(text, |it| {
        let last = it.file.graph().node.len() - 1;
        let stopped = it.stopped.last();
        stopped
            .filter(|stopped| stopped.node == last)
            .map(|stopped| stopped.reason)
    })
}

/// Holds each graph to what is known of its outputs.
#[track_caller]
pub(super) fn check_values(rows: &[(&str, &str)]) {
    check(rows, values, |wanted| (*wanted).to_owned());
}

/// Holds each graph to the caveats of its outputs.
#[track_caller]
pub(super) fn check_caveats(rows: &[(&str, &str)]) {
    check(rows, caveats, |wanted| (*wanted).to_owned());
}

/// Holds each graph to the types and shapes of its outputs.
#[track_caller]
pub(super) fn check_shapes(rows: &[(&str, &str)]) {
    check(rows, shapes, |wanted| (*wanted).to_owned());
}

/// Holds each graph to the reason why its last node is not interpreted.
#[track_caller]
pub(super) fn check_stops(rows: &[(&str, Stop)]) {
    let found = |text: &str| format!("{:?}", stops(text));
    check(rows, found, |wanted| format!("{:?}", Some(*wanted)));
}

#[track_caller]
fn check<T>(rows: &[(&str, T)], found: impl Fn(&str) -> String, wanted: impl Fn(&T) -> String) {
    let differ = rows.iter().filter_map(|(text, row)| {
        let (found, wanted) = (found(text), wanted(row));
        (found != wanted).then(|| format!("{text}\n    is    {found}\n    not   {wanted}\n"))
    });
    let differ: Vec<String> = differ.collect();
    assert!(differ.is_empty(), "\n{}", differ.join(""));
}

fn of_outputs(
    it: &mut Interpreter<'_>,
    ask: &dyn Fn(&mut Interpreter<'_>, ValueId) -> String,
) -> String {
    let file = it.file;
    let outputs = file.graph().output.iter().map(|output| {
        let id = it.index().id(output.name()).expect("an output with a name");
        ask(it, id)
    });
    outputs.collect::<Vec<_>>().join("; ")
}

fn written(it: &Interpreter<'_>, value: &Value) -> String {
    let axes = value.shape.iter().zip(&value.enumerated);
    let axes: Vec<String> = axes
        .map(|(&dim, &told_apart)| match (told_apart, size(it, dim)) {
            (true, size) => size,
            (false, size) => format!("({size})"),
        })
        .collect();
    let shape = match axes.is_empty() {
        true => String::new(),
        false => format!("[{}]", axes.join(", ")),
    };
    let elements: Vec<String> = value.data.iter().map(|&p| element(it, value, p)).collect();
    let mut text = format!("{}{shape} {{{}}}", value.dtype, elements.join(", "));
    let opaque: Axes = (0..value.rank() as u8)
        .filter(|&axis| !value.enumerated[axis as usize])
        .collect();
    let live = value.live_roots(&it.arena);
    for (root, axes) in &value.alignment {
        let moved = *axes != opaque && live.contains(root) && !it.arena.is_iota(*root);
        if moved && !is_stretched(&it.arena, *root) {
            let axes: Vec<String> = axes.iter().map(u8::to_string).collect();
            text += &format!(" {}@{}", name(it, value, *root), axes.join(","));
        }
    }
    text
}

/// A size, with functions of sizes written out.
fn size(it: &Interpreter<'_>, dim: PolyId) -> String {
    let none = Value::enumerated(crate::onnx::DataType::I64, Default::default(), Vec::new());
    element(it, &none, dim)
}

fn element(it: &Interpreter<'_>, value: &Value, p: PolyId) -> String {
    display::written(&it.arena, p, &|atom| match atom {
        Atom::Channel { root, index } => {
            let name = name(it, value, *root);
            match it.arena.root_of(*root).channels {
                1 => name,
                _ => format!("{name}.{index}"),
            }
        }
        Atom::Apply { function, args } => {
            let args: Vec<String> = args.iter().map(|&arg| element(it, value, arg)).collect();
            format!("{}({})", called(it, *function), args.join(", "))
        }
        atom => display::atom(&it.arena, atom),
    })
}

fn called(it: &Interpreter<'_>, function: Function) -> String {
    match function {
        Function::Table(table) => {
            let rows = (0..it.tables.rows(table)).map(|row| it.tables.get(table, row).to_string());
            format!("[{}]", rows.collect::<Vec<_>>().join(", "))
        }
        function => format!("{function:?}").to_lowercase(),
    }
}

fn is_stretched(arena: &Arena, root: RootId) -> bool {
    let kind = &arena.root_of(root).kind;
    matches!(kind, RootKind::Derived(_, Restructure::Stretched(_)))
}

/// A root by the value or the axis that it comes from, and what was done to it.
fn name(it: &Interpreter<'_>, value: &Value, root: RootId) -> String {
    let position = || match value.axes_of(root).map(|axes| &axes[..]) {
        Some([axis]) => format!("i{axis}"),
        _ => "i".to_owned(),
    };
    let of = |base: RootId, what: &str| match it.arena.is_iota(base) {
        true => format!("{what}({})", position()),
        false => format!("{what}({})", name(it, value, base)),
    };
    match &it.arena.root_of(root).kind {
        _ if it.arena.is_iota(root) => position(),
        RootKind::Iota => position(),
        RootKind::Grid(grid) => {
            let numbers = it.tables.grid(*grid).iter().map(f64::to_string);
            format!("[{}]", numbers.collect::<Vec<_>>().join(", "))
        }
        RootKind::Fresh(number, part) => {
            let id = ValueId(*number);
            let known = id.index() < it.index().len();
            let name = if known { it.index().name(id) } else { "?" };
            match it.arena.root_of(root).is_activation() && *part > 0 {
                true => format!("{name}#{part}"),
                false => name.to_owned(),
            }
        }
        RootKind::Derived(base, change) => match change {
            Restructure::Slice { .. } => of(*base, "slice"),
            Restructure::Index { .. } => of(*base, "index"),
            Restructure::Reshape { .. } => of(*base, "reshape"),
            Restructure::Stretched(_) => of(*base, "stretched"),
            Restructure::Opened => of(*base, "opened"),
            Restructure::Alias(_) => of(*base, "moved"),
        },
    }
}
