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
    let rotary = build::rotary(found);
    assert_eq!(
        (&rotary.x[..], &site.y[..], &rotary.origin[..]),
        (x, y, origin)
    );
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

/// Rotates `x`, whose first or second axis of three is as long as `size` says.
fn rotated(before: &str, axes: &str) -> String {
    format!(
        "{before}
        length = Squeeze(size)
        positions = Range(zero, length, step)
        numbers = Cast(positions) to=1
        upright = Unsqueeze(numbers, {axes})
        angles = Mul(upright, frequencies)
        twice = Concat(angles, angles) axis=-1
        cos = Cos(twice)
        sin = Sin(twice)
        a, b = Split(x) axis=2
        minus_b = Neg(b)
        turned = Concat(minus_b, a) axis=2
        right = Mul(turned, sin)
        left = Mul(x, cos)
        y = Add(left, right)"
    )
}

fn floats(shape: &[usize], values: &[f64]) -> Tensor {
    Tensor::from_f64_as(DataType::F32, shape, values)
}

fn ones(shape: &[usize]) -> Tensor {
    floats(shape, &vec![1.0; shape.iter().product()])
}

/// The constants that [`rotated`] names, and weights of dense layers.
fn constants() -> Vec<(&'static str, Tensor)> {
    vec![
        ("zero", Tensor::from_i64(&[], &[0])),
        ("step", Tensor::from_i64(&[], &[1])),
        ("last", Tensor::from_i64(&[1], &[1])),
        ("last_two", Tensor::from_i64(&[2], &[1, 2])),
        ("frequencies", floats(&[4], &[1.0, 0.1, 0.01, 0.001])),
        ("dense", ones(&[8, 8])),
    ]
}

/// The rotated axis is what two convolutions leave of `time`: nothing, for the smallest sizes.
const BEHIND_CONVOLUTIONS: &str = "
    wave: float[batch, 1, time]
    coarse = Conv(wave, narrow) strides=[5]
    coarser = Conv(coarse, wide) strides=[2]
    features = Transpose(coarser) perm=[2,0,1]
    x = MatMul(features, dense)
    size = Shape(x) start=0 end=1
";

#[test]
fn symbols_grow_until_convolutions_leave_something() {
    let mut constants = constants();
    constants.push(("narrow", ones(&[8, 1, 10])));
    constants.push(("wide", ones(&[8, 8, 3])));
    let text = rotated(BEHIND_CONVOLUTIONS, "last_two");
    one_site(&findings(&text, &constants), "x", "y", "x");
}

#[test]
fn sizes_are_known_behind_operators_of_onnx_runtime() {
    for layer in [
        "hidden = com.microsoft::FusedMatMul(tokens, dense) transB=1",
        "moved = Transpose(tokens) perm=[1,0,2]
         hidden = com.microsoft::FusedMatMul(moved, dense) transBatchA=1",
        "hidden = com.microsoft::MatMulNBits(tokens, packed, scales) N=8 K=8",
        "hidden = com.microsoft::DynamicQuantizeMatMul(tokens, packed, scales)",
        "normed, mean, deviation, hidden = com.microsoft::SkipLayerNormalization(tokens, tokens, scales)",
        "bytes, scale, point = DynamicQuantizeLinear(tokens)
         hidden = com.microsoft::MatMulIntegerToFloat(bytes, packed, scale, scales)",
    ] {
        let mut constants = constants();
        constants.push((
            "packed",
            Tensor::from_f64_as(DataType::U8, &[8, 8], &[1.0; 64]),
        ));
        constants.push(("scales", ones(&[8])));
        let before = format!(
            "tokens: float[batch, seq, 8]
            {layer}
            x = MatMul(hidden, dense)
            size = Shape(tokens) start=1 end=2"
        );
        one_site(
            &findings(&rotated(&before, "last"), &constants),
            "x",
            "y",
            "x",
        );
    }
}
