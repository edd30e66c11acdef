//! `phasor explain`: near misses with their cause, sites at a name, and models with nothing near.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use phasor::onnx::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, model, named, node, phasor, stderr, stdout, written};

fn explain(path: &Path, more: &[&str]) -> (i32, String, String) {
    let mut arguments = vec![OsStr::new("explain"), path.as_os_str()];
    arguments.extend(more.iter().map(OsStr::new));
    let output = phasor(arguments);
    (code(&output), stdout(&output), stderr(&output))
}

fn report(path: &Path, more: &[&str]) -> Value {
    let (code, said, complaint) = explain(path, &[more, &["--format=json"]].concat());
    assert_eq!(code, 0, "{complaint}");
    serde_json::from_str(&said).expect("JSON")
}

/// `llama-dynamo` with each `Neg` changed.
fn changed(folder: &TempDir, change: impl Fn(&mut NodeProto)) -> PathBuf {
    let bytes = fs::read(model("llama-dynamo")).unwrap();
    let mut model = ModelProto::decode(bytes.as_slice()).unwrap();
    model.opset_import.push(OperatorSetIdProto {
        domain: Some("com.acme".to_owned()),
        version: Some(1),
    });
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes
        .iter_mut()
        .filter(|n| n.op_type() == "Neg")
        .for_each(change);
    let path = folder.path().join("changed.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn a_wrong_sign_is_shown_as_a_formula() {
    let folder = TempDir::new().unwrap();
    let path = changed(&folder, |neg| neg.op_type = Some("Identity".to_owned()));
    let (code, said, complaint) = explain(&path, &[]);
    assert_eq!(code, 0, "{complaint}");
    assert!(said.contains("2 sites, 4 near misses"), "{said}");
    assert!(
        said.contains(
            "channel 0 is `x0*cos(a) + x8*sin(a)` and channel 8 is `x8*cos(a) + x0*sin(a)`"
        ),
        "{said}"
    );
    // The four say the same: one is told whole, the others by name.
    assert_eq!(said.matches("reason").count(), 1, "{said}");
    let report = report(&path, &[]);
    assert_eq!(report["refusals"].as_array().unwrap().len(), 4);
    assert_eq!(report["refusals"][0]["stage"], "proof");
    assert!(report["refusals"][0]["lost"].is_null());
}

#[test]
fn an_operator_that_is_not_followed_is_named() {
    let folder = TempDir::new().unwrap();
    let path = changed(&folder, |neg| {
        neg.op_type = Some("Negate".to_owned());
        neg.domain = Some("com.acme".to_owned());
    });
    let report = report(&path, &[]);
    let refusals = report["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), 4, "{report:#}");
    for refusal in refusals {
        assert_eq!(
            refusal["lost"]["operator"], "com.acme::Negate",
            "{refusal:#}"
        );
        assert!(refusal["hint"].is_string(), "{refusal:#}");
    }
    let (_, said, _) = explain(&path, &[]);
    assert!(said.contains("(com.acme::Negate)"), "{said}");
}

#[test]
fn a_site_is_shown_by_any_name_in_it() {
    let path = model("llama-dynamo");
    let all = report(&path, &[]);
    let site = &all["sites"][0];
    assert_eq!(all["sites"].as_array().unwrap().len(), 6);
    assert!(all["focus"].is_null());
    for name in [&site["node"], &site["y"]] {
        let name = name.as_str().unwrap();
        let one = report(&path, &["--site", name]);
        assert_eq!(one["sites"], Value::from(vec![site.clone()]), "{name}");
        assert_eq!(one["focus"]["distance"], 0);
        let (_, said, _) = explain(&path, &["--site", name]);
        for word in ["half pairs", "channels 0..16 of 16", "rotation", "probes"] {
            assert!(said.contains(word), "`{word}` is not in {said}");
        }
    }
    // The cosines serve all sites and are part of none.
    let cos = site["cos"]["value"].as_str().unwrap();
    let near = report(&path, &["--site", cos]);
    assert_eq!(near["sites"].as_array().unwrap().len(), 4);
    assert!(near["focus"]["distance"].as_u64().unwrap() > 0);
}

#[test]
fn a_name_that_is_not_there_is_an_error() {
    let (code, said, complaint) = explain(&model("llama-dynamo"), &["--site", "no such node"]);
    assert_eq!(code, 2);
    assert!(said.is_empty());
    assert!(complaint.contains("`no such node`"), "{complaint}");
    assert!(complaint.contains("hint:"), "{complaint}");
    let (_, _, complaint) = explain(&model("llama-dynamo"), &["--site", "NEG"]);
    assert!(complaint.contains("`neg`"), "{complaint}");
}

#[test]
fn nothing_near_takes_one_line() {
    let folder = TempDir::new().unwrap();
    let graph = GraphProto {
        node: vec![node("Sin", &["x"], "s"), node("Relu", &["s"], "y")],
        input: vec![named("x")],
        output: vec![named("y")],
        ..GraphProto::default()
    };
    let path = written(&folder, graph);
    for more in [&[][..], &["--site", "y"]] {
        let (code, said, _) = explain(&path, more);
        assert_eq!(code, 0);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("no position encoding and nothing near one"),
            "{said}"
        );
    }
}

#[test]
fn sizes_of_dimensions_are_checked() {
    for command in ["explain", "inspect"] {
        let path = model("llama-dynamo");
        let run = |size: &str| {
            phasor([
                OsStr::new(command),
                path.as_os_str(),
                OsStr::new("--dim"),
                OsStr::new(size),
            ])
        };
        let output = run("nosuch=3");
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains("`batch`"), "{}", stderr(&output));
        let output = run("sequence=7");
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
}

#[test]
fn a_name_that_begins_with_a_slash_is_found() {
    let path = model("llama-torchscript");
    let listed = phasor(["inspect", path.to_str().unwrap(), "--format", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let node = listed["sites"][0]["node"].as_str().unwrap();
    assert!(node.starts_with('/'), "{node}");
    let (code, said, complaint) = explain(&path, &["--site", node]);
    assert_eq!(code, 0, "{complaint}");
    assert!(said.contains("is part of 1 site"), "{said}");
}
