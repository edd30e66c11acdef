//! The operators in tract: the same as their references, and no other domain's.

use phasor::engine::tract::{Tract, register, tract_onnx};
use phasor::engine::{Engine, Source};
use phasor::onnx::{DataType, Tensor};
use phasor_ops::contract::rotary::{RotaryAttributes, reference};
use tract_onnx::prelude::{self as tract, Framework, InferenceModelExt, IntoRunnable, tvec};

use crate::build::{model, opset, typed};

/// Numbers without a pattern, in -1 to 1.
fn numbers(seed: u64, shape: &[usize]) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (0..shape.iter().product()).map(|_| next()).collect()
}

#[test]
fn nodes_without_a_function_agree_with_the_reference() {
    let attributes = [
        RotaryAttributes::default(),
        RotaryAttributes {
            interleaved: true,
            inverse: true,
            ..Default::default()
        },
        RotaryAttributes {
            interleaved: true,
            output_interleaved: Some(false),
            rotary_dim: 4,
            rotary_offset: 3,
            ..Default::default()
        },
    ];
    let types = [
        ("float", DataType::F32, "float", DataType::F32, 1e-6),
        ("double", DataType::F64, "float", DataType::F32, 1e-12),
        ("float16", DataType::F16, "float16", DataType::F16, 1e-3),
        ("float16", DataType::F16, "float", DataType::F32, 1e-3),
        // The engine computes it in f32 and rounds nothing to it.
        ("bfloat16", DataType::BF16, "float", DataType::F32, 1e-6),
    ];
    for (seed, attributes) in attributes.into_iter().enumerate() {
        for (x_name, x_type, table_name, table_type, tolerance) in types {
            let (shape, lead) = ([2, 3, 5, 8], [2, 1, 5]);
            let rotated = if attributes.rotary_dim == 0 {
                8
            } else {
                attributes.rotary_dim
            };
            for width in [rotated / 2, rotated] {
                let table = [lead[0], lead[1], lead[2], width];
                let list: Vec<String> = attributes
                    .values()
                    .iter()
                    .map(|(n, v)| format!("{n}={v}"))
                    .collect();
                let mut m = model(
                    &format!(
                        "x: {x_name}[2, 3, 5, 8]\ncos: {table_name}[2, 1, 5, {width}]\nsin: {table_name}[5, {width}]\n\
                         y = ai.phasor::RotaryEmbedding(x, cos, sin) {}",
                        list.join(" ")
                    ),
                    &[],
                );
                m.opset_import.push(opset("ai.phasor", 1));
                let seed = seed as u64 * 10;
                let tensors = [
                    ("x", typed(x_type, &shape, &numbers(seed, &shape))),
                    ("cos", typed(table_type, &table, &numbers(seed + 1, &table))),
                    (
                        "sin",
                        typed(table_type, &table[2..], &numbers(seed + 2, &table[2..])),
                    ),
                ];
                let inputs = tensors.map(|(name, tensor)| (name.to_owned(), tensor));
                let result = Tract.run(Source::Proto(&m, None), &inputs, &["y".to_owned()]);
                let y = result.unwrap()[0].to_f64().unwrap();
                let [x, cos, sin] = inputs.each_ref().map(|(_, t)| t.to_f64().unwrap());
                let want = reference(&attributes, &x, &shape, &cos, &table, &sin, &table[2..]);
                for (got, want) in y.iter().zip(want.unwrap()) {
                    assert!(
                        (got - want).abs() <= tolerance,
                        "{x_name} {attributes:?}: {got} {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_call_that_does_not_fit_is_refused() {
    let mut m = model(
        "x: float[2, 8]\ncos: float[2, 3]\nsin: float[2, 3]\ny = ai.phasor::RotaryEmbedding(x, cos, sin)",
        &[],
    );
    m.opset_import.push(opset("ai.phasor", 1));
    let zeros = |shape: &[usize]| typed(DataType::F32, shape, &vec![0.0; shape.iter().product()]);
    let inputs = [
        ("x", zeros(&[2, 8])),
        ("cos", zeros(&[2, 3])),
        ("sin", zeros(&[2, 3])),
    ];
    let inputs = inputs.map(|(name, tensor)| (name.to_owned(), tensor));
    let result = Tract.run(Source::Proto(&m, None), &inputs, &["y".to_owned()]);
    let said = result.unwrap_err().to_string();
    assert!(said.contains("last axis of cos"), "{said}");
}

#[test]
fn tract_itself_runs_a_fused_model_once_they_are_registered() {
    let mut m = model(
        "x: float[2, 3, 5, 8]\ncos: float[5, 4]\nsin: float[5, 4]\n\
         turned = ai.phasor::RotaryEmbedding(x, cos, sin) interleaved=1\ny = Add(turned, x)",
        &[],
    );
    m.opset_import.push(opset("ai.phasor", 1));
    let shapes: [&[usize]; 3] = [&[2, 3, 5, 8], &[5, 4], &[5, 4]];
    let values = [1, 2, 3].map(|seed| numbers(seed, shapes[seed as usize - 1]));

    let mut onnx = tract_onnx::onnx();
    register(&mut onnx);
    let bytes = prost::Message::encode_to_vec(&m);
    let run = || -> tract::TractResult<Vec<f32>> {
        let mut inputs = tvec!();
        for (shape, values) in shapes.iter().zip(&values) {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            inputs.push(tract::Tensor::from_shape(shape, &values)?.into());
        }
        let model = onnx.model_for_read(&mut &bytes[..])?;
        let results = model.into_optimized()?.into_runnable()?.run(inputs)?;
        Ok(results[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    };
    let got = run().unwrap();

    let names = ["x", "cos", "sin"].map(str::to_owned).into_iter();
    let tensors = shapes.iter().zip(&values);
    let tensors = tensors.map(|(shape, values)| typed(DataType::F32, shape, values));
    let inputs: Vec<(String, Tensor)> = names.zip(tensors).collect();
    let want = Tract.run(Source::Proto(&m, None), &inputs, &["y".to_owned()]);
    let want = want.unwrap()[0].to_f64().unwrap();
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 1e-6, "{got} {want}");
    }
}

#[test]
fn operators_of_other_domains_stay_what_they_are() {
    let mut m = model(
        "x: float[1, 2, 3, 4]\ncos: float[1, 3, 2]\nsin: float[1, 3, 2]\ny = RotaryEmbedding(x, cos, sin)",
        &[],
    );
    m.opset_import = vec![opset("", 23)];
    let mut onnx = tract_onnx::onnx();
    register(&mut onnx);
    let bytes = prost::Message::encode_to_vec(&m);
    let model = onnx
        .model_for_read(&mut &bytes[..])
        .unwrap()
        .into_typed()
        .unwrap();
    let ours = |node: &tract::TypedNode| node.op.name().contains("Phasor");
    assert!(!model.nodes.iter().any(ours));
}

#[test]
fn a_pair_is_turned_as_two_are() {
    let text = |nodes: &str| {
        let inputs =
            "q: float[2, 5, 4, 8]\nk: float[2, 5, 1, 8]\ncos: float[5, 1, 4]\nsin: float[5, 1, 4]";
        let mut m = model(&format!("{inputs}\n{nodes}"), &[]);
        m.opset_import.push(opset("ai.phasor", 1));
        m
    };
    let pair =
        text("a, b = ai.phasor::RotaryEmbeddingPair(q, k, cos, sin) interleaved=1 inverse=1");
    let single = text(
        "a = ai.phasor::RotaryEmbedding(q, cos, sin) interleaved=1 inverse=1\n\
         b = ai.phasor::RotaryEmbedding(k, cos, sin) interleaved=1 inverse=1",
    );
    let shapes: [&[usize]; 4] = [&[2, 5, 4, 8], &[2, 5, 1, 8], &[5, 1, 4], &[5, 1, 4]];
    let names = ["q", "k", "cos", "sin"].map(str::to_owned).into_iter();
    let tensors = (1..).zip(shapes);
    let tensors = tensors.map(|(seed, shape)| typed(DataType::F32, shape, &numbers(seed, shape)));
    let inputs: Vec<(String, Tensor)> = names.zip(tensors).collect();
    let run = |m: &phasor::onnx::proto::ModelProto| {
        let outputs = ["a", "b"].map(str::to_owned);
        let results = Tract
            .run(Source::Proto(m, None), &inputs, &outputs)
            .unwrap();
        results
            .iter()
            .flat_map(|t| t.to_f64().unwrap())
            .collect::<Vec<f64>>()
    };
    let want = run(&single);
    assert_eq!(want.len(), 2 * 5 * 5 * 8);
    assert_eq!(run(&pair), want);
    // By its contract too, once it is expanded.
    let file = crate::build::open(&pair);
    let (edit, expanded) = phasor::rewrite::unfuse(&file).unwrap();
    assert_eq!(expanded[0].operator, "RotaryEmbeddingPair");
    for (got, want) in run(&file.edited(&edit)).iter().zip(want) {
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
}
