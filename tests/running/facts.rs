//! Derived facts, and those that must not be derived.

use crate::build::{branch, f32s, i64s, info, model, node, open, typed};
use phasor::facts::{Dim, Facts};
use phasor::onnx::DataType;
use phasor::onnx::proto::{GraphProto, ModelProto};

fn shape(m: &ModelProto, value: &str) -> String {
    let facts = Facts::of(&open(m));
    match facts.get(value).and_then(|fact| fact.shape.as_ref()) {
        None => "unknown rank".to_owned(),
        Some(dims) => dims
            .iter()
            .map(Dim::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn dtype(m: &ModelProto, value: &str) -> Option<DataType> {
    Facts::of(&open(m)).get(value)?.dtype
}

#[test]
fn symbolic_shapes_are_followed() {
    let m = model(
        "x: float[batch, past + n, 8]\ny: float[batch, n, 8]\nz = Concat(x, y) axis=1\nt = Transpose(z) perm=[0,2,1]\ns = Shape(t)\nlen = Gather(s, two)\nr = Range(zero, len, one)\nflat = Reshape(z, target)",
        &[
            ("two", i64s(&[], &[2])),
            ("zero", i64s(&[], &[0])),
            ("one", i64s(&[], &[1])),
            ("target", i64s(&[3], &[0, -1, 4])),
        ],
    );
    assert_eq!(shape(&m, "t"), "batch, 8, 2*n + past");
    assert_eq!(shape(&m, "r"), "2*n + past");
    assert_eq!(shape(&m, "flat"), "batch, 4*n + 2*past, 4");
    assert_eq!(dtype(&m, "r"), Some(DataType::I64));
}

#[test]
fn a_dimension_may_have_any_name() {
    let m = model("x: float[a b/c-1, d*e]\ny = Neg(x)", &[]);
    assert_eq!(shape(&m, "y"), "a b/c-1, d*e");
}

#[test]
fn what_tract_gets_wrong_is_held_back() {
    let constants = [
        ("zero", i64s(&[], &[0])),
        ("minus", i64s(&[], &[-1])),
        ("w32", i64s(&[1], &[32])),
        ("neg", i64s(&[1], &[-11])),
        ("four", i64s(&[1], &[4])),
        ("first", i64s(&[1], &[0])),
        ("max", i64s(&[1], &[i64::MAX])),
        ("table", f32s(&[64], &[0.0; 64])),
    ];
    let m = model(
        "x: float[n]\ns = Shape(x)\nn0 = Squeeze(s)\ndown = Range(n0, zero, minus)\nstart = Sub(w32, s)\ncut = Slice(table, start, w32)\nknown = Slice(table, s, max)\nend = Cast(max) to=7\nall = Slice(x, first, end)\nless = Add(neg, s)\nmod = Mod(less, four)\nfill = ConstantOfShape(mod)",
        &constants,
    );
    assert_eq!(shape(&m, "down"), "n");
    assert_eq!(shape(&m, "cut"), "?", "the start may be of either sign");
    assert_eq!(shape(&m, "known"), "-n + 64", "a dimension is not negative");
    assert_eq!(shape(&m, "all"), "n");
    assert_eq!(
        shape(&m, "fill"),
        "?",
        "a remainder of a value that may be negative"
    );
    let m = model(
        "fill = ConstantOfShape(mod)\nmod = Mod(neg, four)",
        &constants,
    );
    assert_eq!(
        shape(&m, "fill"),
        "1",
        "plain integers have the divisor's sign"
    );
}

#[test]
fn an_unknown_condition_decides_nothing() {
    let output = vec![info("out: float[k]")];
    let body = |call: &str| GraphProto {
        node: vec![node("out", call)],
        output: output.clone(),
        ..Default::default()
    };
    let mut m = model("c: bool[]\nx: float[2]\ny = If(c)\nz = Identity(x)", &[]);
    m.graph.as_mut().unwrap().node[0].attribute = vec![
        branch("then_branch", body("Concat(x, x) axis=0")),
        branch("else_branch", body("Identity(x)")),
    ];
    // Neither 2 nor 4, and what both branches declare need not hold.
    assert_eq!(shape(&m, "y"), "unknown rank");
    assert_eq!(shape(&m, "z"), "2");
}

#[test]
fn declared_shapes_fill_gaps_and_override_nothing() {
    let mut m = model(
        "x: float[n, 4]\na = other::Mystery(x)\nb = Neg(x)\nc = Neg(a)",
        &[],
    );
    assert_eq!(shape(&m, "a"), "unknown rank");
    m.graph
        .as_mut()
        .unwrap()
        .node
        .push(node("d", "Concat(x, a)"));
    m.graph.as_mut().unwrap().value_info = vec![
        info("a: float16[n, 7]"),
        info("b: float[u3, 5]"),
        info("d: float[n, 5]"),
    ];
    assert_eq!(
        (shape(&m, "a"), dtype(&m, "a")),
        ("n, 7".to_owned(), Some(DataType::F16))
    );
    assert_eq!(
        (shape(&m, "b"), dtype(&m, "b")),
        ("n, 4".to_owned(), Some(DataType::F32))
    );
    // Nothing derives the shape of a concatenation without an axis; what is declared of a known operator may be wrong.
    assert_eq!(
        (shape(&m, "d"), dtype(&m, "d")),
        ("unknown rank".to_owned(), Some(DataType::F32))
    );
}

#[test]
fn a_node_that_cannot_be_built_costs_only_itself() {
    let m = model(
        "x: float[n]\nbad = Concat(x, x)\nworse = Neg(bad)\ngood = Neg(x)",
        &[],
    );
    assert_eq!(shape(&m, "bad"), "unknown rank");
    assert_eq!(shape(&m, "good"), "n");
}

#[test]
fn types_that_tract_lacks_are_told_apart() {
    let m = model(
        "x: bfloat16[n]\nh: float16[n]\ny = Add(x, w)\nz = Cast(y) to=1\ng = Neg(h)\nq = DequantizeLinear(e, scale)",
        &[
            ("w", typed(DataType::BF16, &[1], &[1.0])),
            (
                "e",
                phasor::onnx::Tensor {
                    dtype: DataType::F8E4M3FN,
                    shape: vec![2],
                    data: vec![0u8, 0].into(),
                },
            ),
            ("scale", f32s(&[], &[1.0])),
        ],
    );
    assert_eq!(
        (dtype(&m, "y"), shape(&m, "y")),
        (Some(DataType::BF16), "n".to_owned())
    );
    assert_eq!(dtype(&m, "z"), Some(DataType::F32));
    assert_eq!(dtype(&m, "g"), Some(DataType::F16));
    assert_eq!(
        (dtype(&m, "e"), shape(&m, "e")),
        (Some(DataType::F8E4M3FN), "2".to_owned())
    );
}

#[test]
fn constants_that_no_memory_holds_are_not_made() {
    let m = model(
        "y = ConstantOfShape(huge)\nz = Expand(one, huge)",
        &[
            ("huge", i64s(&[2], &[1 << 30, 1 << 30])),
            ("one", f32s(&[1], &[1.0])),
        ],
    );
    assert_eq!(shape(&m, "y"), "1073741824, 1073741824");
    assert_eq!(shape(&m, "z"), "1073741824, 1073741824");
}

#[test]
fn a_branch_that_shapes_decide_is_followed() {
    let output = vec![info("out: float[k]")];
    let body = |call: &str| GraphProto {
        node: vec![node("out", call)],
        output: output.clone(),
        ..Default::default()
    };
    let mut m = model(
        "x: float[2, n]\ns = Shape(x) end=1\nc = Equal(s, two)\ny = If(c)\nz = Neg(y)",
        &[("two", i64s(&[1], &[2]))],
    );
    m.graph.as_mut().unwrap().node[2].attribute = vec![
        branch("then_branch", body("Transpose(x) perm=[1,0]")),
        branch("else_branch", body("Identity(x)")),
    ];
    assert_eq!(shape(&m, "z"), "n, 2");
}
