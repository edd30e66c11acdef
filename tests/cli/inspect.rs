//! `phasor inspect`: the table, the report as JSON, and its text.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use phasor::onnx::proto::tensor_proto::DataLocation;
use phasor::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, model, named, node, phasor, stderr, stdout, written};

#[test]
fn inspect_lists_sites_on_standard_output() {
    let path = model("gptneox-torchscript");
    let output = phasor([OsStr::new("inspect"), path.as_os_str()]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(said.matches("0..8 of 16").count(), 4, "{said}");
    assert!(said.contains("/layers.0/attention/Concat_3"), "{said}");
    assert!(
        !said.contains('\u{1b}'),
        "colours where nobody looks: {said}"
    );
    let output = phasor([
        OsStr::new("inspect"),
        path.as_os_str(),
        OsStr::new("--format=json"),
    ]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["model"]["opset"], 17);
    assert_eq!(report["sites"][0]["angles"], "computed");
    assert_eq!(report["sites"][0]["head_dim"], 16);
}

#[test]
fn colours_only_where_wanted() {
    let path = model("llama-dynamo");
    let run = |variable: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
        command.args([OsStr::new("inspect"), path.as_os_str()]);
        command
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env(variable, "1");
        stdout(&command.output().unwrap())
    };
    assert!(!run("NO_COLOR").contains('\u{1b}'));
    assert!(run("CLICOLOR_FORCE").contains('\u{1b}'));
}

/// What a graph says of itself goes into messages as it is: it must not be able to break the reader's JSON.
#[test]
fn strange_names_survive_in_json() {
    let folder = TempDir::new().unwrap();
    let strange = "quote \" backslash \\ newline \n tab \t bell \u{7}";
    let graph = GraphProto {
        node: vec![node("Neg", &["x"], strange)],
        input: vec![named("x")],
        output: vec![named(strange)],
        initializer: vec![TensorProto {
            name: Some("unused".to_owned()),
            data_type: Some(1),
            ..TensorProto::default()
        }],
        ..GraphProto::default()
    };
    let mut graph = graph;
    graph.node[0].attribute.push(AttributeProto {
        name: Some(strange.to_owned()),
        ..AttributeProto::default()
    });
    let path = written(&folder, graph);
    let output = phasor([
        OsStr::new("inspect"),
        path.as_os_str(),
        OsStr::new("--format=json"),
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["sites"].as_array().unwrap().len(), 0);
}

#[test]
fn a_data_file_that_is_missing_is_named() {
    let folder = TempDir::new().unwrap();
    let mut model =
        ModelProto::decode(fs::read(model("llama-dynamo")).unwrap().as_slice()).unwrap();
    // The bounds of slices: without them no half of a tensor is known.
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    for tensor in tensors.iter_mut().filter(|t| t.data_type() == 7) {
        tensor.raw_data = None;
        tensor.data_location = Some(DataLocation::External as i32);
        tensor.external_data = vec![StringStringEntryProto {
            key: Some("location".to_owned()),
            value: Some("bounds.bin".to_owned()),
        }];
    }
    let path = folder.path().join("model.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    for command in ["inspect", "explain"] {
        let output = phasor([OsStr::new(command), path.as_os_str()]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let said = stderr(&output);
        for word in ["warning: ", "`bounds.bin`", "is missing"] {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
        let report = stdout(&output);
        assert!(report.contains("0 sites"), "{report}");
        assert!(report.contains("hint: "), "{report}");
        assert!(!report.contains("please report"), "{report}");
    }
}

/// Operators of other tools, and our own, with what is wrong with them.
#[test]
fn operators_that_are_there_already_are_listed() {
    let folder = TempDir::new().unwrap();
    let operator = |domain: &str, op: &str, inputs: &[&str], output: &str| NodeProto {
        domain: Some(domain.to_owned()),
        ..node(op, inputs, output)
    };
    let flag = AttributeProto {
        name: Some("do_rotary".to_owned()),
        r#type: Some(2),
        i: Some(1),
        ..AttributeProto::default()
    };
    let attention = NodeProto {
        attribute: vec![flag],
        ..operator(
            "com.microsoft",
            "GroupQueryAttention",
            &["x", "x", "x"],
            "a",
        )
    };
    let path = written(
        &folder,
        GraphProto {
            node: vec![
                attention,
                operator("com.microsoft", "MultiHeadAttention", &["a"], "b"),
                operator("com.microsoft", "MultiHeadAttention", &["b"], "c"),
                operator("ai.phasor", "RotaryEmbedding", &["c", "x", "x"], "y"),
            ],
            input: vec![named("x")],
            output: vec![named("y")],
            ..GraphProto::default()
        },
    );
    let output = phasor([OsStr::new("inspect"), path.as_os_str()]);
    let said = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for line in [
        "existing `com.microsoft::GroupQueryAttention`, 1 node (first `make a`): it rotates queries and keys itself (`do_rotary`)",
        "existing `com.microsoft::MultiHeadAttention`, 2 nodes (first `make b`)\n",
        "existing `ai.phasor::RotaryEmbedding`, 1 node (first `make y`): the model has no function for it",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let output = phasor([OsStr::new("explain"), path.as_os_str()]);
    let said = stdout(&output);
    assert!(
        said.contains("no position encoding is spelt out, and nothing near one\n"),
        "{said}"
    );
    assert!(
        said.contains("existing `ai.phasor::RotaryEmbedding`"),
        "{said}"
    );
}
