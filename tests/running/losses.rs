//! Graphs in which numbers are lost on the way, or in which two values are equal over the reals or up to rounding and not in the
//! type: what a site reads lies behind the loss.

use crate::build::{bounds, decide, f32s, i64s, model, open, rotary, typed};
use crate::exact::{FLOATS, INTEGERS, P, X, findings, positions, rotated, rotation};
use crate::refusals::RIGHT;
use phasor::onnx::DataType;
use phasor::onnx::proto::ModelProto;
use phasor::pipeline::{self, Findings, Search};

const LONG: &str = "shape = Shape(pos)\nsize = Gather(shape, one)\nlong = Less(thousand, size)";
const LENGTH: &str =
    "shape = Shape(pos)\nsize = Gather(shape, one)\nf = Cast(size) to=1\nsquare = Mul(f, f)";

/// The value, from the second one of the same name on, through float16 where the sequence is long.
fn narrowed_where_long(from: &str, to: &str) -> String {
    format!(
        "{to}h = Cast({from}) to=10\n{to}w = Cast({to}h) to=1\n{to} = Where(long, {to}w, {from})"
    )
}

/// A model of these lines.
fn graph(text: &str) -> ModelProto {
    let mut constants = bounds();
    constants.extend([
        ("n1", i64s(&[1], &[1])),
        ("zero", i64s(&[], &[0])),
        ("one", i64s(&[], &[1])),
        ("thousand", i64s(&[], &[1000])),
        ("rest", i64s(&[1], &[-1])),
        ("whole", i64s(&[4], &[0, 0, -1, 8])),
        ("true", typed(DataType::Bool, &[], &[1.0])),
        ("freq", f32s(&[4], &[1.0, 0.5, 0.25, 0.125])),
    ]);
    model(text, &constants)
}

fn found(model: &ModelProto) -> Findings {
    pipeline::find(&open(model), &Search::default()).unwrap()
}

/// What is found where `cos3` and `sin3` are made of cosines and sines by these lines.
fn with_tables(lines: &str) -> Findings {
    let text = RIGHT.replace("cos3 = Cos(angle)", "c = Cos(angle)");
    let text = text.replace("sin3 = Sin(angle)", &format!("s = Sin(angle)\n{lines}"));
    found(&graph(&text))
}

#[test]
fn x_is_read_after_a_narrower_type_and_after_terms_that_cancel() {
    for lines in [
        "h = Cast(x) to=10\nsource = Cast(h) to=1".to_owned(),
        format!("{LONG}\n{}", narrowed_where_long("x", "source")),
        format!("{LENGTH}\nw = Mul(x, square)\nsum = Add(x, w)\nsource = Sub(sum, w)"),
    ] {
        assert_eq!(rotated(&lines).as_deref(), Some("source"), "{lines}");
    }
    let wider = "d = Cast(x) to=11\nsource = Cast(d) to=1";
    assert_eq!(rotated(wider).as_deref(), Some("x"));
}

#[test]
fn tables_are_read_after_a_narrower_type_and_after_terms_that_cancel() {
    let narrowed = format!(
        "{LONG}\n{}\n{}",
        narrowed_where_long("c", "cos3"),
        narrowed_where_long("s", "sin3")
    );
    let cancelled = |from: &str, to: &str| {
        format!("{to}w = Mul({from}, square)\n{to}a = Add({from}, {to}w)\n{to} = Sub({to}a, {to}w)")
    };
    let cancelled = format!(
        "{LENGTH}\n{}\n{}",
        cancelled("c", "cos3"),
        cancelled("s", "sin3")
    );
    let stacked = |from: &str, to: &str| {
        format!(
            "{to}h = Cast({from}) to=10\n{to}w = Cast({to}h) to=1\n{to}a = Unsqueeze({from}, n0)\n\
             {to}b = Unsqueeze({to}w, n0)\n{to}t = Concat({to}a, {to}b) axis=0\n{to} = Gather({to}t, which) axis=0"
        )
    };
    let stacked = format!(
        "which: int64[]\n{}\n{}",
        stacked("c", "cos3"),
        stacked("s", "sin3")
    );
    for lines in [narrowed, cancelled, stacked] {
        let found = with_tables(&lines);
        for found in &found.sites {
            assert!(
                ["cos", "cos3"].contains(&&*rotary(found).cos.value),
                "{lines}: {:?}",
                rotary(found).cos
            );
            assert_eq!(found.site.table(), None, "{lines}");
        }
    }
    let right = with_tables("cos3 = Identity(c)\nsin3 = Identity(s)");
    assert!(right.sites[0].site.table().is_some());
}

#[test]
fn positions_are_read_after_any_sum_in_which_terms_cancel() {
    let lines = "f = Cast(pos) to=1\nf3 = Unsqueeze(f, n2)\nsizes = Shape(f3)\nl = Expand(ratio, sizes)\nn = Neg(l)\n\
                 all = Concat(f3, l, n) axis=2\np = ReduceSum(all, n2) keepdims=0";
    assert_eq!(positions(INTEGERS, lines).as_deref(), Some("p"));
}

#[test]
fn rows_and_columns_of_a_grid_are_two_tables() {
    let rotation = |of: &str| {
        RIGHT
            .lines()
            .filter_map(|line| line.trim().split_once(" = "))
            .filter(|(name, _)| *name != "p")
            .map(|(name, call)| {
                let call = call.replace("n1", "n0");
                let (operator, rest) = call.split_once('(').unwrap();
                let (inputs, attributes) = rest.split_once(')').unwrap();
                let inputs: Vec<String> = inputs
                    .split(", ")
                    .map(|input| match input {
                        "x" | "freq" | "minus1" => input.to_owned(),
                        _ if input.starts_with('n') => input.to_owned(),
                        _ => format!("{input} {of}"),
                    })
                    .collect();
                format!(
                    "{name} {of} = {operator}({}){attributes}",
                    inputs.join(", ")
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    let text = format!(
        "image: float[batch, 2, height, width, 8]\nx = Reshape(image, whole)\nsizes = Shape(image) start=2 end=4\nh = Gather(sizes, zero)\nw = Gather(sizes, one)\n\
         hs = Range(zero, h, one)\nws = Range(zero, w, one)\ncolumn = Unsqueeze(hs, n1)\nrow = Unsqueeze(ws, n0)\n\
         down = Expand(column, sizes)\nacross = Expand(row, sizes)\nflat1 = Reshape(down, rest)\nflat2 = Reshape(across, rest)\n\
         p a = Cast(flat1) to=1\np b = Cast(flat2) to=1\n{}\n{}",
        rotation("a"),
        rotation("b")
    );
    let found = found(&graph(&text));
    assert_eq!(found.sites.len(), 2, "{:#?}", found.refusals);
    let table = |at: usize| found.sites[at].site.table().map(|used| used.table);
    assert!(table(0).is_none() || table(0) != table(1));
}

#[test]
fn equal_up_to_a_caveat_is_not_equal() {
    // Each condition is false where its comment says, and no constant.
    for condition in [
        // An infinite angle has no cosine.
        "q = Cos(angle0)\nz = Sub(q, q)\nc = Equal(z, float zero)",
        // The sign of NaN is NaN.
        "q = Sign(given)\nc = Less(q, thousand0)",
        // A table of rows at positions of its transpose.
        "a = Unsqueeze(pos, n2)\nb = Unsqueeze(pos, n1)\nd = Sub(a, b)\nt = Transpose(d) perm=[0,2,1]\ns = Add(a, t)\n\
         e = Equal(s, a)\nf = Gather(e, zero) axis=2\ng = Gather(f, zero) axis=1\nc = Gather(g, zero) axis=0",
        // Halves and thirds.
        "half_a, half_b = Split(six)\nthird_a, third_b, third_c = Split(six)\ng = Gather(half_b, zero)\nh = Gather(third_b, zero)\nc = Equal(g, h)",
        // The divisor is no number of float64.
        "m = Mul(k, near)\nd = Div(m, beyond)\nc = Equal(d, k)",
    ] {
        let inputs = format!("{INTEGERS}\ngiven: float[]\nk: int64[]\nsix: int64[6]");
        let lines = format!(
            "{P}\nangle0 = Mul(given, float one)\nthousand0 = Cast(thousand) to=1\n{condition}\n\
             n = Not(c)\nopposite = Neg(x)\nsource = Where(n, opposite, x)"
        );
        let findings = findings(&inputs, &lines);
        let through = findings.sites.iter().any(|found| rotary(found).x == "x");
        assert!(!through, "{condition}");
    }
}

#[test]
fn a_table_lies_along_the_axis_of_its_size() {
    // The batch could be the number of heads.
    let text = RIGHT.replace("float[batch, 4, seq, 8]", "float[batch, 3, seq, 8]");
    let text = text.replace(
        "p = Cast(pos) to=1",
        "sizes = Shape(pos)\nseq = Gather(sizes, one)\nids = Range(zero, seq, one)\nall = Expand(ids, sizes)\np = Cast(all) to=1",
    );
    let found = found(&graph(&text));
    let [found] = &found.sites[..] else {
        panic!("{:#?}", found.refusals);
    };
    let cos = &rotary(found).cos;
    assert!(
        cos.value == "cos" && cos.unsqueeze.is_empty() || cos.unsqueeze == [1],
        "{cos:?}"
    );
}

#[test]
fn factors_that_are_one_up_to_rounding_are_not_one() {
    let narrowed = format!("{LENGTH}\nh = Cast(size) to=10\nw = Cast(h) to=1");
    for factor in [
        // 1 but for what float16 rounds, and infinite for long sequences.
        "factor = Div(w, f)",
        // 0 times infinity is NaN.
        "z = Mul(w, float zero)\nfactor = Add(z, float one)",
    ] {
        let lines = format!("{narrowed}\n{factor}\nsource = Mul(x, factor)");
        assert_ne!(rotated(&lines).as_deref(), Some("x"), "{factor}");
    }
    let exact =
        format!("{LENGTH}\ng = Max(f, float one)\nfactor = Div(g, g)\nsource = Mul(x, factor)");
    assert_eq!(rotated(&exact).as_deref(), Some("x"));
}

#[test]
fn what_a_branch_loses_is_lost() {
    for (lines, read) in [
        ("Identity(x)", Some("x")),
        ("a = Cast(x) to=10\nCast(a) to=1", Some("source")),
    ] {
        let text = format!("{INTEGERS}\n{P}\nsource = If(true)\n{}", rotation());
        let mut m = graph(&text);
        decide(&mut m, lines, lines);
        let found = found(&m);
        let x = found.sites.first().map(|found| &*rotary(found).x);
        assert_eq!(x, read, "{lines}: {:#?}", found.refusals);
    }
}

#[test]
fn x_must_lie_behind_y() {
    // Another output has the tensor before the rotation, scaled alike.
    let lines = format!("{X}\n{P}\nother = Mul(x, given)");
    let found = findings(&format!("{FLOATS}\ngiven: float[]"), &lines);
    assert!(found.sites.iter().all(|found| rotary(found).x != "other"));
}
