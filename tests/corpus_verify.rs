//! Over a corpus of exported models: random inputs are found with which each model runs, and every model equals itself.
//!
//! `PHASOR_CORPUS` names a folder of folders, each with `model.onnx`.
#![cfg(feature = "tract")]

mod corpus;

use phasor::engine::Source;
use phasor::verify::{self, Options, Preference, Verdict};

fn every_model_equals_itself(engine: Preference) {
    let Some(cases) = corpus::cases() else { return };
    let options = Options {
        seeds: 3,
        engine,
        threads: 1,
        ..Options::default()
    };
    let (mut same, mut not_run) = (0, 0);
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy();
        let model = case.join("model.onnx");
        match verify::run(Source::Path(&model), Source::Path(&model), &options) {
            Ok(report) => match &report.verdict {
                Verdict::Same => same += 1,
                Verdict::NotVerified { why } => {
                    not_run += 1;
                    println!(
                        "not run {name}: {}",
                        why.chars().take(300).collect::<String>()
                    );
                }
                Verdict::Different { why } => panic!("{name} differs from itself: {why}"),
            },
            Err(verify::Error::Engine(error)) => {
                println!("skipped: {error}");
                return;
            }
            Err(error) => {
                not_run += 1;
                println!("not run {name}: {error}");
            }
        }
    }
    println!(
        "{} models: {same} ran on generated inputs, {not_run} did not",
        cases.len()
    );
    assert!(
        same * 100 >= cases.len() * 95,
        "more than one in twenty models did not run"
    );
}

#[test]
fn every_model_equals_itself_in_the_embedded_engine() {
    every_model_equals_itself(Preference::Tract);
}

#[cfg(feature = "ort")]
#[test]
fn every_model_equals_itself_in_onnx_runtime() {
    every_model_equals_itself(Preference::OnnxRuntime);
}
