//! Runs that would take too long, or hold too much: they end, and nothing is concluded from them.

use crate::build::{branch, f32s, i64s, info, model, node};
use phasor::engine::allowance::Allowance;
use phasor::engine::tract::{Tract, TractBodies};
use phasor::engine::{Engine, EngineError, Source, Within};
use phasor::onnx::Tensor;
use phasor::onnx::proto::type_proto::Value;
use phasor::onnx::proto::{GraphProto, ModelProto, ValueInfoProto};
use phasor::verify::{self, Options, Preference, Report, Verdict};
use std::time::{Duration, Instant};

/// How long a test that must end may take: its time, and what a node that is not refused takes at most, on a machine that is shared.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pads, tiles and multiplies to hundreds of millions of elements, many times over; sizes follow from the input's alone.
fn large(turns: usize) -> ModelProto {
    let mut text = "x: float[batch]\ny0 = Pad(x, pads)\n".to_owned();
    for turn in 0..turns {
        text += &format!("a{turn} = Tanh(y{turn})\ny{} = Exp(a{turn})\n", turn + 1);
    }
    text += &format!("y = ReduceSum(y{turns}) keepdims=0\n");
    model(&text, &[("pads", i64s(&[2], &[0, 1 << 26]))])
}

fn bounded(allowance: &Allowance) -> Within {
    Within {
        engine: Box::new(Tract),
        allowance: allowance.clone(),
    }
}

fn run(engine: &dyn Engine, model: &ModelProto, x: Tensor) -> Result<Vec<Tensor>, EngineError> {
    engine.run(
        Source::Proto(model, None),
        &[("x".to_owned(), x)],
        &["y".to_owned()],
    )
}

fn compared(a: &ModelProto, b: &ModelProto, options: Options) -> Report {
    let options = Options {
        seeds: 1,
        ..options
    };
    verify::run(Source::Proto(a, None), Source::Proto(b, None), &options).unwrap()
}

fn embedded(seconds: u64) -> Options {
    Options {
        engine: Preference::Tract,
        seconds,
        ..Options::default()
    }
}

#[test]
fn a_run_ends_when_its_time_is_over_and_so_do_those_that_share_it() {
    let begun = Instant::now();
    let allowance = Allowance::of_time(Duration::from_secs(1));
    let engine = bounded(&allowance);
    let m = large(200);
    for _ in 0..2 {
        let error = run(&engine, &m, f32s(&[1], &[1.0])).unwrap_err();
        assert!(matches!(error, EngineError::Late { .. }), "{error}");
        assert!(error.to_string().contains("1 s"), "{error}");
    }
    assert!(allowance.ended_a_run());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn a_node_for_which_there_is_no_time_is_not_begun() {
    let m = model("x: float[n, n]\ny = MatMul(x, x)", &[]);
    let x = f32s(&[4096, 4096], &vec![0.5; 4096 * 4096]);
    let allowance = Allowance::of_time(Duration::from_secs(2));
    let begun = Instant::now();
    let error = run(&bounded(&allowance), &m, x).unwrap_err().to_string();
    assert!(error.contains("`node of y` is not begun"), "{error}");
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn the_turns_of_a_body_count() {
    let mut slice = info("slice: float[]");
    if let Some(Value::TensorType(tensor)) = &mut slice.r#type.as_mut().unwrap().value {
        tensor.shape = None;
    }
    let body = GraphProto {
        node: vec![node("minus", "Neg(slice)")],
        input: vec![slice],
        output: vec![ValueInfoProto {
            name: Some("minus".to_owned()),
            ..ValueInfoProto::default()
        }],
        ..GraphProto::default()
    };
    let mut m = model("x: float[length, 2]\ny = Scan(x) num_scan_inputs=1", &[]);
    m.graph.as_mut().unwrap().node[0]
        .attribute
        .push(branch("body", body));
    let turned = |turns: usize| {
        let few = Allowance::default().with_work(1 << 16);
        run(&bounded(&few), &m, f32s(&[turns, 2], &vec![0.5; 2 * turns]))
    };
    assert_eq!(turned(3).unwrap()[0].shape, [3, 2]);
    let error = turned(4096).unwrap_err();
    assert!(matches!(error, EngineError::TooMuch { .. }), "{error}");
}

#[test]
fn sizes_that_values_say_count_once_they_are_known() {
    let m = model(
        "x: int64[1]\nn = Squeeze(x)\nr = Range(zero, n, one)\ny = Neg(r)",
        &[("zero", i64s(&[], &[0])), ("one", i64s(&[], &[1]))],
    );
    let few = Allowance::default().with_work(1 << 20);
    let engine = bounded(&few);
    let y = run(&engine, &m, i64s(&[1], &[1000])).unwrap();
    assert_eq!(y[0].shape, [1000]);
    assert!(few.done() > 2000 && few.done() < 1 << 16, "{}", few.done());
    let error = run(&engine, &m, i64s(&[1], &[1 << 24])).unwrap_err();
    assert!(matches!(error, EngineError::TooMuch { .. }), "{error}");
    let error = run(&Tract, &m, i64s(&[1], &[1 << 50])).unwrap_err();
    assert!(error.to_string().contains("bytes"), "{error}");
}

#[test]
fn what_is_small_runs_as_without_a_bound() {
    let m = model("x: float[2, 2]\na = Exp(x)\ny = MatMul(a, a)", &[]);
    let x = f32s(&[2, 2], &[1.0, 2.0, -3.0, 0.5]);
    let allowance = Allowance::of_time(Duration::from_secs(60)).with_work(1 << 20);
    let y = run(&bounded(&allowance), &m, x.clone()).unwrap();
    assert_eq!(y, run(&TractBodies, &m, x).unwrap());
    assert!(!allowance.ended_a_run());
}

#[test]
fn models_that_take_too_long_are_not_verified() {
    let begun = Instant::now();
    let m = large(200);
    let report = compared(&m, &m, embedded(3));
    let Verdict::NotVerified { why } = &report.verdict else {
        panic!("{report:?}");
    };
    assert!(why.contains("not run: tract was stopped"), "{why}");
    assert!(why.contains("its share of the 3 s"), "{why}");
    assert!(report.hint().unwrap_or_default().contains("--time-limit"));
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn a_second_model_that_takes_too_long_is_neither_right_nor_wrong() {
    let begun = Instant::now();
    let quick = model("x: float[batch]\ny = ReduceSum(x) keepdims=0", &[]);
    let report = compared(&quick, &large(200), embedded(3));
    let Verdict::NotVerified { why } = &report.verdict else {
        panic!("{report:?}");
    };
    assert!(why.contains("not run to the end"), "{why}");
    assert!(report.cases.is_empty(), "{report:?}");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn a_rank_that_only_results_say_is_not_counted_by() {
    // `n` must be a scalar, as `Pad` reads it: then the last axis of `x`, of an unknown rank, would be the one before the first.
    let m = model(
        "x: float[batch, 4]\nz: float[batch, 4]\nn = LayerNormalization(x, scale) axis=-1\ny = Pad(z, pads, n)",
        &[
            ("scale", f32s(&[4], &[1.0; 4])),
            ("pads", i64s(&[4], &[0, 0, 0, 1])),
        ],
    );
    let begun = Instant::now();
    let report = compared(&m, &m, embedded(60));
    assert!(
        matches!(report.verdict, Verdict::NotVerified { .. }),
        "{report:?}"
    );
    assert!(begun.elapsed() < PATIENCE);
}
