//! The embedded engine against what ONNX defines.

use crate::build::{branch, decide, f32s, i64s, info, model, node, opset, typed};
use phasor::engine::{Engine, EngineError, Source, tract::Tract};
use phasor::onnx::proto::{
    FunctionProto, GraphProto, ModelProto, StringStringEntryProto, TensorProto,
};
use phasor::onnx::{DataType, Tensor};

fn run(model: &ModelProto, inputs: &[(&str, Tensor)], output: &str) -> Result<Tensor, EngineError> {
    let inputs: Vec<(String, Tensor)> = inputs
        .iter()
        .map(|(n, t)| ((*n).to_owned(), t.clone()))
        .collect();
    Ok(Tract
        .run(Source::Proto(model, None), &inputs, &[output.to_owned()])?
        .remove(0))
}

fn values(model: &ModelProto, inputs: &[(&str, Tensor)], output: &str) -> Vec<f64> {
    run(model, inputs, output).unwrap().to_f64().unwrap()
}

fn zeros(shape: &[usize]) -> Tensor {
    f32s(shape, &vec![0.0; shape.iter().product()])
}

#[test]
fn ranges_count_up_and_down() {
    let ends = [
        ("zero", i64s(&[], &[0])),
        ("five", i64s(&[], &[5])),
        ("two", i64s(&[], &[2])),
        ("down", i64s(&[], &[-2])),
    ];
    let m = model(
        "up = Range(zero, five, two)\ndown_ = Range(five, zero, down)\nnone = Range(five, zero, two)",
        &ends,
    );
    assert_eq!(values(&m, &[], "up"), [0.0, 2.0, 4.0]);
    assert_eq!(values(&m, &[], "down_"), [5.0, 3.0, 1.0]);
    assert_eq!(values(&m, &[], "none"), [0.0; 0]);
    let m = model(
        "x: float[n]\nshape = Shape(x)\nn = Squeeze(shape)\nlast = Sub(n, one)\ny = Range(last, minus, minus)",
        &[("one", i64s(&[], &[1])), ("minus", i64s(&[], &[-1]))],
    );
    assert_eq!(values(&m, &[("x", zeros(&[4]))], "y"), [3.0, 2.0, 1.0, 0.0]);
}

#[test]
fn integers_from_shapes_are_integers() {
    let constants = [
        ("neg", i64s(&[1], &[-11])),
        ("four", i64s(&[1], &[4])),
        ("axis", i64s(&[], &[0])),
    ];
    let m = model(
        "x: float[a, b]\nshape = Shape(x)\nless = Add(shape, neg)\nmod = Mod(less, four)\nsum = CumSum(shape, axis)",
        &constants,
    );
    let x = zeros(&[4, 5]);
    assert_eq!(values(&m, &[("x", x.clone())], "mod"), [1.0, 2.0]);
    assert_eq!(values(&m, &[("x", x)], "sum"), [4.0, 9.0]);
}

#[test]
fn a_bound_to_the_end_survives_a_cast() {
    let constants = [("zero", i64s(&[1], &[0])), ("max", i64s(&[1], &[i64::MAX]))];
    let m = model(
        "x: float[n]\nend = Cast(max) to=7\ny = Slice(x, zero, end)",
        &constants,
    );
    assert_eq!(run(&m, &[("x", zeros(&[6]))], "y").unwrap().shape, [6]);
}

#[test]
fn half_precision_and_booleans() {
    let f16 = |shape: &[usize], v: &[f64]| typed(DataType::F16, shape, v);
    let m = model(
        "a: float16[2, 2]\nc: float16[2]\nproduct = Gemm(a, a, c)\ninfinite = IsInf(a)\nsame = Equal(infinite, flags)",
        &[(
            "flags",
            typed(DataType::Bool, &[2, 2], &[0.0, 1.0, 0.0, 0.0]),
        )],
    );
    let inputs = [
        ("a", f16(&[2, 2], &[1.0, 2.0, 3.0, 4.0])),
        ("c", f16(&[2], &[10.0, 20.0])),
    ];
    assert_eq!(values(&m, &inputs, "product"), [17.0, 30.0, 25.0, 42.0]);
    assert_eq!(
        values(
            &m,
            &[("a", f16(&[2, 2], &[1.0, f64::INFINITY, 0.0, 1.0]))],
            "same"
        ),
        [1.0; 4]
    );
}

#[test]
fn ellipses_stand_for_the_axes_of_their_term_alone() {
    let constants = [
        ("f", f32s(&[2], &[1.0, 10.0])),
        ("w", f32s(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0])),
    ];
    let m = model(
        "x: float[1, 3]\nafter = Einsum(x, f) equation=...,a->...a\nbefore = Einsum(f, x) equation=a,...->a...\n\
         product = Einsum(x, w) equation=...k,kn",
        &constants,
    );
    let x = [("x", f32s(&[1, 3], &[1.0, 2.0, 3.0]))];
    let run = |output: &str| run(&m, &x, output).unwrap();
    for (output, shape, values) in [
        (
            "after",
            vec![1, 3, 2],
            vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0],
        ),
        (
            "before",
            vec![2, 1, 3],
            vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0],
        ),
        ("product", vec![1, 2], vec![4.0, 5.0]),
    ] {
        let tensor = run(output);
        assert_eq!(
            (tensor.shape.clone(), tensor.to_f64().unwrap()),
            (shape, values),
            "{output}"
        );
    }
}

#[test]
fn negative_indices_count_from_the_end() {
    let x = f32s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let constants = [
        ("at", i64s(&[2, 2], &[-1, -1, 0, -3])),
        ("row", i64s(&[1, 1], &[-1])),
        ("new", f32s(&[1, 3], &[7.0; 3])),
    ];
    let m = model(
        "x: float[2, 3]\ny = GatherND(x, at)\nz = ScatterND(x, row, new)",
        &constants,
    );
    assert_eq!(values(&m, &[("x", x.clone())], "y"), [5.0, 0.0]);
    assert_eq!(values(&m, &[("x", x)], "z"), [0.0, 1.0, 2.0, 7.0, 7.0, 7.0]);
}

#[test]
fn a_boolean_attention_mask_masks() {
    let mut m = model(
        "q: float[1, 1, 1, 2]\nk: float[1, 1, 2, 2]\nv: float[1, 1, 2, 2]\ny = Attention(q, k, v, mask)",
        &[("mask", typed(DataType::Bool, &[1, 2], &[1.0, 0.0]))],
    );
    m.opset_import = vec![opset("", 23)];
    let tensor = |shape: &[usize], v: &[f32]| f32s(shape, v);
    let inputs = [
        ("q", tensor(&[1, 1, 1, 2], &[1.0, 1.0])),
        ("k", tensor(&[1, 1, 2, 2], &[1.0, 0.0, 0.0, 9.0])),
        ("v", tensor(&[1, 1, 2, 2], &[3.0, 4.0, 50.0, 60.0])),
    ];
    assert_eq!(values(&m, &inputs, "y"), [3.0, 4.0]);
}

#[test]
fn the_default_fill_is_a_float32_zero() {
    let m = model("y = ConstantOfShape(shape)", &[("shape", i64s(&[1], &[3]))]);
    assert_eq!(run(&m, &[], "y").unwrap(), f32s(&[3], &[0.0; 3]));
}

#[test]
fn the_branch_of_a_given_condition_is_taken() {
    let output = |name: &str| vec![info(&format!("{name}: float[n]"))];
    let body = |nodes, name: &str| GraphProto {
        node: nodes,
        output: output(name),
        ..Default::default()
    };
    let mut m = model(
        "choice: bool[]\nx: float[n]\npast: float[m]\ny = If(choice)",
        &[],
    );
    let graph = m.graph.as_mut().unwrap();
    graph.node[0].attribute = vec![
        branch(
            "then_branch",
            body(vec![node("y", "Concat(past, x) axis=0")], "y"),
        ),
        branch("else_branch", body(vec![node("y", "Identity(x)")], "y")),
    ];
    for (choice, expected) in [(1.0, vec![5.0, 1.0, 2.0]), (0.0, vec![1.0, 2.0])] {
        let inputs = [
            ("choice", typed(DataType::Bool, &[], &[choice])),
            ("x", f32s(&[2], &[1.0, 2.0])),
            ("past", f32s(&[1], &[5.0])),
        ];
        assert_eq!(values(&m, &inputs, "y"), expected);
    }
}

#[test]
fn constants_of_a_branch_are_not_those_of_the_node() {
    let mut m = model(
        "x: float[n]\nmost = ReduceMax(x) keepdims=0\nc = Greater(most, limit)\nk = If(c)\ny = Neg(k)\nz = Add(y, x)",
        &[
            ("limit", f32s(&[], &[5.0])),
            ("large", f32s(&[1], &[100.0])),
            ("small", f32s(&[1], &[1.0])),
        ],
    );
    decide(&mut m, "Identity(large)", "Identity(small)");
    let of = |x: f32| values(&m, &[("x", f32s(&[1], &[x]))], "z");
    assert_eq!(of(9.0), [-91.0]);
    assert_eq!(of(2.0), [1.0]);
}

#[test]
fn adapters_reach_into_branches() {
    let one = ("one", f32s(&[1], &[1.0]));
    let text = "x: float[3]\nat: int64[1, 1]\nc: bool[]\ny = If(c)";
    let mut m = model(text, &[one]);
    decide(&mut m, "GatherND(x, at)", "Neg(one)");
    let most = model("most = ReduceMax(x) keepdims=0", &[]);
    // The condition is computed, so that both branches are loaded.
    let graph = m.graph.as_mut().unwrap();
    graph.input.pop();
    graph.node.splice(0..0, most.graph.unwrap().node);
    graph.node.insert(1, node("c", "Cast(most) to=9"));
    let (x, at) = (f32s(&[3], &[1.0, 2.0, 3.0]), i64s(&[1, 1], &[-1]));
    assert_eq!(values(&m, &[("x", x), ("at", at)], "y"), [3.0]);
}

#[test]
fn functions_are_inlined_and_foreign_operators_are_not_guessed() {
    let mut m = model("x: float[n]\ny = other::Add(x, x)", &[]);
    let x = [("x", f32s(&[2], &[1.0, 2.0]))];
    let error = run(&m, &x, "y").unwrap_err().to_string();
    assert!(error.contains("other::Add"), "{error}");
    m.functions.push(FunctionProto {
        name: Some("Add".into()),
        domain: Some("other".into()),
        input: vec!["a".into(), "b".into()],
        output: vec!["c".into()],
        node: vec![node("c", "Mul(a, b)"), node("unused", "Neg(a)")],
        opset_import: vec![opset("", 17)],
        ..Default::default()
    });
    assert_eq!(values(&m, &x, "y"), [1.0, 4.0]);
}

#[test]
fn bfloat16_is_computed_in_float32() {
    let bf16 = |v: &[f64]| typed(DataType::BF16, &[2], v);
    let m = model(
        "x: bfloat16[2]\ns = Add(x, w)\nwide = Cast(s) to=1\ny = Cast(wide) to=16",
        &[("w", bf16(&[0.5, 2.0]))],
    );
    let y = run(&m, &[("x", bf16(&[1.0, 3.0]))], "y").unwrap();
    assert_eq!(y, f32s(&[2], &[1.5, 5.0]));
}

#[test]
fn any_value_can_be_asked_for_or_given() {
    let m = model(
        "x: float[2]\nunused: float[2]\na = Neg(x)\nb = Exp(a)\nc = Add(b, unused)",
        &[],
    );
    let x = f32s(&[2], &[0.0, 0.0]);
    assert_eq!(values(&m, &[("x", x.clone())], "b"), [1.0, 1.0]);
    assert_eq!(values(&m, &[("x", x.clone())], "x"), [0.0, 0.0]);
    let given = [
        ("b", f32s(&[2], &[5.0, 6.0])),
        ("unused", f32s(&[2], &[1.0, 1.0])),
    ];
    assert_eq!(values(&m, &given, "c"), [6.0, 7.0]);
    assert!(matches!(run(&m, &[], "b"), Err(EngineError::Input { name, .. }) if name == "x"));
    let error = run(&m, &[("x", x)], "nothing").unwrap_err().to_string();
    assert!(error.contains("`nothing`"), "{error}");
}

#[test]
fn failures_inside_are_errors() {
    let m = model(
        "i: int64[1]\ny = Gather(table, i)",
        &[("table", f32s(&[2], &[1.0, 2.0]))],
    );
    assert_eq!(values(&m, &[("i", i64s(&[1], &[-1]))], "y"), [2.0]);
    assert!(run(&m, &[("i", i64s(&[1], &[9]))], "y").is_err());
    let m = model("x: float[2]\ny = Concat(x, x)", &[]);
    assert!(matches!(
        run(&m, &[("x", zeros(&[2]))], "y"),
        Err(EngineError::Load { .. })
    ));
}

#[test]
fn external_weights_are_read_from_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.path().join("weights.bin"), bytes).unwrap();
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value.into()),
    };
    let mut m = model("x: float[2]\ny = Add(x, w)", &[]);
    m.graph.as_mut().unwrap().initializer.push(TensorProto {
        name: Some("w".into()),
        dims: vec![2],
        data_type: Some(1),
        data_location: Some(1),
        external_data: vec![entry("location", "weights.bin")],
        ..Default::default()
    });
    let x = [("x".to_owned(), f32s(&[2], &[10.0, 20.0]))];
    let y = ["y".to_owned()];
    let there = Tract
        .run(Source::Proto(&m, Some(folder.path())), &x, &y)
        .unwrap();
    assert_eq!(there[0].to_f64().unwrap(), [11.0, 22.0]);
    std::fs::remove_file(folder.path().join("weights.bin")).unwrap();
    let error = Tract
        .run(Source::Proto(&m, Some(folder.path())), &x, &y)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`w`") && error.contains("weights.bin"),
        "{error}"
    );
    assert!(Tract.run(Source::Proto(&m, None), &x, &y).is_err());
}

#[test]
fn values_that_no_memory_holds_are_refused() {
    let huge = i64s(&[2], &[1 << 30, 1 << 20]);
    for text in [
        "y = ConstantOfShape(huge)",
        "x: float[1]\ny = Expand(x, huge)",
        "x: float[1, 1]\ny = Tile(x, huge)",
    ] {
        let m = model(text, &[("huge", huge.clone())]);
        let x = if text.contains("Tile") {
            zeros(&[1, 1])
        } else {
            zeros(&[1])
        };
        let error = run(&m, &[("x", x)], "y").unwrap_err().to_string();
        assert!(error.contains("bytes"), "{text}: {error}");
    }
}
