//! Over a corpus of exported models: derived facts against the types and shapes that every value has when the model runs.
//!
//! `PHASOR_CORPUS` names a folder of folders, each with `model.onnx` and `inputs_0.npz`.
#![cfg(feature = "tract")]

mod corpus;

use phasor::engine::{Engine, Source, tract::Tract};
use phasor::facts::{Dim, Facts};
use phasor::onnx::proto::{tensor_shape_proto::dimension, type_proto};
use phasor::onnx::{ModelFile, Tensor};
use phasor::verify::npz;
use std::collections::BTreeMap;

/// The sizes that given inputs bind the symbols of the model's inputs to.
fn sizes(file: &ModelFile, inputs: &[(String, Tensor)]) -> BTreeMap<String, i64> {
    let mut sizes = BTreeMap::new();
    for info in &file.graph().input {
        let tensor = inputs.iter().find(|(name, _)| name == info.name());
        let kind = info.r#type.as_ref().and_then(|t| t.value.as_ref());
        if let (Some((_, tensor)), Some(type_proto::Value::TensorType(kind))) = (tensor, kind) {
            for (dim, size) in kind.shape.iter().flat_map(|s| &s.dim).zip(&tensor.shape) {
                if let Some(dimension::Value::DimParam(text)) = &dim.value
                    && let Dim::Symbol(name) = Dim::parse(text)
                {
                    sizes.insert(name, *size as i64);
                }
            }
        }
    }
    sizes
}

/// Whether the model itself states what was found wrong.
fn is_declared(file: &ModelFile, name: &str, shape: &[Dim]) -> bool {
    let graph = file.graph();
    graph
        .output
        .iter()
        .chain(&graph.value_info)
        .filter(|info| info.name() == name)
        .any(|info| {
            let Some(type_proto::Value::TensorType(kind)) =
                info.r#type.as_ref().and_then(|t| t.value.as_ref())
            else {
                return false;
            };
            let declared = kind
                .shape
                .iter()
                .flat_map(|s| &s.dim)
                .map(|dim| match &dim.value {
                    Some(dimension::Value::DimValue(n)) => Dim::Known(*n),
                    Some(dimension::Value::DimParam(text)) => Dim::parse(text),
                    None => Dim::Unknown,
                });
            declared.eq(shape.iter().cloned())
        })
}

#[test]
fn facts_hold_when_the_model_runs() {
    let Some(cases) = corpus::cases() else { return };
    let (mut models, mut values, mut complete, mut wrong, mut misdeclared) = (0, 0, 0, 0, 0);
    for case in &cases {
        let model = case.join("model.onnx");
        let file = ModelFile::open(&model).unwrap();
        let inputs = npz::read(&case.join("inputs_0.npz")).unwrap();
        let names = file
            .graph()
            .node
            .iter()
            .flat_map(|n| &n.output)
            .filter(|name| !name.is_empty());
        let names: Vec<String> = names.cloned().collect();
        // Some values have types that no tensor has; those models are left out.
        let Ok(results) = Tract.run(Source::Path(&model), &inputs, &names) else {
            continue;
        };
        models += 1;
        let facts = Facts::of(&file);
        let sizes = sizes(&file, &inputs);
        for (name, real) in names.iter().zip(&results) {
            values += 1;
            let Some(fact) = facts.get(name) else {
                continue;
            };
            let Some(shape) = &fact.shape else { continue };
            let dims: Vec<Option<i64>> = shape
                .iter()
                .map(|d| d.eval(&|s| sizes.get(s).copied()))
                .collect();
            let fits = dims.len() == real.shape.len()
                && dims
                    .iter()
                    .zip(&real.shape)
                    .all(|(dim, size)| dim.is_none_or(|dim| dim == *size as i64));
            // The engine computes bfloat16 in float32.
            let bf16 = fact.dtype == Some(phasor::onnx::DataType::BF16);
            if !fits || fact.dtype.is_some_and(|dtype| dtype != real.dtype) && !bf16 {
                if is_declared(&file, name, shape) {
                    misdeclared += 1;
                } else {
                    wrong += 1;
                    println!(
                        "wrong {}: `{name}` is {:?} {:?}, not {fact:?}",
                        case.display(),
                        real.dtype,
                        real.shape
                    );
                }
            }
            complete += usize::from(dims.iter().all(Option::is_some));
        }
    }
    println!(
        "{models} models, {values} values: {complete} shapes complete, {wrong} wrong, {misdeclared} as the model misdeclares them"
    );
    assert_eq!(wrong, 0);
    assert!(complete * 100 >= values * 97, "too few shapes are known");
}
