//! The sets of inputs on which models are compared: each finds an error that shows on no other.

use crate::build::{branch, f32s, i64s, info, model, node, typed};
use phasor::engine::Source;
use phasor::onnx::DataType;
use phasor::onnx::proto::type_proto::Value;
use phasor::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};
use phasor::verify::{self, Case, Options, Preference, Report, Verdict};

fn compare(a: &ModelProto, b: &ModelProto) -> Report {
    let options = Options {
        engine: Preference::Tract,
        ..Options::default()
    };
    verify::run(Source::Proto(a, None), Source::Proto(b, None), &options).unwrap()
}

/// The two must differ, and only on the sets of these names.
fn differ_on(a: &ModelProto, b: &ModelProto, names: &[&str]) {
    assert!(compare(a, a).same(), "{:?}", compare(a, a));
    let report = compare(a, b);
    assert!(
        matches!(report.verdict, Verdict::Different { .. }),
        "{report:?}"
    );
    for case in &report.cases {
        let differs = case.runs.iter().flat_map(|run| &run.outputs);
        let differs = differs
            .into_iter()
            .any(|output| !output.difference.within());
        assert_eq!(differs, names.contains(&case.inputs.as_str()), "{case:?}");
    }
}

/// Whether the size of an axis is a number, or that of another axis.
fn size_is(axis: i64, number: Option<i64>) -> ModelProto {
    let other = match number {
        Some(_) => "other = Identity(number)",
        None => "other = Gather(shape, second)",
    };
    model(
        &format!(
            "x: float[batch, sequence, 5]\nshape = Shape(x)\nsize = Gather(shape, axis)\n{other}\nsame = Equal(size, other)\nz = Cast(same) to=6"
        ),
        &[
            ("axis", i64s(&[], &[axis])),
            ("second", i64s(&[], &[1])),
            ("number", i64s(&[], &[number.unwrap_or(0)])),
        ],
    )
}

#[test]
fn sizes_of_nothing_of_one_and_two_and_equal_ones_are_tried() {
    let never = size_is(0, Some(-5));
    differ_on(&never, &size_is(0, Some(0)), &["batch of 0"]);
    differ_on(&never, &size_is(1, Some(0)), &["extent of 0"]);
    differ_on(&never, &size_is(1, Some(1)), &["sizes of 1"]);
    differ_on(
        &never,
        &size_is(1, Some(2)),
        &["sizes of 2", "sizes of 1 and 2"],
    );
    differ_on(&never, &size_is(1, Some(5)), &["sizes of 5"]);
    differ_on(
        &never,
        &size_is(0, None),
        &["sizes of 1", "sizes of 2", "sizes of 5"],
    );
}

#[test]
fn sizes_that_the_first_model_does_not_run_say_nothing() {
    let m = model(
        "x: float[batch, sequence]\ny = Reshape(x, shape)",
        &[("shape", i64s(&[2], &[2, 7]))],
    );
    let report = compare(&m, &m);
    assert!(report.same() && !report.cases.is_empty(), "{report:?}");
    assert!(report.cases.iter().all(|case| case.dims["batch"] > 0));
}

#[test]
fn switches_are_on_and_off() {
    let chosen = |call: &str| {
        let text = format!(
            "on: bool[]\nx: float[n]\nminus = Neg(x)\nboth = Concat(x, minus) axis=0\nz = Where(on, both, both)\ny = {call}"
        );
        model(&text, &[])
    };
    let right = chosen("Where(on, x, minus)");
    for wrong in ["Where(on, x, x)", "Where(on, minus, minus)"] {
        let report = compare(&right, &chosen(wrong));
        assert!(
            matches!(report.verdict, Verdict::Different { .. }),
            "{wrong}"
        );
    }
}

#[test]
fn one_switch_stands_otherwise_than_the_others() {
    let of = |names: &[&str], holds: &str| {
        let inputs: Vec<String> = names.iter().map(|name| format!("{name}: bool[]")).collect();
        let read: Vec<String> = names
            .iter()
            .map(|name| format!("read_{name} = Identity({name})"))
            .collect();
        let text = format!(
            "{}\nx: float[n]\n{}\n{holds}\nminus = Neg(x)\ny = Where(holds, minus, x)",
            inputs.join("\n"),
            read.join("\n")
        );
        model(&text, &[])
    };
    let never = "no = Not(p)\nholds = And(p, no)";
    let two = ["p", "q"];
    for (holds, set) in [
        ("no = Not(q)\nholds = And(p, no)", "only `p` on"),
        ("no = Not(p)\nholds = And(q, no)", "only `q` on"),
    ] {
        differ_on(&of(&two, never), &of(&two, holds), &[set]);
    }
    let three = ["p", "q", "r"];
    for (holds, set) in [
        (
            "some = Or(q, r)\nno = Not(some)\nholds = And(p, no)",
            "only `p` on",
        ),
        (
            "all = And(p, r)\nno = Not(q)\nholds = And(all, no)",
            "only `q` off",
        ),
    ] {
        differ_on(&of(&three, never), &of(&three, holds), &[set]);
    }
}

#[test]
fn a_model_whose_engine_does_not_survive_it_is_not_run_without_elements() {
    let body = || {
        let mut slice = info("slice: float[]");
        if let Some(Value::TensorType(tensor)) = &mut slice.r#type.as_mut().unwrap().value {
            tensor.shape = None;
        }
        GraphProto {
            node: vec![node("minus", "Neg(slice)")],
            input: vec![slice],
            output: vec![ValueInfoProto {
                name: Some("minus".to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        }
    };
    let of = |axes: &str| {
        let mut m = model(
            &format!("x: float[batch, seq, 4]\ny = Scan(x) num_scan_inputs=1 {axes}"),
            &[],
        );
        let nodes = &mut m.graph.as_mut().unwrap().node;
        nodes[0].attribute.push(branch("body", body()));
        m
    };
    for (axes, spared) in [
        ("", false),
        ("scan_input_axes=[0] scan_output_axes=[0]", false),
        ("scan_input_axes=[1]", true),
        ("scan_output_axes=[1]", true),
    ] {
        let m = of(axes);
        let report = compare(&m, &m);
        assert!(report.same(), "{axes}: {report:?}");
        let empty = |case: &Case| case.dims.values().any(|size| *size == 0);
        assert_eq!(!report.cases.iter().any(empty), spared, "{axes}");
        let told = report.notes.iter().any(|note| note.contains("`Scan`"));
        assert_eq!(told, spared, "{axes}: {:?}", report.notes);
    }
}

#[test]
fn a_switch_that_must_be_on_costs_no_set() {
    // Off, it looks up a row that the table does not have.
    let m = model(
        "on: bool[]\nx: float[n]\ncount = Cast(on) to=7\noff = Sub(one, count)\nrow = Mul(off, far)\nfactor = Gather(table, row)\ny = Mul(x, factor)",
        &[
            ("one", i64s(&[], &[1])),
            ("far", i64s(&[], &[5])),
            ("table", f32s(&[2], &[1.0, 2.0])),
        ],
    );
    let report = compare(&m, &m);
    let seeds = report
        .cases
        .iter()
        .filter(|case| case.inputs.starts_with("seed"));
    assert_eq!(seeds.count(), 2, "{report:?}");
}

/// Positions that go through an operator before they are multiplied.
fn positions(kind: &str, call: &str) -> ModelProto {
    let text = format!(
        "position_ids: {kind}[batch, sequence]\np = {call}\nf = Cast(p) to=11\nangle = Mul(f, step)\ny = Sin(angle)"
    );
    let dtype = if kind == "int64" {
        DataType::I64
    } else {
        DataType::I32
    };
    model(
        &text,
        &[
            ("step", typed(DataType::F64, &[1], &[0.3])),
            ("low", typed(dtype, &[], &[0.0])),
            ("middle", typed(dtype, &[], &[f64::from(1 << 24)])),
            ("high", typed(dtype, &[], &[f64::from(i32::MAX)])),
        ],
    )
}

#[test]
fn positions_below_zero_and_far_out_are_tried() {
    let right = positions("int64", "Identity(position_ids)");
    let far = ["positions from 2^24", "positions from 2^31"];
    differ_on(
        &right,
        &positions("int64", "Max(position_ids, low)"),
        &["negative positions"],
    );
    differ_on(
        &right,
        &positions("int64", "Min(position_ids, middle)"),
        &far,
    );
    differ_on(
        &right,
        &positions("int64", "Min(position_ids, high)"),
        &far[1..],
    );
    let right = positions("int32", "Identity(position_ids)");
    differ_on(
        &right,
        &positions("int32", "Min(position_ids, middle)"),
        &far[..1],
    );
}

#[test]
fn integers_that_may_be_sizes_stay_small() {
    let m = model(
        "n: int64[]\nx: float[batch]\nr = Range(zero, n, one)\ny = Cast(r) to=1\nz = Neg(x)",
        &[("zero", i64s(&[], &[0])), ("one", i64s(&[], &[1]))],
    );
    let report = compare(&m, &m);
    assert!(report.same(), "{report:?}");
    let far = |name: &str| name.contains("positions");
    assert!(
        report.cases.iter().all(|case| !far(&case.inputs)),
        "{report:?}"
    );
}

#[test]
fn indices_below_zero_count_from_the_end_of_their_table() {
    let table = [
        ("table", f32s(&[4, 1], &[1.0, 2.0, 3.0, 4.0])),
        ("low", i64s(&[], &[0])),
    ];
    let right = model("ids: int64[n]\ny = Gather(table, ids)", &table);
    let wrong = model(
        "ids: int64[n]\nhigh = Max(ids, low)\ny = Gather(table, high)",
        &table,
    );
    differ_on(&right, &wrong, &["negative positions"]);
}

#[test]
fn a_model_that_cannot_be_loaded_is_found_out_before_inputs_are_made() {
    let opaque = model("x: float[a, b, 24]\nt = Neg(x)\ny = other::Mystery(t)", &[]);
    let report = compare(&opaque, &opaque);
    let Verdict::NotVerified { why } = &report.verdict else {
        panic!("{report:?}");
    };
    assert!(why.contains("cannot load"), "{why}");
    assert!(!why.contains("choices of sizes"), "{why}");
}
