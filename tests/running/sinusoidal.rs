//! Sinusoidal embeddings, fused and compared for all sizes from 0.

use crate::build::{f32s, i64s, model};
use crate::fused::{compared, count, fuse};
use phasor::onnx::{ModelFile, Tensor};
use phasor::pipeline::Outcome;
use phasor::recognize::{Kind, Sinusoidal};
use phasor::rewrite::{Target, unfuse};
use prost::Message;
use tempfile::TempDir;

/// Positions that are counted along a tensor, interleaved, added to it.
const COUNTED: &str = "
    x: float[batch, length, 6]
    sizes = Shape(x) start=1 end=2
    size = Squeeze(sizes, axis0)
    range = Range(zero, size, one)
    p = Cast(range) to=1
    column = Unsqueeze(p, last)
    angle = Mul(column, freq)
    sin = Sin(angle)
    cos = Cos(angle)
    s = Unsqueeze(sin, last)
    c = Unsqueeze(cos, last)
    pairs = Concat(s, c) axis=-1
    rows = Concat(sizes, width) axis=0
    row = Reshape(pairs, rows) allowzero=1
    y = Add(x, row)";

/// Timesteps of a batch: the halves are exchanged, and multiplied by a number.
const TIMES: &str = "
    t: int64[batch]
    column = Unsqueeze(t, axis1)
    p = Cast(column) to=1
    angle = Mul(p, freq)
    sin = Sin(angle)
    cos = Cos(angle)
    row = Concat(sin, cos) axis=-1
    a = Slice(row, middle, end, last)
    b = Slice(row, axis0, middle, last)
    flipped = Concat(a, b) axis=-1
    y = Mul(flipped, factor)";

/// Coordinates that a mask counts and its end normalises, divided by numbers, with a zero at the end.
const DIVIDED: &str = "
    mask: int64[batch, length]
    ones = Cast(mask) to=1
    counted = CumSum(ones, one)
    whole = Slice(counted, last, end, axis1)
    positive = Add(whole, factor)
    ratio = Div(counted, positive)
    column = Unsqueeze(ratio, last)
    angle = Div(column, freq)
    sin = Sin(angle)
    cos = Cos(angle)
    shape = Shape(column)
    zeros = ConstantOfShape(shape)
    y = Concat(sin, cos, zeros) axis=2";

/// Frequencies that are an input, and one position.
const GIVEN: &str = "
    t: double[1]
    given: double[1, 4]
    column = Unsqueeze(t, last)
    angle = MatMul(column, given)
    sin = Sin(angle)
    cos = Cos(angle)
    y = Concat(cos, sin) axis=-1";

/// What fusing for a target makes of a model.
fn made(text: &str, target: Target) -> (Outcome, ModelFile) {
    let scalar = |value: i64| i64s(&[], &[value]);
    let list = |value: i64| i64s(&[1], &[value]);
    let constants: [(&str, Tensor); 10] = [
        ("freq", f32s(&[3], &[1.0, 0.1, 0.01])),
        ("factor", f32s(&[], &[1.5])),
        ("zero", scalar(0)),
        ("one", scalar(1)),
        ("axis0", list(0)),
        ("axis1", list(1)),
        ("last", list(-1)),
        ("width", list(6)),
        ("middle", list(3)),
        ("end", list(99)),
    ];
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model(text, &constants).encode_to_vec()).unwrap();
    fuse(&ModelFile::open(&path).unwrap(), target).unwrap()
}

/// The only site of a model, which is fused and compares equal.
#[track_caller]
fn fused(text: &str) -> Sinusoidal {
    let (outcome, written) = made(text, Target::Phasor);
    assert!(compared(&outcome));
    assert_eq!(count(&written, "ai.phasor", "SinusoidalEmbedding"), 1);
    assert_eq!(count(&written, "", "Sin") + count(&written, "", "Cos"), 0);
    let (_, expanded) = unfuse(&written).unwrap();
    assert_eq!(expanded.len(), 1);
    let [found] = &outcome.findings.sites[..] else {
        panic!("{} sites", outcome.findings.sites.len());
    };
    match &found.site.kind {
        Kind::Sinusoidal(site) => site.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn positions_and_frequencies_are_read_where_the_graph_has_them() {
    let counted = fused(COUNTED);
    assert_eq!(counted.positions.value, "range");
    assert!(counted.attributes.interleaved);
    let times = fused(TIMES);
    assert_eq!(times.positions.value, "t");
    assert!(times.attributes.cos_first);
    assert_eq!(times.attributes.amplitude, 1.5);
    let divided = fused(DIVIDED);
    assert_eq!(divided.positions.value, "ratio");
    assert!(divided.divided);
    assert_eq!(divided.attributes.width, 7);
    let given = fused(GIVEN);
    assert_eq!(given.frequencies.value(), Some("given"));
}

#[test]
fn other_targets_leave_them() {
    let (outcome, written) = made(TIMES, Target::Contrib);
    assert_eq!(count(&written, "", "Sin"), 1);
    let [refusal] = &outcome.findings.unsupported[..] else {
        panic!("one site is left");
    };
    assert_eq!(refusal.reason, "the target has no operator for it");
}
