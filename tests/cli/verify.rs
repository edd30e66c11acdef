//! `phasor verify`: models that agree, that differ, and that cannot be compared.

use std::ffi::OsStr;
use std::fs;

use phasor::onnx::proto::ModelProto;
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, fuse, model, phasor, stderr, stdout};

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
    assert!(stdout(&output).contains("Different"), "{}", stdout(&output));
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
