//! Random spellings of rotary embeddings: true ones fuse, each once and to the same numbers; broken ones stay.
//!
//! The cases are the same in every run; `PHASOR_CASES` asks for more of them. A case that failed is kept in
//! `tests/property/regressions.txt` and tried first from then on.
#![cfg(feature = "tract")]

#[path = "property/build.rs"]
mod build;
#[path = "property/graph.rs"]
mod graph;
#[path = "property/rotate.rs"]
mod rotate;
#[path = "property/spelling.rs"]
mod spelling;
#[path = "property/tables.rs"]
mod tables;

use phasor::engine::tract::{Tract, TractBodies};
use phasor::engine::{Engine, Source};
use phasor::onnx::proto::{ModelProto, NodeProto};
use phasor::onnx::{ModelFile, Tensor};
use phasor::pipeline::{self, Search};
use phasor::recognize::Proof;
use phasor::rewrite::Target;
use phasor::scopes::{self, Findings, Found};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};
use prost::Message;

use build::{Built, build};
use spelling::{Break, Precision, Spelling, any};

/// Cases of each property.
const CASES: u32 = 200;

fn check(breaks: Vec<Break>, property: impl Fn(Spelling) -> Result<(), TestCaseError>) {
    let cases = std::env::var("PHASOR_CASES").ok();
    let config = ProptestConfig {
        cases: cases.and_then(|n| n.parse().ok()).unwrap_or(CASES),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/property/regressions.txt",
        ))),
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&any(breaks), property) {
        panic!("{error}");
    }
}

fn run(engine: &dyn Engine, model: &ModelProto, built: &Built) -> Result<Vec<f64>, TestCaseError> {
    let names = std::slice::from_ref(&built.output);
    let result = engine.run(Source::Proto(model, None), &built.inputs, names);
    let tensor: Vec<Tensor> = result.map_err(|e| TestCaseError::fail(e.to_string()))?;
    Ok(tensor[0].to_f64().expect("numbers"))
}

/// Fuses what was found and compares the fused model, by kernels and by bodies, with the original.
fn fuses_to_the_same(
    spelling: &Spelling,
    built: &Built,
    file: &ModelFile,
    found: &Findings,
) -> Result<(), TestCaseError> {
    let sites: Vec<&Found> = found.sites.iter().collect();
    let plan = scopes::plan(file, found, &sites, Target::Phasor);
    let fused = file.edited(&plan.edit);
    let ours = |model: &ModelProto| {
        let nodes = &model.graph.as_ref().expect("a graph").node;
        let rotary = |n: &&NodeProto| (n.domain(), n.op_type()) == ("ai.phasor", "RotaryEmbedding");
        nodes.iter().filter(rotary).count()
    };
    prop_assert_eq!(ours(&fused), sites.len());
    let want = run(&Tract, &built.model, built)?;
    let tolerance = if spelling.precision == Precision::Single {
        1e-5
    } else {
        1e-2
    };
    for engine in [&Tract as &dyn Engine, &TractBodies] {
        let got = run(engine, &fused, built)?;
        prop_assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(&want) {
            prop_assert!(
                (got - want).abs() <= tolerance,
                "{} instead of {}",
                got,
                want
            );
        }
    }
    Ok(())
}

fn open(built: &Built) -> ModelFile {
    let bytes = built.model.encode_to_vec();
    ModelFile::from_bytes("generated.onnx", bytes.into()).expect("a sound model")
}

#[test]
fn true_rotations_fuse_to_the_same_numbers() {
    check(vec![Break::None], |spelling| {
        let built = build(&spelling);
        let file = open(&built);
        let found = pipeline::find(&file, &Search::default()).expect("no size is given");
        prop_assert_eq!(found.sites.len(), 1, "{:?}", found.refusals);
        fuses_to_the_same(&spelling, &built, &file, &found)
    });
}

#[test]
fn broken_rotations_are_left_alone() {
    let breaks = vec![
        Break::Sign,
        Break::Partner,
        Break::Shift,
        Break::Frequency,
        Break::Scale,
        Break::CosForSin,
        Break::Overlap,
    ];
    check(breaks, |spelling| {
        let built = build(&spelling);
        run(&Tract, &built.model, &built)?;
        let file = open(&built);
        let found = pipeline::find(&file, &Search::default()).expect("no size is given");
        let sites: Vec<_> = found.sites.iter().map(|f| &f.site).collect();
        if spelling.may_be_linear() {
            prop_assert!(
                sites.iter().all(|s| s.proof == Proof::Linear),
                "{:?}",
                sites
            );
            return fuses_to_the_same(&spelling, &built, &file, &found);
        }
        prop_assert!(sites.is_empty(), "{:?}", sites);
        Ok(())
    });
}
