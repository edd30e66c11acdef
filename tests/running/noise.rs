//! Models that move by themselves: what may pass as rounding, what may not, and where nothing can be told.

use crate::build::{f32s, model};
use phasor::engine::Source;
use phasor::onnx::proto::ModelProto;
use phasor::verify::{self, Options, Preference, Report, Verdict};

/// `sin(gain * p)` of `p = x * (1 + more) * 0.7 + x * 0.6`, or of the same sum in one product.
fn amplified(gain: f32, split: bool, more: f32) -> ModelProto {
    let p = match split {
        true => "a = Mul(x, u)\nb = Mul(x, v)\np = Add(a, b)",
        false => "p = Mul(x, w)",
    };
    let (u, v) = (0.7f32 * (1.0 + more), 0.6f32);
    model(
        &format!("x: float[batch, sequence]\n{p}\nlarge = Mul(p, gain)\ny = Sin(large)"),
        &[
            ("u", f32s(&[1], &[u])),
            ("v", f32s(&[1], &[v])),
            ("w", f32s(&[1], &[0.7 + 0.6])),
            ("gain", f32s(&[1], &[gain])),
        ],
    )
}

fn compare(gain: f32, more: f32, tolerance: Option<f64>) -> Report {
    let (a, b) = (amplified(gain, false, 0.0), amplified(gain, true, more));
    let options = Options {
        engine: Preference::Tract,
        tolerance,
        ..Options::default()
    };
    verify::run(Source::Proto(&a, None), Source::Proto(&b, None), &options).unwrap()
}

#[test]
fn rounding_that_a_model_amplifies_is_no_difference() {
    let report = compare(2e4, 0.0, None);
    assert!(report.same(), "{report:?}");
    assert!(
        report.worst().1 > 2e-4,
        "the plain tolerance would do: {report:?}"
    );
    let noise = report.noise().expect("it was measured");
    assert!(noise > 1e-3 && noise < 0.1, "{noise}");
    let strict = compare(2e4, 0.0, Some(2e-4));
    assert!(!strict.same() && strict.noise().is_none(), "{strict:?}");
}

#[test]
fn an_error_that_is_larger_than_the_noise_is_a_difference() {
    let report = compare(2e4, 2e-5, None);
    let Verdict::Different { why } = &report.verdict else {
        panic!("{report:?}");
    };
    assert!(why.contains("by itself") && why.contains("`y`"), "{why}");
    let hint = report.hint().unwrap_or_default();
    assert!(hint.contains("--tolerance"), "{hint}");
}

#[test]
fn noise_in_which_an_error_would_drown_verifies_nothing() {
    let report = compare(3e7, 0.0, None);
    let Verdict::NotVerified { why } = &report.verdict else {
        panic!("{report:?}");
    };
    assert!(why.contains("moves by"), "{why}");
    assert!(report.hint().unwrap_or_default().contains("--tolerance"));
}

#[test]
fn noise_is_measured_only_where_the_tolerance_does_not_do() {
    let report = compare(1.0, 0.0, None);
    assert!(report.same() && report.noise().is_none(), "{report:?}");
}
