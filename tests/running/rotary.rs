//! Rotations that are proven and run on numbers, in spellings that are hard to cut out.

use phasor::onnx::{DataType, Tensor};
use phasor::pipeline::{self, Findings, Search};

use super::build;

fn findings(text: &str, constants: &[(&str, Tensor)]) -> Findings {
    pipeline::find(
        &build::open(&build::model(text, constants)),
        &Search::default(),
    )
    .unwrap()
}

/// One site with this `x`, `y` and origin, and no refusal.
fn one_site(findings: &Findings, x: &str, y: &str, origin: &str) {
    let refusals = &findings.refusals;
    assert!(refusals.is_empty(), "{refusals:#?}");
    let [found] = &findings.sites[..] else {
        panic!("{} sites", findings.sites.len());
    };
    let site = &found.site;
    assert_eq!((&site.x[..], &site.y[..], &site.origin[..]), (x, y, origin));
    assert!(found.confirmed.probes >= 4);
}

/// One product is taken before the transposition that all the rest comes from, as ONNX Runtime leaves it after moving
/// transpositions down.
const BESIDE_X: &str = "
    heads: float[batch, seq, 4, 8]
    c: float[seq, 4]
    s: float[seq, 4]
    cos = Concat(c, c) axis=-1
    sin = Concat(s, s) axis=-1
    upright = Unsqueeze(cos, one)
    early = Mul(heads, upright)
    left = Transpose(early) perm=[0,2,1,3]
    x = Transpose(heads) perm=[0,2,1,3]
    a, b = Split(x) axis=3
    minus_b = Neg(b)
    turned = Concat(minus_b, a) axis=3
    right = Mul(turned, sin)
    y = Add(left, right)
";

#[test]
fn a_product_computed_beside_x_is_confirmed_from_the_origin_of_x() {
    let one = [("one", Tensor::from_i64(&[1], &[1]))];
    one_site(&findings(BESIDE_X, &one), "x", "y", "heads");
}

/// The rotated axis is what two convolutions leave of `time`: nothing, for the smallest sizes.
const BEHIND_CONVOLUTIONS: &str = "
    wave: float[batch, 1, time]
    coarse = Conv(wave, narrow) strides=[5]
    coarser = Conv(coarse, wide) strides=[2]
    features = Transpose(coarser) perm=[2,0,1]
    x = MatMul(features, dense)
    size = Shape(x) start=0 end=1
    length = Squeeze(size)
    positions = Range(zero, length, one)
    numbers = Cast(positions) to=1
    upright = Unsqueeze(numbers, axes)
    angles = Mul(upright, frequencies)
    twice = Concat(angles, angles) axis=-1
    cos = Cos(twice)
    sin = Sin(twice)
    a, b = Split(x) axis=2
    minus_b = Neg(b)
    turned = Concat(minus_b, a) axis=2
    right = Mul(turned, sin)
    left = Mul(x, cos)
    y = Add(left, right)
";

#[test]
fn symbols_grow_until_convolutions_leave_something() {
    let zeros = |shape: &[usize]| {
        let count = shape.iter().product();
        Tensor::from_f64_as(DataType::F32, shape, &vec![0.0; count])
    };
    let frequencies = [1.0, 0.1, 0.01, 0.001];
    let constants = [
        ("narrow", zeros(&[8, 1, 10])),
        ("wide", zeros(&[8, 8, 3])),
        ("dense", zeros(&[8, 8])),
        ("zero", Tensor::from_i64(&[], &[0])),
        ("one", Tensor::from_i64(&[], &[1])),
        ("axes", Tensor::from_i64(&[2], &[1, 2])),
        (
            "frequencies",
            Tensor::from_f64_as(DataType::F32, &[4], &frequencies),
        ),
    ];
    let findings = findings(BEHIND_CONVOLUTIONS, &constants);
    one_site(&findings, "x", "y", "x");
}
