//! Comparisons: what is the same, what differs, and what cannot be said.

use crate::build::{branch, f32s, i64s, model, node, opset, typed};
use phasor::engine::Source;
use phasor::onnx::DataType;
use phasor::onnx::proto::{FunctionProto, GraphProto, ModelProto, ValueInfoProto};
use phasor::verify::{self, Error, How, Options, Preference, Report, Verdict, npz};
use std::path::{Path, PathBuf};

fn embedded() -> Options {
    Options {
        engine: Preference::Tract,
        ..Options::default()
    }
}

fn compare(a: &ModelProto, b: &ModelProto) -> Result<Report, Error> {
    verify::run(Source::Proto(a, None), Source::Proto(b, None), &embedded())
}

fn why(report: &Report) -> &str {
    match &report.verdict {
        Verdict::Same => "same",
        Verdict::Different { why } | Verdict::NotVerified { why } => why,
    }
}

/// `y = x * w + x`, spelt in one of two ways.
fn scaled(w: f32) -> ModelProto {
    model(
        "x: float[batch, sequence]\np = Mul(x, w)\ny = Add(p, x)",
        &[("w", f32s(&[1], &[w]))],
    )
}

#[test]
fn equal_models_are_the_same() {
    let other = model(
        "x: float[batch, sequence]\ny = Mul(x, w)",
        &[("w", f32s(&[1], &[3.0]))],
    );
    let report = compare(&scaled(2.0), &other).unwrap();
    assert!(report.same(), "{}", why(&report));
    let seeds = report
        .cases
        .iter()
        .filter(|case| case.inputs.starts_with("seed"));
    assert_eq!(seeds.count(), 2);
    assert_ne!(
        report.cases[0].dims, report.cases[1].dims,
        "every seed has sizes of its own"
    );
    assert!(report.worst().1 < 1e-6);
}

#[test]
fn a_difference_names_the_output() {
    let report = compare(&scaled(2.0), &scaled(2.01)).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Different { .. }) && why(&report).contains("`y`"),
        "{}",
        why(&report)
    );
    let report = compare(&scaled(2.0), &scaled(2.000001)).unwrap();
    assert!(report.same(), "{}", why(&report));
    let strict = Options {
        tolerance: Some(0.0),
        ..embedded()
    };
    let report = verify::run(
        Source::Proto(&scaled(2.0), None),
        Source::Proto(&scaled(2.000001), None),
        &strict,
    );
    assert!(!report.unwrap().same());
}

#[test]
fn half_precision_may_differ_by_more() {
    let half = |w: f64| {
        model(
            "x: float16[n]\ny = Mul(x, w)",
            &[("w", typed(DataType::F16, &[1], &[w]))],
        )
    };
    assert!(compare(&half(1.0), &half(1.001)).unwrap().same());
    assert!(!compare(&half(1.0), &half(1.1)).unwrap().same());
    let integers = |w: i64| model("x: int64[n]\ny = Mul(x, w)", &[("w", i64s(&[1], &[w]))]);
    assert!(compare(&integers(1000), &integers(1000)).unwrap().same());
    assert!(!compare(&integers(1000), &integers(1001)).unwrap().same());
}

#[test]
fn a_model_that_no_engine_runs_is_not_verified() {
    let opaque = model("x: float[n]\ny = other::Mystery(x)", &[]);
    let plain = model("x: float[n]\ny = Neg(x)", &[]);
    let report = compare(&opaque, &opaque).unwrap();
    assert!(
        matches!(report.verdict, Verdict::NotVerified { .. }) && why(&report).contains("Mystery"),
        "{}",
        why(&report)
    );
    let report = compare(&plain, &opaque).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Different { .. })
            && why(&report).contains("does not run"),
        "{}",
        why(&report)
    );
}

#[test]
fn models_of_other_interfaces_are_not_compared() {
    let a = model("x: float[n]\ny = Neg(x)", &[]);
    for (b, name) in [
        (model("x: float[n]\nz = Neg(x)", &[]), "`y`"),
        (model("x: float[n]\nw: float[n]\ny = Add(x, w)", &[]), "`w`"),
    ] {
        let error = compare(&a, &b).unwrap_err();
        assert!(
            matches!(error, Error::Interface(_)) && error.to_string().contains(name),
            "{error}"
        );
    }
}

#[test]
fn models_that_take_inputs_of_other_types_or_sizes_are_not_compared() {
    let of = |kind: &str| model(&format!("x: {kind}\ny = Cast(x) to=1"), &[]);
    let a = of("float[batch, 8]");
    for (kind, words) in [
        ("double[batch, 8]", "double[batch, 8]"),
        ("float[batch, 9]", "float[batch, 9]"),
        ("float[batch, 8, 1]", "float[batch, 8, 1]"),
    ] {
        let error = compare(&a, &of(kind)).unwrap_err();
        assert!(matches!(error, Error::Interface(_)), "{error}");
        let said = error.to_string();
        for word in ["`x`", "float[batch, 8]", words] {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
    }
    assert!(compare(&a, &of("float[n, m]")).unwrap().same());
    // Sizes that only one of them leaves open: equal where both run.
    let fixed = of("float[3, 8]");
    let report = compare(&a, &fixed).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Different { .. }) && why(&report).contains("[3, 8]"),
        "{}",
        why(&report)
    );
    let options = Options {
        dims: [("batch".to_owned(), 3)].into(),
        ..embedded()
    };
    let report = verify::run(
        Source::Proto(&a, None),
        Source::Proto(&fixed, None),
        &options,
    );
    assert!(report.unwrap().same());
}

#[test]
fn outputs_below_one_are_held_against_their_own_scale() {
    let of = |factor: f32| {
        let factor = [("factor", f32s(&[1], &[factor]))];
        model("x: float[batch, 8]\ny = Mul(x, factor)", &factor)
    };
    let report = compare(&of(1e-6), &of(-3e-6)).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Different { .. }),
        "{}",
        why(&report)
    );
    assert!(compare(&of(1e-6), &of(1.000_001e-6)).unwrap().same());
    // What is left of numbers of about 1 is their rounding.
    let cancelled = |sum: &str| {
        let text = format!("x: float[batch, 8]\n{sum}\ny = Sub(b, x)");
        model(&text, &[("third", f32s(&[1], &[1.0 / 3.0]))])
    };
    let rounded = cancelled("a = Add(x, third)\nb = Sub(a, third)");
    let report = compare(&rounded, &cancelled("b = Identity(x)")).unwrap();
    assert!(report.same(), "{}", why(&report));
    assert!(report.worst().0 > 0.0);
}

#[test]
fn integers_are_told_apart_however_large() {
    let of = |add: i64| {
        let add = [("add", i64s(&[1], &[add]))];
        model("x: int64[batch, 4]\ny = Add(x, add)", &add)
    };
    let large = 1 << 60;
    assert!(compare(&of(large), &of(large)).unwrap().same());
    let report = compare(&of(large), &of(large + 1)).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Different { .. }),
        "{}",
        why(&report)
    );
    assert_eq!(report.worst().0, 1.0);
}

#[test]
fn sizes_are_searched_for_and_can_be_fixed() {
    let m = model(
        "x: float[batch, size]\ny = Reshape(x, shape)\nz = MatMul(y, w)",
        &[
            ("shape", i64s(&[3], &[0, -1, 32])),
            ("w", f32s(&[32, 1], &[0.5; 32])),
        ],
    );
    let report = compare(&m, &m).unwrap();
    assert!(
        report.same() && report.cases[0].dims["size"] % 32 == 0,
        "{report:?}"
    );
    let fixed = |name: &str, size: i64| Options {
        dims: [(name.to_owned(), size)].into(),
        ..embedded()
    };
    let run =
        |options: &Options| verify::run(Source::Proto(&m, None), Source::Proto(&m, None), options);
    assert_eq!(run(&fixed("size", 96)).unwrap().cases[0].dims["size"], 96);
    assert!(matches!(
        run(&fixed("size", 33)).unwrap().verdict,
        Verdict::NotVerified { .. }
    ));
    let error = run(&fixed("sise", 96)).unwrap_err().to_string();
    assert!(
        error.contains("`sise`") && error.contains("`size`"),
        "{error}"
    );
}

#[test]
fn inputs_that_are_too_large_are_not_made() {
    let m = model(
        "x: float[batch, 1024]\nw: float[batch, 1024]\ny = Add(x, w)",
        &[],
    );
    let run = |size: i64| {
        let options = Options {
            dims: [("batch".to_owned(), size)].into(),
            ..embedded()
        };
        verify::run(Source::Proto(&m, None), Source::Proto(&m, None), &options)
    };
    assert!(run(3).unwrap().same());
    // Each alone would do.
    for size in [200_000, i64::MAX] {
        let error = run(size).unwrap_err();
        let hint = error.hint().unwrap_or_default();
        assert!(error.to_string().contains(&size.to_string()), "{error}");
        assert!(hint.contains("--dim"), "{hint}");
    }
}

#[test]
fn operators_in_bodies_and_functions_are_run_with_kernels_too() {
    let rotate = "x: float[batch, seq, 8]\ncos: float[seq, 4]\nsin: float[seq, 4]\nhold: bool[]";
    let call = "ai.phasor::RotaryEmbedding(x, cos, sin)";
    let plain = model(&format!("{rotate}\ny = {call}\nz = Not(hold)"), &[]);
    let mut inside = model(&format!("{rotate}\ny = If(hold)"), &[]);
    let body = || GraphProto {
        node: vec![node("turned", call)],
        output: vec![ValueInfoProto {
            name: Some("turned".to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let graph = inside.graph.as_mut().unwrap();
    graph.node[0].attribute = vec![branch("then_branch", body()), branch("else_branch", body())];
    let mut called = model(
        &format!("{rotate}\ny = other::Turn(x, cos, sin)\nz = Not(hold)"),
        &[],
    );
    called.functions.push(FunctionProto {
        name: Some("Turn".to_owned()),
        domain: Some("other".to_owned()),
        input: ["x", "cos", "sin"].map(str::to_owned).to_vec(),
        output: vec!["y".to_owned()],
        node: vec![node("y", call)],
        opset_import: vec![opset("", 17), opset("ai.phasor", 1)],
        ..Default::default()
    });
    for mut model in [plain, inside, called] {
        model.opset_import.push(opset("ai.phasor", 1));
        let report = compare(&model, &model).unwrap();
        assert!(report.same(), "{}", why(&report));
        let runs = &report.cases[0].runs;
        assert!(runs.iter().any(|run| run.how == How::Library), "{runs:?}");
    }
}

#[test]
fn tokens_stay_inside_their_table() {
    let m = model(
        "ids: int32[batch, sequence]\nwide = Cast(ids) to=7\ny = Gather(table, wide)",
        &[("table", f32s(&[3, 1], &[1.0, 2.0, 3.0]))],
    );
    assert!(compare(&m, &m).unwrap().same());
}

#[test]
fn an_engine_that_is_named_must_be_there() {
    let m = scaled(1.0);
    let options = Options {
        onnxruntime: Some("/nonexistent/libonnxruntime.so".into()),
        ..Options::default()
    };
    let result = verify::run(Source::Proto(&m, None), Source::Proto(&m, None), &options);
    assert!(
        matches!(&result, Err(Error::Engine(e)) if e.to_string().contains("/nonexistent")),
        "{result:?}"
    );
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models/llama-cache")
        .join(file)
}

#[test]
fn given_inputs_are_used_and_checked() {
    let model_path = example("model.onnx");
    let options = Options {
        inputs: vec![example("inputs_0.npz")],
        ..embedded()
    };
    let report = verify::run(
        Source::Path(&model_path),
        Source::Path(&model_path),
        &options,
    )
    .unwrap();
    assert!(
        report.same() && report.cases.len() == 1 && report.cases[0].inputs.contains("inputs_0.npz")
    );
    let wrong = Options {
        inputs: vec![example("expected_0.npz")],
        ..embedded()
    };
    let error = verify::run(Source::Path(&model_path), Source::Path(&model_path), &wrong)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected_0.npz") && error.contains("`input_ids`"),
        "{error}"
    );
    let fixed = Options {
        dims: [("batch".to_owned(), 77)].into(),
        ..options
    };
    let error = verify::run(Source::Path(&model_path), Source::Path(&model_path), &fixed)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`batch` is 77"), "{error}");
    assert!(!npz::read(&example("inputs_0.npz")).unwrap().is_empty());
}
