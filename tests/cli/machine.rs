//! `phasor diff` and `phasor doctor`, and errors for programs.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, fuse, model, phasor, stderr, stdout};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn diff_counts_operators_and_sizes() {
    let folder = TempDir::new().unwrap();
    let (model, fused) = (model("llama-dynamo"), folder.path().join("fused.onnx"));
    assert_eq!(code(&fuse(&model, &fused, &["--no-verify"])), 0);
    let [model, fused] = [&model, &fused].map(|path| path.to_str().unwrap());
    let output = phasor(["diff", model, fused, "--format=json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report = json(&stdout(&output));
    let operators = report["operators"].as_array().unwrap();
    let rotary = |entry: &&Value| entry["operator"] == "ai.phasor::RotaryHeads";
    let rotary = operators.iter().find(rotary).unwrap();
    assert_eq!(
        (&rotary["before"], &rotary["after"]),
        (&0.into(), &4.into())
    );
    let nodes = |side: &str| -> u64 {
        operators
            .iter()
            .map(|entry| entry[side].as_u64().unwrap())
            .sum()
    };
    for side in ["before", "after"] {
        assert_eq!(report[side]["nodes"], nodes(side));
    }
    let text = stdout(&phasor(["diff", model, fused]));
    assert!(text.contains("ai.phasor::Attention"), "{text}");
    let same = stdout(&phasor(["diff", model, model]));
    assert!(
        same.contains("as often in both: ") && !same.contains("operator "),
        "{same}"
    );
}

#[test]
fn doctor_names_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let nobody = folder.path().join("nobody.so");
    let nobody = nobody.to_str().unwrap();
    let output = phasor(["doctor", "--ops-lib", nobody]);
    assert_eq!(code(&output), 1);
    assert!(
        stdout(&output).contains(&format!("as given: no file `{nobody}`")),
        "{}",
        stdout(&output)
    );
    let output = phasor(["doctor", "--ort", nobody, "--format", "json"]);
    assert_eq!(code(&output), 1);
    let report = json(&stdout(&output));
    assert_eq!(report["sound"], false);
    assert_eq!(report["onnxruntime"]["path"], Value::Null);
    assert_eq!(report["registers"], Value::Null);
    assert_eq!(report["instruction_sets"][0], "scalar");
}

#[test]
fn errors_are_objects_for_programs() {
    let folder = TempDir::new().unwrap();
    let broken = folder.path().join("broken.onnx");
    fs::write(&broken, b"no model").unwrap();
    let broken = broken.to_str().unwrap();
    let output = phasor(["inspect", broken, "--format=json"]);
    assert_eq!(code(&output), 2);
    let report = json(&stdout(&output));
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains(broken), "{message}");
    assert!(stderr(&output).contains(message), "{}", stderr(&output));
    assert!(stdout(&phasor(["inspect", broken])).is_empty());
}
