//! Random spellings of rotary embeddings: true ones fuse, each once and to the same numbers; broken ones stay. Where tensors are
//! changed on their way, whatever is fused computes the same for all inputs. Likewise what is looked up by distance (`relative`).
//!
//! The cases are the same in every run; `PHASOR_CASES` asks for more of them. A case that failed is kept in
//! `tests/property/regressions.txt` and tried first from then on.
#![cfg(feature = "tract")]

#[path = "property/agree.rs"]
mod agree;
#[path = "property/build.rs"]
mod build;
#[path = "property/change.rs"]
mod change;
#[path = "property/changed.rs"]
mod changed;
#[path = "property/graph.rs"]
mod graph;
#[path = "property/inputs.rs"]
mod inputs;
#[path = "property/random.rs"]
mod random;
#[path = "property/relative/mod.rs"]
mod relative;
#[path = "property/rotate.rs"]
mod rotate;
#[path = "property/spelling.rs"]
mod spelling;
#[path = "property/tables.rs"]
mod tables;

use std::sync::atomic::{AtomicUsize, Ordering};

use phasor::onnx::ModelFile;
use phasor::onnx::proto::{ModelProto, NodeProto};
use phasor::pipeline::{self, Search};
use phasor::recognize::Proof;
use phasor::rewrite::Target;
use phasor::scopes::{self, Findings, Found};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};
use prost::Message;

use agree::agree;
use build::{Built, build};
use inputs::{Feed, PLAIN, feeds};
use spelling::{Break, Precision, Spelling, any};

/// Cases of each property.
const CASES: u32 = 200;
/// Sets of inputs for each case.
const FEEDS: usize = 8;

fn check<S: std::fmt::Debug>(
    spellings: impl Strategy<Value = S>,
    property: impl Fn(S) -> Result<(), TestCaseError>,
) {
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
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&spellings, property) {
        panic!("{error}");
    }
}

/// Fuses what was found and compares the fused model, by kernels and by bodies, with the original.
fn fuses_to_the_same(
    spelling: &Spelling,
    built: &Built,
    file: &ModelFile,
    found: &Findings,
    feeds: &[Feed],
) -> Result<usize, TestCaseError> {
    let sites: Vec<&Found> = found.sites.iter().collect();
    let plan = scopes::plan(file, found, &sites, Target::Phasor.into());
    let fused = file.edited(&plan.edit);
    let ours = |model: &ModelProto| {
        let nodes = &model.graph.as_ref().expect("a graph").node;
        let rotary = |n: &&NodeProto| {
            n.domain() == "ai.phasor"
                && matches!(
                    n.op_type(),
                    "RotaryEmbedding" | "RotaryEmbeddingPair" | "RotaryHeads"
                )
        };
        nodes.iter().filter(rotary).count()
    };
    prop_assert_eq!(ours(&fused), sites.len());
    let tolerance = match spelling.precision {
        Precision::Single => 1e-5,
        _ => 1e-2,
    };
    let feeds = feeds.iter().map(|feed| (feed, feed.tensors(&built.inputs)));
    agree(
        (&built.model, &fused),
        &built.output,
        feeds,
        Some(tolerance),
    )
}

/// A number that tells a case from others, the same in every run.
fn seed(spelling: &Spelling) -> u64 {
    let text = format!("{spelling:?}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn open(built: &Built) -> ModelFile {
    let bytes = built.model.encode_to_vec();
    ModelFile::from_bytes("generated.onnx", bytes.into()).expect("a sound model")
}

#[test]
fn true_rotations_fuse_to_the_same_numbers() {
    check(any(vec![Break::None]), |spelling| {
        let built = build(&spelling);
        let file = open(&built);
        let found = pipeline::find(&file, &Search::default()).expect("no size is given");
        prop_assert_eq!(found.sites.len(), 1, "{:?}", found.refusals);
        let compared = fuses_to_the_same(&spelling, &built, &file, &found, &[PLAIN])?;
        prop_assert!(compared > 0, "the original does not run");
        Ok(())
    });
}

/// Nothing is claimed of what is left alone: a change may be none.
#[test]
fn what_is_fused_computes_the_same_for_all_inputs() {
    let spellings = (any(vec![Break::None]), change::any());
    let spellings = spellings.prop_map(|(spelling, changes)| Spelling {
        changes,
        ..spelling
    });
    let [drawn, fused, compared] = [0; 3].map(AtomicUsize::new);
    check(spellings, |spelling| {
        let built = build(&spelling);
        let file = open(&built);
        let found = pipeline::find(&file, &Search::default()).expect("no size is given");
        drawn.fetch_add(1, Ordering::Relaxed);
        if found.sites.is_empty() {
            return Ok(());
        }
        let feeds = feeds(seed(&spelling), FEEDS);
        let runs = fuses_to_the_same(&spelling, &built, &file, &found, &feeds)?;
        fused.fetch_add(1, Ordering::Relaxed);
        compared.fetch_add(runs, Ordering::Relaxed);
        Ok(())
    });
    let [drawn, fused, compared] = [drawn, fused, compared].map(AtomicUsize::into_inner);
    println!("{drawn} graphs drawn, {fused} fused, {compared} comparisons");
    assert!(compared > drawn, "hardly anything is compared");
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
    check(any(breaks), |spelling| {
        let built = build(&spelling);
        let file = open(&built);
        let found = pipeline::find(&file, &Search::default()).expect("no size is given");
        let sites: Vec<_> = found.sites.iter().map(|f| &f.site).collect();
        if spelling.may_be_linear() {
            prop_assert!(
                sites.iter().all(|s| s.proof == Proof::Linear),
                "{:?}",
                sites
            );
            fuses_to_the_same(&spelling, &built, &file, &found, &[PLAIN])?;
            return Ok(());
        }
        prop_assert!(sites.is_empty(), "{:?}", sites);
        Ok(())
    });
}
