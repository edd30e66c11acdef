//! `--budget`: what is found within it stands, and what it does not allow is said.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, fuse, model, phasor, stderr, stdout};

/// The nodes of the sites that `inspect` finds in a model, and where it gave up.
fn found(path: &Path, budget: &str) -> (Vec<String>, Vec<String>) {
    let path = path.to_str().unwrap();
    let output = phasor(["inspect", path, "--format=json", "--budget", budget]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let texts = |list: &str, key: &str| {
        let list = report[list].as_array().unwrap().iter();
        list.map(|entry| entry[key].as_str().unwrap().to_owned())
            .collect()
    };
    (texts("sites", "node"), texts("gave_up", "reason"))
}

#[test]
fn smaller_budgets_find_less_and_nothing_else() {
    let (all, told_of) = found(&model("llama-dynamo"), "steps=1G");
    assert_eq!(all.len(), 6);
    assert!(told_of.is_empty(), "{told_of:?}");
    let mut before = 0;
    let mut partly = false;
    for steps in (0..8).map(|k| 20_000u64 << k) {
        let (sites, told_of) = found(&model("llama-dynamo"), &format!("steps={steps}"));
        assert!(sites.iter().all(|site| all.contains(site)), "{steps} steps");
        assert!(sites.len() >= before, "{steps} steps");
        before = sites.len();
        let told = told_of.iter().filter(|r| r.starts_with("gave up at node"));
        let told: Vec<&String> = told.collect();
        assert!(
            !told.is_empty() || sites.len() == all.len(),
            "{steps}: {told_of:?}"
        );
        assert!(
            told.iter()
                .all(|r| r.ends_with(&format!("after {steps} steps")))
        );
        partly |= (1..all.len()).contains(&sites.len());
    }
    assert!(partly && before == all.len());
}

#[test]
fn bytes_and_seconds_are_limits_too() {
    let (sites, told_of) = found(&model("llama-dynamo"), "bytes=20K");
    assert!(sites.is_empty());
    assert!(
        told_of.iter().any(|r| r.ends_with("after 20000 bytes")),
        "{told_of:?}"
    );
    let (sites, told_of) = found(&model("llama-dynamo"), "seconds=1K,bytes=1G");
    assert_eq!(sites.len(), 6, "{told_of:?}");
}

#[test]
fn what_is_found_within_the_budget_is_fused_and_verified() {
    let folder = TempDir::new().unwrap();
    let fused = folder.path().join("fused.onnx");
    let output = fuse(
        &model("llama-dynamo"),
        &fused,
        &["--budget", "steps=250000"],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let (left, _) = found(&fused, "steps=1G");
    assert!((1..6).contains(&left.len()), "{left:?}");
    assert!(
        stderr(&output).contains("gave up at node"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_budget_that_is_none_is_refused() {
    for budget in ["steps=0", "hours=1", "steps", "bytes=1T"] {
        let path = model("llama-dynamo");
        let output = phasor(["inspect", path.to_str().unwrap(), "--budget", budget]);
        assert_eq!(code(&output), 2, "{budget}");
        assert!(stderr(&output).contains("--budget"), "{}", stderr(&output));
    }
}
