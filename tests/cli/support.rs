//! Running the command line, small models for it, and what it left behind.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use phasor::onnx::ModelFile;
use phasor::onnx::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use prost::Message;
use tempfile::TempDir;

pub(crate) fn model(name: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    models.join(name).join("model.onnx")
}

/// Runs the command line, away from the caller's terminal and engines: tract verifies unless a test says otherwise.
pub(crate) fn phasor<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phasor"))
        .args(arguments)
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("VIRTUAL_ENV")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// `phasor fuse INPUT -o OUTPUT ...`.
pub(crate) fn fuse(input: &Path, output: &Path, more: &[&str]) -> Output {
    let mut arguments = vec![
        OsStr::new("fuse"),
        input.as_os_str(),
        OsStr::new("-o"),
        output.as_os_str(),
    ];
    arguments.extend(more.iter().map(OsStr::new));
    phasor(arguments)
}

pub(crate) fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    names
}

/// Fusing must fail with code 2, say each of the words, and leave nothing behind.
pub(crate) fn refused(input: &Path, more: &[&str], words: &[&str]) {
    let folder = TempDir::new().unwrap();
    let output = fuse(input, &folder.path().join("out.onnx"), more);
    let said = stderr(&output);
    assert_eq!(code(&output), 2, "{said}");
    // Progress may stand before it.
    assert!(
        said.lines().any(|line| line.starts_with("error: ")),
        "{said}"
    );
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert!(stdout(&output).is_empty());
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

pub(crate) fn rotary_nodes(path: &Path) -> usize {
    let file = ModelFile::open(path).unwrap();
    let nodes = file.graph().node.iter();
    nodes
        .filter(|n| {
            matches!(
                n.op_type(),
                "RotaryEmbedding" | "RotaryEmbeddingPair" | "RotaryHeads"
            ) && n.domain() == "ai.phasor"
        })
        .count()
}

pub(crate) fn written(folder: &TempDir, graph: GraphProto) -> PathBuf {
    let model = ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(17),
        }],
        graph: Some(graph),
        ..ModelProto::default()
    };
    let path = folder.path().join("built.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

pub(crate) fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        name: Some(format!("make {output}")),
        input: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

pub(crate) fn named(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    }
}
