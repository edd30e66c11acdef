//! Over a corpus of exported models: what the embedded engine computes against the outputs recorded beside each model.
//!
//! `PHASOR_CORPUS` names a folder of folders, each with `model.onnx`, `inputs_0.npz` and `expected_0.npz`.
#![cfg(feature = "tract")]

mod corpus;

use phasor::engine::{Engine, Source, tract::Tract};
use phasor::onnx::DataType;
use phasor::verify::{compare, npz};
use std::path::Path;

/// The difference allowed by the type that the model was made in.
fn tolerance(case: &Path) -> f64 {
    let text = std::fs::read_to_string(case.join("meta.json")).unwrap_or_default();
    let meta: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    compare::tolerance(match meta["dtype"].as_str() {
        Some("float16") => DataType::F16,
        Some("bfloat16") => DataType::BF16,
        _ => DataType::F32,
    })
}

#[test]
fn the_embedded_engine_computes_what_was_recorded() {
    let Some(cases) = corpus::cases() else { return };
    let (mut right, mut wrong, mut failed) = (0, 0, 0);
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy();
        let inputs = npz::read(&case.join("inputs_0.npz")).unwrap();
        let expected = npz::read(&case.join("expected_0.npz")).unwrap();
        let outputs: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
        let started = std::time::Instant::now();
        match Tract.run(Source::Path(&case.join("model.onnx")), &inputs, &outputs) {
            Err(error) => {
                failed += 1;
                let text = error.to_string();
                println!(
                    "failed {name}: {}",
                    text.chars().take(400).collect::<String>()
                );
            }
            Ok(results) => {
                let worst = expected
                    .iter()
                    .zip(&results)
                    .map(|((_, want), got)| compare::compare(want, got, tolerance(case)))
                    .find(|difference| !difference.within());
                match worst {
                    None => right += 1,
                    Some(difference) => {
                        wrong += 1;
                        println!("wrong  {name}: {difference:?}");
                    }
                }
            }
        }
        if started.elapsed().as_secs() > 2 {
            println!("slow   {name}: {:.1?}", started.elapsed());
        }
    }
    println!(
        "{} models: {right} right, {wrong} wrong, {failed} failed",
        cases.len()
    );
    assert!(
        right * 100 >= cases.len() * 90,
        "fewer than nine in ten models ran right"
    );
}
