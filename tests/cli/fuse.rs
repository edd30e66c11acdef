//! `phasor fuse`: what is fused, what is written and what is not.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use phasor::onnx::ModelFile;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, fuse, model, names, phasor, rotary_nodes, stderr, stdout};

const MODELS: [(&str, &str, u64); 7] = [
    ("gptj-dynamo", "interleaved", 8),
    ("gptneox-torchscript", "half", 8),
    ("llama-cache", "half", 16),
    ("llama-dynamo", "half", 16),
    ("llama-f16", "half", 16),
    ("llama-torchscript", "half", 16),
    ("qwen3-dynamo", "half", 16),
];

#[test]
fn every_model_is_fused_and_verified() {
    for (name, pairing, rotary_dim) in MODELS {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("fused.onnx");
        let output = fuse(
            &model(name),
            &out,
            &["--format", "json", "--engine", "tract"],
        );
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        assert!(stderr(&output).is_empty(), "{name}: {}", stderr(&output));
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(report["schema"], 1);
        assert_eq!(report["verdict"], "fused", "{name}");
        assert_eq!(
            report["verification"]["verdict"], "same",
            "{name}: {report:#}"
        );
        assert!(report["verification"]["cases"].as_array().unwrap().len() > 2);
        let sites = report["sites"].as_array().unwrap();
        let rotary = sites.iter().filter(|site| site["family"] == "rotary");
        let sites: Vec<&Value> = rotary.collect();
        assert_eq!(sites.len(), 4, "{name}");
        for site in sites {
            assert_eq!(site["pairing"], pairing, "{name}");
            assert_eq!(site["rotary_dim"], rotary_dim, "{name}");
            assert_eq!(site["proof"], "rotation", "{name}");
            assert!(site["probes"].as_u64().unwrap() > 0, "{name}");
        }
        assert_eq!(rotary_nodes(&out), 4, "{name}");
        assert_eq!(names(&folder), ["fused.onnx"], "{name}");
        let file = ModelFile::open(&out).unwrap();
        assert_eq!(report["nodes_after"], file.graph().node.len());
        assert_eq!(
            report["written"]["bytes"],
            fs::metadata(&out).unwrap().len()
        );
    }
}

#[test]
fn checking_tells_by_its_exit_code_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("model.onnx");
    fs::copy(model("llama-dynamo"), &copy).unwrap();
    let check = |path: &Path| phasor([OsStr::new("fuse"), path.as_os_str(), OsStr::new("--check")]);
    let output = check(&copy);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("Would fuse"),
        "{}",
        stderr(&output)
    );
    assert_eq!(names(&folder), ["model.onnx"]);

    let fused = folder.path().join("fused.onnx");
    assert_eq!(code(&fuse(&copy, &fused, &["--no-verify"])), 0);
    let output = check(&fused);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("Nothing to fuse"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn nothing_to_fuse_gives_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let [fused, again] = ["fused.onnx", "again.onnx"].map(|name| folder.path().join(name));
    assert_eq!(
        code(&fuse(&model("gptj-dynamo"), &fused, &["--no-verify"])),
        0
    );
    let output = fuse(&fused, &again, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("Nothing to fuse"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read(&fused).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn an_output_that_exists_needs_force() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    fs::copy(model("llama-dynamo"), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let output = fuse(&path, &path, &["--no-verify"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
    assert_eq!(fs::read(&path).unwrap(), before);
    // Over itself: the input stays whole until the output is.
    let output = fuse(&path, &path, &["--force", "--engine", "tract"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(rotary_nodes(&path), 4);
    assert_eq!(names(&folder), ["model.onnx"]);
}

#[test]
fn pairs_are_phasors_own() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("fused.onnx");
    let input = model("llama-dynamo");
    let output = fuse(&input, &out, &["--pairs", "--target", "contrib"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("`--pairs`"), "{}", stderr(&output));
    assert!(names(&folder).is_empty());
    let output = fuse(&input, &out, &["--pairs", "--engine", "tract"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let file = ModelFile::open(&out).unwrap();
    let nodes = file.graph().node.iter();
    let pairs = nodes.filter(|node| node.op_type() == "RotaryEmbeddingPair");
    assert_eq!(pairs.count(), 2);
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let input = model("llama-dynamo");
    let target = folder.path().join("no/such/folder/out.onnx");
    let output = fuse(&input, &target, &["--no-verify", "--force"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let name = target.display().to_string();
    assert!(stderr(&output).contains(&name), "{}", stderr(&output));
    assert!(names(&folder).is_empty());
}

#[test]
fn new_nodes_tell_where_they_come_from() {
    let folder = TempDir::new().unwrap();
    // Rotations, and the nodes that they replace: the transposition in front as well, where heads are read behind it.
    for (more, rotations, replaced) in [
        (&[][..], 4, 32),
        (&["--target", "contrib"], 4, 28),
        (&["--pairs"], 2, 28),
    ] {
        let out = folder.path().join("fused.onnx");
        let more: Vec<&str> = more
            .iter()
            .chain(&["--no-verify", "--force"])
            .copied()
            .collect();
        let output = fuse(&model("llama-dynamo"), &out, &more);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let file = ModelFile::open(&out).unwrap();
        let told: Vec<[&str; 3]> = file
            .graph()
            .node
            .iter()
            .filter(|node| !node.domain().is_empty())
            .filter_map(|node| {
                let told = |key| node.metadata_props.iter().find(|entry| entry.key() == key);
                let keys = ["phasor.rule", "phasor.proof", "phasor.replaces"];
                let [rule, proof, replaces] = keys.map(told);
                Some([
                    rule?.value(),
                    proof?.value(),
                    replaces.map_or("", |entry| entry.value()),
                ])
            })
            .collect();
        let rotary = told.iter().filter(|told| told[0] == "rotary");
        assert_eq!(rotary.clone().count(), rotations, "{told:?}");
        // Nodes of the angles belong to no rotation alone.
        let counts = rotary
            .clone()
            .map(|told| told[2].split(' ').next().unwrap().parse::<usize>().unwrap());
        assert_eq!(counts.sum::<usize>(), replaced, "{told:?}");
        for [_, proof, replaces] in rotary {
            assert_eq!(*proof, "rotation");
            assert!(
                replaces.contains(" nodes: ") && replaces.contains("node_"),
                "{replaces}"
            );
        }
        let table = told.iter().find(|told| told[0] == "rotary-table");
        assert_eq!(table.is_some(), !more.contains(&"contrib"), "{told:?}");
        let attention = told.iter().find(|told| told[0] == "attention");
        assert_eq!(attention.is_some(), !more.contains(&"contrib"), "{told:?}");
        let functions = &file.model().functions;
        assert!(
            functions
                .iter()
                .all(|function| function.doc_string().len() > 20)
        );
        // What is expanded again tells nothing any more.
        let plain = folder.path().join("plain.onnx");
        let [out, plain] = [&out, &plain].map(|path| path.to_str().unwrap());
        assert_eq!(
            code(&phasor([
                "unfuse",
                out,
                "-o",
                plain,
                "--no-verify",
                "--force"
            ])),
            0
        );
        let bytes = fs::read(plain).unwrap();
        let kept = more.contains(&"contrib");
        let told = bytes.windows(11).any(|window| window == b"phasor.rule");
        assert_eq!(told, kept);
    }
}
