//! ONNX Runtime as an engine: what it is given and what it gives back, where both lie in the same memory.
//!
//! The sanitizer runs these too (`tests/sanitize.py`).
#![cfg(feature = "ort")]

#[path = "running/build.rs"]
#[expect(dead_code, reason = "other tests write more kinds of models")]
mod build;

use build::model;
use phasor::engine::allowance::Allowance;
use phasor::engine::ort::Ort;
use phasor::engine::{Engine, EngineError, Source};
use phasor::onnx::Tensor;
use phasor::onnx::proto::{ModelProto, ValueInfoProto};
use phasor::verify::{self, Options, Preference, Verdict};
use std::time::{Duration, Instant};

/// ONNX Runtime, if there is one.
fn engine() -> Option<Ort> {
    match Ort::find(None) {
        Ok(ort) => Some(ort.with_threads(1)),
        Err(why) => {
            assert!(std::env::var_os("PHASOR_STRICT").is_none(), "{why}");
            println!("skipped: {why}");
            None
        }
    }
}

/// Outputs that are inputs: as they are, by operators that pass them on, and both at once.
fn passing_on() -> ModelProto {
    let mut m = model(
        "x: float[batch, 4]\nw: float[batch, 4]\na = Identity(x)\nb = Flatten(w)\nc = Unsqueeze(x, axes)\nd = Identity(a)",
        &[("axes", build::i64s(&[1], &[0]))],
    );
    let graph = m.graph.as_mut().unwrap();
    graph.output = ["x", "w", "a", "b", "c", "d"].map(named).to_vec();
    m
}

fn named(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    }
}

#[test]
fn outputs_that_share_memory_with_inputs_are_whole() {
    let Some(ort) = engine() else { return };
    let m = passing_on();
    let names = ["x", "w", "a", "b", "c", "d"].map(str::to_owned);
    let mut session = ort.open(Source::Proto(&m, None)).unwrap();
    // Large enough to be given back to the system when it is freed.
    for rows in [1, 3, 100_000] {
        let numbers =
            |first: f32| -> Vec<f32> { (0..4 * rows).map(|i| first + i as f32).collect() };
        let (x, w) = (numbers(1.0), numbers(-7.0));
        let inputs = [("x", &x), ("w", &w)]
            .map(|(name, values)| (name.to_owned(), Tensor::from_f32(&[rows, 4], values)));
        let outputs = session.run(&inputs, &names).unwrap();
        for (name, output) in names.iter().zip(&outputs) {
            let want = if ["w", "b"].contains(&name.as_str()) {
                &w
            } else {
                &x
            };
            let want: Vec<f64> = want.iter().map(|v| f64::from(*v)).collect();
            assert_eq!(output.to_f64().unwrap(), want, "{name}, {rows} rows");
        }
    }
}

#[test]
fn a_model_that_passes_its_input_on_equals_itself() {
    if engine().is_none() {
        return;
    }
    let m = passing_on();
    let options = Options {
        engine: Preference::OnnxRuntime,
        ..Options::default()
    };
    let report = verify::run(Source::Proto(&m, None), Source::Proto(&m, None), &options).unwrap();
    assert!(report.same() && report.cases.len() > 2, "{report:?}");
}

#[test]
fn inputs_that_are_missing_or_of_another_type_are_errors() {
    let Some(ort) = engine() else { return };
    let m = passing_on();
    let mut session = ort.open(Source::Proto(&m, None)).unwrap();
    let x = |tensor| vec![("x".to_owned(), tensor)];
    let missing = session.run(&x(Tensor::from_f32(&[1, 4], &[0.0; 4])), &["a".to_owned()]);
    assert!(
        matches!(missing, Err(EngineError::Input { .. })),
        "{missing:?}"
    );
    let mut wrong = x(Tensor::from_i64(&[1, 4], &[0; 4]));
    wrong.push(("w".to_owned(), Tensor::from_f32(&[1, 4], &[0.0; 4])));
    let wrong = session.run(&wrong, &["a".to_owned()]);
    assert!(matches!(wrong, Err(EngineError::Run { .. })), "{wrong:?}");
}

#[test]
fn a_run_ends_between_two_nodes_when_its_time_is_over() {
    let Some(ort) = engine() else { return };
    let mut text = "x: float[1]\na0 = Expand(x, size)\n".to_owned();
    for turn in 0..300 {
        text += &format!("a{} = Sin(a{turn})\n", turn + 1);
    }
    text += "y = ReduceSum(a300) keepdims=0";
    let m = model(&text, &[("size", build::i64s(&[1], &[1 << 24]))]);
    let x = [("x".to_owned(), Tensor::from_f32(&[1], &[0.5]))];
    let allowance = Allowance::of_time(Duration::from_millis(500));
    let mut session = ort.open(Source::Proto(&m, None)).unwrap();
    session.bound(&allowance);
    for _ in 0..2 {
        let begun = Instant::now();
        let error = session.run(&x, &["y".to_owned()]).unwrap_err();
        assert!(matches!(error, EngineError::Late { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{error}");
    }
    assert!(allowance.ended_a_run());
    let options = Options {
        engine: Preference::OnnxRuntime,
        seconds: 1,
        ..Options::default()
    };
    let report = verify::run(Source::Proto(&m, None), Source::Proto(&m, None), &options).unwrap();
    let Verdict::NotVerified { why } = &report.verdict else {
        panic!("{report:?}");
    };
    assert!(why.contains("not run: ONNX Runtime"), "{why}");
}
