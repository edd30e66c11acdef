//! What stops a rotation: a graph that is right, and one change at a time that breaks one condition.

use crate::build::{f32s, i64s, model, open, rotary};
use phasor::onnx::Tensor;
use phasor::pipeline::{self, Findings, Search};
use phasor::recognize::{Refusal, Stage};

/// A rotation of halves, by the angles of positions, in heads of 8 channels.
pub(crate) const RIGHT: &str = "
    x: float[batch, 4, seq, 8]
    pos: int64[batch, seq]
    p = Cast(pos) to=1
    p3 = Unsqueeze(p, minus1)
    half = Mul(p3, freq)
    angle = Concat(half, half) axis=-1
    cos3 = Cos(angle)
    sin3 = Sin(angle)
    cos = Unsqueeze(cos3, n1)
    sin = Unsqueeze(sin3, n1)
    low = Slice(x, n0, n4, minus1)
    high = Slice(x, n4, n8, minus1)
    minus = Neg(high)
    turned = Concat(minus, low) axis=-1
    left = Mul(x, cos)
    right = Mul(turned, sin)
    y = Add(left, right)
";

fn findings(text: &str) -> Findings {
    of_version(text, 8)
}

/// As [`findings`], in a model of this IR version.
fn of_version(text: &str, ir_version: i64) -> Findings {
    let list = |values: &[i64]| i64s(&[values.len()], values);
    let scalar = |value: f32| f32s(&[], &[value]);
    let constants: Vec<(&str, Tensor)> = vec![
        ("n0", list(&[0])),
        ("n1", list(&[1])),
        ("n2", list(&[2])),
        ("n3", list(&[3])),
        ("n4", list(&[4])),
        ("n7", list(&[7])),
        ("n8", list(&[8])),
        ("minus1", list(&[-1])),
        ("backwards", list(&[7, 6, 5, 4, 3, 2, 1, 0])),
        ("impossible", list(&[1 << 62, 4])),
        (
            "signs",
            f32s(&[8], &[-1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0]),
        ),
        ("a half", scalar(0.5)),
        ("two", scalar(2.0)),
        ("freq", f32s(&[4], &[1.0, 0.3, 0.1, 0.03])),
    ];
    let mut model = model(text, &constants);
    model.ir_version = Some(ir_version);
    pipeline::find(&open(&model), &Search::default()).unwrap()
}

/// The graph with the line that makes `name` replaced.
fn with(name: &str, lines: &str) -> String {
    let line = RIGHT
        .lines()
        .find(|line| line.trim().starts_with(&format!("{name} = ")));
    RIGHT.replace(line.expect("a line to replace"), lines)
}

/// The one near miss that a change leaves, and no site.
fn refusal(name: &str, lines: &str) -> Refusal {
    let findings = findings(&with(name, lines));
    assert!(findings.sites.is_empty(), "{name}: {:#?}", findings.sites);
    let [refusal] = &findings.refusals[..] else {
        panic!("{name}: {:#?}", findings.refusals);
    };
    assert!(!refusal.reason.ends_with('.'), "{}", refusal.reason);
    refusal.clone()
}

#[track_caller]
fn stops(name: &str, lines: &str, stage: Stage, words: &[&str]) {
    let refusal = refusal(name, lines);
    assert_eq!(refusal.stage, stage, "{}", refusal.reason);
    assert_eq!(refusal.value, "y");
    for word in words {
        assert!(refusal.reason.contains(word), "{}", refusal.reason);
    }
}

#[test]
fn the_graph_is_right_as_it_is() {
    let findings = findings(RIGHT);
    assert_eq!(findings.sites.len(), 1);
    assert!(findings.refusals.is_empty(), "{:#?}", findings.refusals);
}

#[test]
fn a_reflection_is_none() {
    let words = ["x0*cos(a) + x4*sin(a)", "one sign", "reflected"];
    stops("minus", "minus = Identity(high)", Stage::Proof, &words);
}

#[test]
fn halves_must_change_places() {
    let words = ["x0*cos(a)", "x0*sin(a)", "both terms are of one channel"];
    stops(
        "turned",
        "turned = Concat(low, minus) axis=-1",
        Stage::Pairs,
        &words,
    );
}

#[test]
fn halves_must_not_overlap() {
    let words = [
        "channel 0 is made of channels 0 and 3",
        "the two are not a pair",
    ];
    stops(
        "high",
        "high = Slice(x, n3, n7, minus1)",
        Stage::Pairs,
        &words,
    );
}

#[test]
fn pairs_must_be_those_of_a_layout() {
    let lines = "flipped = Gather(x, backwards) axis=-1
        turned = Mul(flipped, signs)";
    let words = ["channel 0 is made of channels 0 and 7", "half layout"];
    stops("turned", lines, Stage::Pairs, &words);
}

#[test]
fn other_channels_must_stay_as_they_are() {
    let lines = "rotated = Add(left, right)
        first = Slice(rotated, n0, n4, minus1)
        last = Slice(x, n4, n8, minus1)
        less = Mul(last, a half)
        y = Concat(first, less) axis=-1";
    let refusals = findings(&with("y", lines)).refusals;
    assert!(
        refusals
            .iter()
            .all(|r| r.value != "y" || r.stage == Stage::Pairs),
        "{refusals:#?}"
    );
}

#[test]
fn a_cosine_is_no_sine() {
    let words = ["the same function", "x0*cos(a) - x4*cos(a)"];
    stops("sin3", "sin3 = Cos(angle)", Stage::Proof, &words);
}

#[test]
fn both_functions_must_be_of_one_angle() {
    let lines = "later = Add(angle, a half)
        sin3 = Sin(later)";
    stops(
        "sin3",
        lines,
        Stage::Proof,
        &["different angles", "b = a + 0.5"],
    );
}

#[test]
fn both_functions_must_be_of_one_size() {
    let lines = "full = Sin(angle)
        sin3 = Mul(full, a half)";
    stops(
        "sin3",
        lines,
        Stage::Proof,
        &["scaled differently", "0.5*x4*sin(a)"],
    );
}

#[test]
fn an_unknown_angle_is_traced_to_its_node() {
    for (name, lines) in [
        ("sin3", "sin3 = other::Sin(angle)"),
        ("minus", "minus = other::Neg(high)"),
        ("right", "right = other::Mul(turned, sin)"),
    ] {
        let refusal = refusal(name, lines);
        let lost = refusal.lost.expect("a cause");
        assert_eq!(lost.value, name, "{}", refusal.reason);
        assert!(lost.operator.starts_with("other::"), "{lost:?}");
        assert!(refusal.hint.is_some());
    }
}

#[test]
fn channels_must_not_be_exchanged_between_heads() {
    let text = RIGHT
        .replace("Slice(x, n0, n4, minus1)", "Slice(x, n0, n2, n1)")
        .replace("Slice(x, n4, n8, minus1)", "Slice(x, n2, n4, n1)")
        .replace("(minus, low) axis=-1", "(minus, low) axis=1");
    let findings = findings(&text);
    let [refusal] = &findings.refusals[..] else {
        panic!("{:#?}", findings.refusals);
    };
    assert_eq!(refusal.stage, Stage::Angles);
    assert!(refusal.reason.contains("axis 1"), "{}", refusal.reason);
}

#[test]
fn products_that_are_never_added_are_no_rotation() {
    let words = ["`x`", "side by side"];
    stops(
        "y",
        "y = Concat(left, right) axis=-1",
        Stage::Angles,
        &words,
    );
}

#[test]
fn what_is_no_rotation_is_no_near_miss() {
    for (name, lines) in [
        // A sinusoidal encoding.
        ("y", "y = Add(x, cos)"),
        // Products with a cosine alone, gated or shifted.
        ("y", "y = Mul(left, x)"),
        ("y", "y = Add(left, x)"),
        // A sine as an activation function.
        (
            "sin",
            "wave = Sin(x)
             sin = Mul(wave, a half)",
        ),
    ] {
        let text = with(name, lines);
        let text: String = match name {
            "y" => text,
            _ => text.replace(
                "right = Mul(turned, sin)\n    y = Add(left, right)",
                "y = Add(x, sin)",
            ),
        };
        let findings = findings(&text);
        assert!(findings.sites.is_empty(), "{lines}");
        assert!(
            findings.refusals.is_empty(),
            "{lines}: {:#?}",
            findings.refusals
        );
    }
}

#[test]
fn a_product_of_two_tensors_is_rotated_once() {
    let text = RIGHT.replace(
        "x: float[batch, 4, seq, 8]",
        "gate: float[batch, 4, seq, 8]
        value: float[batch, 4, seq, 8]
        x = Mul(gate, value)",
    );
    let findings = findings(&text);
    let [found] = &findings.sites[..] else {
        panic!("{:#?}", findings.sites);
    };
    assert_eq!(rotary(found).x, "x");
    assert!(findings.refusals.is_empty(), "{:#?}", findings.refusals);
}

#[test]
fn what_callers_may_override_is_no_constant() {
    let text = format!("n4: int64[1]{RIGHT}");
    assert!(findings(&text).sites.is_empty());
    // There every initializer is an input, and none can be overridden.
    assert_eq!(of_version(&text, 3).sites.len(), 1);
    let text = format!("freq: float[4]{RIGHT}");
    assert_eq!(findings(&text).sites.len(), 1);
}

#[test]
fn parts_of_impossible_sizes_are_no_channels() {
    let text = with("low", "low, rest = Split(x, impossible) axis=-1");
    assert!(findings(&text).sites.is_empty());
}

/// Which tensors a site reads as its own where one of `x` is changed on the way.
fn rotated(lines: &str) -> String {
    let text = RIGHT.replace(
        "x: float[batch, 4, seq, 8]",
        &format!("x0: float[batch, 4, seq, 8]\n{lines}"),
    );
    let findings = findings(&text);
    let [found] = &findings.sites[..] else {
        panic!("{lines}: {:#?}", findings.refusals);
    };
    rotary(found).x.clone()
}

#[test]
fn what_is_scaled_and_scaled_back_is_read_after_that() {
    assert_eq!(rotated("t = Mul(x0, a half)\nx = Mul(t, two)"), "x");
    assert_eq!(rotated("t = Add(x0, x0)\nx = Sub(t, x0)"), "x");
    assert_eq!(rotated("t = Neg(x0)\nx = Neg(t)"), "x0");
}

#[test]
fn factors_that_cancel_across_a_rotation_stop_it() {
    let text = RIGHT.replace(
        "left = Mul(x, cos)",
        "left0 = Mul(x, cos)\nleft1 = Mul(left0, two)\nleft = Mul(left1, a half)",
    );
    let findings = findings(&text);
    assert!(findings.sites.is_empty());
    let [refusal] = &findings.refusals[..] else {
        panic!("{:#?}", findings.refusals);
    };
    assert!(refusal.reason.contains("put back"), "{}", refusal.reason);
}
