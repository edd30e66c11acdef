//! Graphs that are a rotation over the reals and for sizes of 2 and more, and are none in the type or at some size; beside each
//! the graph in which the same operators change nothing.

use crate::build::{bounds, decide, f32s, i64s, model, open, rotary, typed};
use crate::refusals::RIGHT;
use phasor::onnx::{DataType, Tensor};
use phasor::pipeline::{self, Findings, Search};

/// A rotation of halves by the angles of positions `p`, in heads of 8 channels of `source`.
pub(crate) fn rotation() -> String {
    let (_, rotation) = RIGHT.split_once("p = Cast(pos) to=1").expect("positions");
    rotation.replace("(x,", "(source,")
}

/// What is found where `lines` make `source` and `p` of these inputs.
pub(crate) fn findings(inputs: &str, lines: &str) -> Findings {
    let text = format!("{inputs}\n{lines}\n{}", rotation());
    let scalar = |value: f32| f32s(&[], &[value]);
    let integer = |value: i64| i64s(&[], &[value]);
    let mut constants: Vec<(&str, Tensor)> = bounds();
    constants.extend([
        ("n1", i64s(&[1], &[1])),
        ("n2", i64s(&[1], &[2])),
        ("n300", i64s(&[1], &[300])),
        ("minus2", i64s(&[1], &[-2])),
        ("zero", integer(0)),
        ("one", integer(1)),
        ("two", integer(2)),
        ("thousand", integer(1000)),
        ("huge", integer(1 << 45)),
        ("beyond", integer((1 << 53) + 1)),
        ("near", integer(1 << 53)),
        ("float zero", scalar(0.0)),
        ("float one", scalar(1.0)),
        ("true", typed(DataType::Bool, &[], &[1.0])),
        ("ratio", scalar(0.5)),
        ("freq", f32s(&[4], &[1.0, 0.5, 0.25, 0.125])),
        ("rows", f32s(&[300, 1], &[0.0; 300])),
        ("kernel", f32s(&[1, 1, 3], &[1.0; 3])),
    ]);
    pipeline::find(&open(&model(&text, &constants)), &Search::default()).unwrap()
}

pub(crate) const INTEGERS: &str = "x: float[batch, 2, seq, 8]\npos: int64[batch, seq]";
pub(crate) const FLOATS: &str = "x: float[batch, 2, seq, 8]\npos: float[batch, seq]";
pub(crate) const X: &str = "source = Identity(x)";
pub(crate) const P: &str = "p = Cast(pos) to=1";

/// The positions that the table of angles of the only site reads, if it reads any.
#[track_caller]
pub(crate) fn positions(inputs: &str, lines: &str) -> Option<String> {
    let findings = findings(inputs, &format!("{X}\n{lines}"));
    let [found] = &findings.sites[..] else {
        panic!("{:#?}", findings.refusals);
    };
    let used = found.site.table()?;
    Some(
        findings.scopes[0].tables[used.table]
            .table
            .positions
            .clone(),
    )
}

#[test]
fn positions_are_read_after_what_rounds_wraps_or_clamps_them() {
    for (inputs, lines, read) in [
        (INTEGERS, "p = Cast(pos) to=1", "pos"),
        (FLOATS, "h = Cast(pos) to=10\np = Cast(h) to=1", "p"),
        (FLOATS, "h = Cast(pos) to=16\np = Cast(h) to=1", "p"),
        (FLOATS, "q = Neg(pos)\np = Neg(q)", "pos"),
        (
            FLOATS,
            "f = Floor(pos)\nu = Cast(f) to=2\np = Cast(u) to=1",
            "p",
        ),
        (INTEGERS, "n = Cast(pos) to=6\np = Cast(n) to=1", "n"),
        (
            INTEGERS,
            "m = Mul(pos, huge)\nd = Div(m, huge)\np = Cast(d) to=1",
            "d",
        ),
        (
            INTEGERS,
            "a = Add(pos, beyond)\nb = Sub(a, near)\np = Cast(b) to=1",
            "b",
        ),
        (
            FLOATS,
            "a = Add(pos, float one)\np = Sub(a, float one)",
            "p",
        ),
        (
            FLOATS,
            "a = Add(pos, float one)\nc = Less(pos, a)\np = Where(c, pos, float zero)",
            "p",
        ),
    ] {
        assert_eq!(positions(inputs, lines).as_deref(), Some(read), "{lines}");
    }
}

#[test]
fn a_position_looked_up_is_not_the_index() {
    let lines = "numbers = Range(zero, thousand, one)\nq = Gather(numbers, pos)\np = Cast(q) to=1";
    assert_eq!(positions(INTEGERS, lines).as_deref(), Some("q"));
}

#[test]
fn an_integer_that_wraps_is_a_position_of_its_own() {
    let inputs = "x: float[batch, 2, seq, 8]\npos: int32[batch, seq]";
    let lines = "t = Cast(thousand) to=6\nm = Mul(pos, t)\np = Cast(m) to=1";
    assert_eq!(positions(inputs, lines).as_deref(), Some("m"));
}

/// The tensor that the only site rotates; `None` where there is no site.
pub(crate) fn rotated(lines: &str) -> Option<String> {
    let findings = findings(INTEGERS, &format!("{P}\n{lines}"));
    let site = findings.sites.first()?;
    Some(rotary(site).x.clone())
}

#[test]
fn what_changes_x_at_some_size_is_no_part_of_the_rotation() {
    let cut = "shape = Shape(pos)\nseq = Gather(shape, n1)\npart = Slice(rows, n0, seq, n0)\n\
               sizes = Shape(part)\nlength = Gather(sizes, n0)\nsource = Slice(x, n0, length, n2)";
    for lines in [
        cut,
        "sizes = Shape(extra)\nsource = Expand(x, sizes)",
        "flat = Squeeze(x)\nsource = Unsqueeze(flat, n0)",
        "same = Equal(x, x)\nsource = Where(same, x, float zero)",
        "source = Dropout(x, ratio, true)",
    ] {
        let inputs = format!("{INTEGERS}\nextra: float[other, 1, 1, 1]");
        let findings = findings(&inputs, &format!("{P}\n{lines}"));
        let before = |f: &phasor::pipeline::Found| {
            let site = rotary(f);
            site.x == "x" || site.origin == "x" && site.x != "source"
        };
        assert!(!findings.sites.iter().any(before), "{lines}");
    }
    assert_eq!(rotated("source = Dropout(x)").as_deref(), Some("x"));
    assert_eq!(
        rotated("source = Slice(x, n0, n300, minus1)").as_deref(),
        Some("x")
    );
}

#[test]
fn conditions_on_sizes_are_decided_where_they_hold_for_all() {
    for (condition, decided) in [
        ("c = Less(size, zero)", true),
        ("t = Add(size, one)\nc = Less(t, size)", true),
        (
            "n = Cast(size) to=6\nb = Cast(thousand) to=6\nm = Mul(n, b)\nc = Less(m, z)",
            false,
        ),
        (
            "h = Cast(size) to=10\nn = Cast(h) to=7\nd = Equal(n, size)\nc = Not(d)",
            false,
        ),
        (
            "f = Cast(size) to=1\nn = Cast(f) to=7\nd = Equal(n, size)\nc = Not(d)",
            true,
        ),
        (
            "last = Slice(pos, minus2, n300, n1)\ns = Shape(last)\nk = Gather(s, one)\nd = Equal(k, two)\nc = Not(d)",
            false,
        ),
        (
            "r = Range(two, size, one)\nk = Size(r)\nw = Sub(size, two)\nd = Equal(k, w)\nc = Not(d)",
            false,
        ),
        (
            "part = Slice(rows, n0, ends, n0)\nk = Size(part)\nd = Equal(k, size)\nc = Not(d)",
            false,
        ),
        (
            "v = Conv(signal, kernel) pads=[1,1]\ns = Shape(v)\nk = Gather(s, two)\nd = Equal(k, size)\nc = Not(d)",
            true,
        ),
        (
            "v = MaxPool(signal) kernel_shape=[2] strides=[2]\ns = Shape(v)\nk = Gather(s, two)\nt = Div(size, two)\nd = Equal(k, t)\nc = Not(d)",
            false,
        ),
        (
            "v = MaxPool(signal) kernel_shape=[3] pads=[1,1]\ns = Shape(v)\nk = Gather(s, two)\nd = Equal(k, size)\nc = Not(d)",
            true,
        ),
        (
            "v = Conv(signal, kernel) pads=[1,0] dilations=[2]\ns = Shape(v)\nk = Gather(s, two)\nt = Sub(size, one)\nc = Less(t, k)",
            true,
        ),
        (
            "v = Conv(signal, kernel) pads=[2,2] strides=[2]\ns = Shape(v)\nk = Gather(s, two)\nu = Add(size, one)\nt = Div(u, two)\nw = Add(t, one)\nd = Equal(k, w)\nc = Not(d)",
            true,
        ),
    ] {
        let lines = format!(
            "shape = Shape(pos)\nsize = Gather(shape, one)\nends = Unsqueeze(size, n0)\n\
             signal = Unsqueeze(p, n1)\nz = Cast(zero) to=6\n{condition}\nopposite = Neg(x)\nsource = Where(c, opposite, x)"
        );
        let found = rotated(&lines);
        assert_eq!(found.as_deref() == Some("x"), decided, "{condition}");
    }
}

#[test]
fn tables_are_not_swapped_for_those_of_other_lengths() {
    // Rows of one table at the ids, and at the ids looked up in a longer range: they differ at negative ids.
    let text = format!(
        "{X}\nnumbers = Range(zero, thousand, one)\nids = Gather(numbers, pos)\np = Cast(ids) to=1"
    );
    let findings = findings(INTEGERS, &text);
    assert_eq!(findings.sites.len(), 1);
    assert_eq!(rotary(&findings.sites[0]).cos.value, "cos");
}

#[test]
fn frequencies_that_a_branch_chooses_have_the_shape_of_both() {
    for (otherwise, found) in [("Neg(freq)", true), ("Identity(ratio)", false)] {
        let text = format!(
            "{INTEGERS}\nflag: bool[]\n{X}\n{P}\nchosen = If(flag)\n{}",
            rotation()
        );
        let text = text.replace("(p3, freq)", "(p3, chosen)");
        let constants = [
            ("freq", f32s(&[4], &[1.0, 0.5, 0.25, 0.125])),
            ("ratio", f32s(&[], &[0.5])),
            ("n1", i64s(&[1], &[1])),
        ];
        let mut m = model(&text, &[bounds(), constants.to_vec()].concat());
        decide(&mut m, "Identity(freq)", otherwise);
        let findings = pipeline::find(&open(&m), &Search::default()).unwrap();
        assert_eq!(findings.sites.len() == 1, found, "{otherwise}");
    }
}

#[test]
fn coefficients_of_the_tensor_itself_encode_no_position() {
    let text = "
        x: float[batch, 2, seq, 8]
        gate = Sigmoid(x)
        other = Tanh(x)
        low = Slice(x, n0, n4, minus1)
        high = Slice(x, n4, n8, minus1)
        minus = Neg(high)
        turned = Concat(minus, low) axis=-1
        left = Mul(x, gate)
        right = Mul(turned, other)
        y = Add(left, right)";
    let findings = pipeline::find(&open(&model(text, &bounds())), &Search::default()).unwrap();
    assert!(findings.sites.is_empty());
    let [refusal] = &findings.refusals[..] else {
        panic!("{:#?}", findings.refusals);
    };
    assert!(
        refusal.reason.contains("encode no positions"),
        "{}",
        refusal.reason
    );
}

#[test]
fn a_matrix_of_zeros_rotates_what_a_dense_layer_made() {
    let matrix: Vec<f32> = (0..64)
        .map(|at| match (at / 8, at % 8) {
            (k, j) if k == j + 4 => -1.0,
            (k, j) if j == k + 4 => 1.0,
            _ => 0.0,
        })
        .collect();
    let weights: Vec<f32> = (0..64).map(|at| (at as f32 * 0.7).sin()).collect();
    for (source, found) in [
        ("source = Identity(x)", false),
        ("source = MatMul(x, weights)", true),
    ] {
        let text = format!("{INTEGERS}\n{P}\n{source}\n{}", rotation())
            .replace("minus = Neg(high)", "")
            .replace("low = Slice(source, n0, n4, minus1)", "")
            .replace("high = Slice(source, n4, n8, minus1)", "")
            .replace(
                "turned = Concat(minus, low) axis=-1",
                "turned = MatMul(source, matrix)",
            );
        let mut constants = bounds();
        constants.extend([
            ("n1", i64s(&[1], &[1])),
            ("freq", f32s(&[4], &[1.0, 0.5, 0.25, 0.125])),
            ("matrix", f32s(&[8, 8], &matrix)),
            ("weights", f32s(&[8, 8], &weights)),
        ]);
        let findings =
            pipeline::find(&open(&model(&text, &constants)), &Search::default()).unwrap();
        assert_eq!(findings.sites.len() == 1, found, "{source}");
        assert!(findings.sites.iter().all(|found| found.site.assumes_finite));
    }
}
