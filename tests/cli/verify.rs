//! `phasor verify`: models that agree, that differ, and that cannot be compared.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use phasor::onnx::proto::{ModelProto, OperatorSetIdProto};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, fuse, model, named, node, phasor, stderr, stdout};

#[test]
fn given_inputs_verify_a_fused_model() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("fused.onnx");
    assert_eq!(
        code(&fuse(&model("llama-cache"), &out, &["--no-verify"])),
        0
    );
    for set in ["inputs_0.npz", "inputs_1.npz"] {
        let inputs = model("llama-cache").with_file_name(set);
        let output = phasor([
            OsStr::new("verify"),
            model("llama-cache").as_os_str(),
            out.as_os_str(),
            OsStr::new("--engine=tract"),
            OsStr::new("--inputs"),
            inputs.as_os_str(),
        ]);
        let said = stdout(&output);
        assert_eq!(code(&output), 0, "{said}{}", stderr(&output));
        assert!(
            said.contains("logits") && said.contains("present_key_1"),
            "{said}"
        );
        assert!(said.contains("Verified on 1 set of inputs"), "{said}");
    }
}

#[test]
fn models_that_differ_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let other = folder.path().join("other.onnx");
    let mut changed =
        ModelProto::decode(fs::read(model("llama-dynamo")).unwrap().as_slice()).unwrap();
    let nodes = &mut changed.graph.as_mut().unwrap().node;
    let neg = nodes.iter_mut().find(|n| n.op_type() == "Neg").unwrap();
    neg.op_type = Some("Identity".to_owned());
    fs::write(&other, changed.encode_to_vec()).unwrap();
    let verify = |format: &str| {
        phasor([
            OsStr::new("verify"),
            model("llama-dynamo").as_os_str(),
            other.as_os_str(),
            OsStr::new("--engine=tract"),
            OsStr::new("--dim"),
            OsStr::new("batch=2"),
            OsStr::new("--format"),
            OsStr::new(format),
        ])
    };
    let output = verify("text");
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("Different"), "{said}");
    assert!(said.contains("hint: `--tolerance"), "{said}");
    let output = verify("json");
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["cases"][0]["dims"]["batch"], 2);
}

#[test]
fn sizes_that_cannot_be_held_are_refused() {
    let path = model("llama-dynamo");
    for size in ["1000000000", "9223372036854775807"] {
        let output = phasor([
            OsStr::new("verify"),
            path.as_os_str(),
            path.as_os_str(),
            OsStr::new("--engine=tract"),
            OsStr::new("--dim"),
            OsStr::new(&format!("batch={size}")),
        ]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        for word in ["error: ", "input_ids", size, "hint: ", "--dim"] {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
    }
}

#[test]
fn a_model_of_another_interface_is_no_version_of_this_one() {
    let [a, b] = ["llama-dynamo", "llama-cache"].map(model);
    let output = phasor([
        OsStr::new("verify"),
        a.as_os_str(),
        b.as_os_str(),
        OsStr::new("--engine=tract"),
    ]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("cannot be compared"),
        "{}",
        stderr(&output)
    );
}

/// A model with something to fuse, and an operator that no engine has.
fn foreign(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("foreign.onnx");
    let mut model =
        ModelProto::decode(fs::read(model("llama-dynamo")).unwrap().as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut mystery = node("Mystery", &[graph.output[0].name()], "unknown");
    mystery.domain = Some("other".to_owned());
    graph.node.push(mystery);
    graph.output[0] = named("unknown");
    model.opset_import.push(OperatorSetIdProto {
        domain: Some("other".to_owned()),
        version: Some(1),
    });
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn what_is_not_verified_is_written_unless_that_is_required() {
    let folder = TempDir::new().unwrap();
    let (input, out) = (foreign(&folder), folder.path().join("out.onnx"));
    let output = fuse(
        &input,
        &out,
        &["--engine=tract", "--require-verified", "--format=json"],
    );
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["verdict"], "not-verified");
    assert_eq!(report["verification"]["verdict"], "not-verified");
    let why = report["verification"]["why"].as_str().unwrap();
    assert!(
        why.contains("Mystery") && !why.contains("choices of sizes"),
        "{why}"
    );
    assert!(!out.exists());
    let output = fuse(&input, &out, &["--engine=tract", "--require-verified"]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("nothing is written"),
        "{}",
        stderr(&output)
    );
    let output = fuse(&input, &out, &["--engine=tract"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("Not verified"),
        "{}",
        stderr(&output)
    );
    let back = folder.path().join("back.onnx");
    let unfuse = |more: &[&str]| {
        let mut arguments = vec![
            OsStr::new("unfuse"),
            out.as_os_str(),
            OsStr::new("-o"),
            back.as_os_str(),
        ];
        arguments.extend(more.iter().map(OsStr::new));
        phasor(arguments)
    };
    assert_eq!(code(&unfuse(&["--engine=tract", "--require-verified"])), 1);
    assert!(!back.exists());
    assert_eq!(code(&unfuse(&["--engine=tract"])), 0);
}

#[test]
fn what_is_verified_or_needs_no_comparison_is_written_where_that_is_required() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.onnx");
    let more = ["--engine=tract", "--require-verified", "--force"];
    for _ in 0..2 {
        let output = fuse(&model("llama-dynamo"), &out, &more);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    let again = folder.path().join("again.onnx");
    let output = fuse(&out, &again, &more);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn libraries_that_are_missing_are_errors_whatever_there_is_to_do() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.onnx");
    let input = model("llama-dynamo");
    for flag in ["--ort", "--ops-lib", "--custom-ops"] {
        for more in [
            &["--check"][..],
            &["-o", out.to_str().unwrap(), "--no-verify"],
        ] {
            let mut arguments = vec!["fuse", input.to_str().unwrap(), flag, "/no/such/library.so"];
            arguments.extend(more);
            let output = phasor(arguments);
            let said = stderr(&output);
            assert_eq!(code(&output), 2, "{said}");
            assert!(
                said.starts_with("error: ") && said.contains("hint: "),
                "{said}"
            );
            assert!(!out.exists());
        }
    }
}

#[test]
fn a_runtime_that_the_environment_names_in_vain_is_told_of() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.onnx");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
    command
        .arg("fuse")
        .arg(model("llama-dynamo"))
        .arg("-o")
        .arg(&out);
    let output = command
        .env("ORT_DYLIB_PATH", "/no/such/library.so")
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    assert!(
        said.contains("warning: ") && said.contains("/no/such/library.so"),
        "{said}"
    );
    assert!(
        said.contains("Verified") && said.contains("in tract"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_replaced_is_reported_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    fs::copy(model("llama-dynamo"), &path).unwrap();
    let before = fs::metadata(&path).unwrap().len();
    let output = fuse(
        &path,
        &path,
        &["--engine=tract", "--force", "--format=json"],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let after = fs::metadata(&path).unwrap().len();
    assert_ne!(before, after);
    assert_eq!(report["model"]["bytes"], before);
    assert_eq!(report["written"]["bytes"], after);
}
