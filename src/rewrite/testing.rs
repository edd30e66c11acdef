//! The kit of tests that run a rewritten graph beside the original.

use crate::engine::random::Random;
use crate::engine::tract::{Tract, TractBodies};
use crate::engine::{Engine, Source};
use crate::facts::Facts;
use crate::onnx::proto::tensor_shape_proto::dimension;
use crate::onnx::proto::type_proto::Value;
use crate::onnx::{DataType, ModelFile, Tensor};
use crate::recognize::{Analysis, Selection};
use crate::rewrite::{self, Subject, Target};

/// The operators of the main graph in order.
pub(super) fn operators(file: &ModelFile) -> String {
    let nodes = file.graph().node.iter();
    nodes
        .map(|node| node.op_type())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Random inputs of a graph with these sizes of symbols. Integers called `mask` are 0 or 1, others are near 0.
pub(super) fn inputs(
    file: &ModelFile,
    sizes: &[(&str, usize)],
    random: &mut Random,
) -> Vec<(String, Tensor)> {
    let input = |info: &crate::onnx::proto::ValueInfoProto| {
        let Some(Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            panic!("`{}` is no tensor", info.name());
        };
        let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
        let shape: Vec<usize> = dims
            .map(|dim| match dim.value.as_ref().expect("a size") {
                dimension::Value::DimValue(size) => *size as usize,
                dimension::Value::DimParam(name) => {
                    sizes
                        .iter()
                        .find(|(known, _)| known == name)
                        .expect("its size")
                        .1
                }
            })
            .collect();
        let dtype = DataType::from_onnx(tensor.elem_type()).expect("a type");
        let whole = dtype.is_signed_integer() || matches!(info.name(), "q" | "k");
        let number = |random: &mut Random| match info.name() {
            "mask" => random.below(2) as f64,
            _ if whole => (random.below(13) - 6) as f64,
            _ => random.signed(),
        };
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|_| number(random)).collect();
        let tensor = Tensor::from_f64_as(dtype, &shape, &values);
        (info.name().to_owned(), tensor)
    };
    file.graph().input.iter().map(input).collect()
}

/// The outputs of a model.
pub(super) fn outputs(
    engine: &dyn Engine,
    file: &ModelFile,
    given: &[(String, Tensor)],
) -> Vec<Tensor> {
    let names: Vec<String> = file
        .graph()
        .output
        .iter()
        .map(|o| o.name().to_owned())
        .collect();
    let results = engine.run(Source::Proto(file.model(), None), given, &names);
    results.unwrap_or_else(|error| panic!("{error}\n{}", operators(file)))
}

/// The graph with the sites of an analysis rewritten, of which these facts are known.
#[track_caller]
pub(super) fn rewritten(file: &ModelFile, facts: &Facts, analysis: &Analysis) -> ModelFile {
    let subject = Subject {
        file,
        facts,
        shapes: &analysis.shapes,
        rules: &Selection::default(),
        tables: &[],
        writing: Target::Phasor.into(),
    };
    let plan = rewrite::plan(&subject, &analysis.sites);
    assert!(plan.unsupported.is_empty(), "{:?}", plan.unsupported);
    rewrite::check(file, &plan.edit).expect("a valid model")
}

/// Runs a graph before and after, by kernels, by function bodies and unfused, at these sizes of its symbols; `by` is how far results may
/// be apart.
#[track_caller]
pub(super) fn agree(old: &ModelFile, new: &ModelFile, sizes: &[&[(&str, usize)]], by: f64) {
    let (edit, expanded) = rewrite::unfuse(new).expect("a definition");
    assert!(!expanded.is_empty());
    let unfused = rewrite::check(new, &edit).expect("a valid model");
    assert!(unfused.model().functions.is_empty());
    let mut random = Random::new(0, "rewritten");
    for sizes in sizes {
        let given = inputs(old, sizes, &mut random);
        let wanted = outputs(&Tract, old, &given);
        for (way, found) in [
            ("kernels", outputs(&Tract, new, &given)),
            ("bodies", outputs(&TractBodies, new, &given)),
            ("unfused", outputs(&Tract, &unfused, &given)),
        ] {
            for (wanted, found) in wanted.iter().zip(&found) {
                assert_eq!(wanted.shape, found.shape, "{way} {sizes:?}");
                assert_eq!(wanted.dtype, found.dtype, "{way} {sizes:?}");
                let numbers = |tensor: &Tensor| tensor.to_f64().expect("numbers");
                let differ = numbers(wanted).into_iter().zip(numbers(found));
                let worst = differ.fold(0.0f64, |worst, (a, b)| worst.max((a - b).abs()));
                assert!(worst <= by, "{way} {sizes:?}: {worst}");
            }
        }
    }
}
