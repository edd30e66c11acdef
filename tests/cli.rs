//! The commands from outside: exit codes, what is written and what is not, and what is said where.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use phasor::onnx::ModelFile;
use phasor::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, ValueInfoProto, tensor_proto::DataLocation,
};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

const MODELS: [(&str, &str, u64); 7] = [
    ("gptj-dynamo", "interleaved", 8),
    ("gptneox-torchscript", "half", 8),
    ("llama-cache", "half", 16),
    ("llama-dynamo", "half", 16),
    ("llama-f16", "half", 16),
    ("llama-torchscript", "half", 16),
    ("qwen3-dynamo", "half", 16),
];

fn model(name: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    models.join(name).join("model.onnx")
}

/// Runs the command line, away from the caller's terminal and engines: tract verifies unless a test says otherwise.
fn phasor<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phasor"))
        .args(arguments)
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("VIRTUAL_ENV")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// `phasor fuse INPUT -o OUTPUT ...`.
fn fuse(input: &Path, output: &Path, more: &[&str]) -> Output {
    let mut arguments = vec![
        OsStr::new("fuse"),
        input.as_os_str(),
        OsStr::new("-o"),
        output.as_os_str(),
    ];
    arguments.extend(more.iter().map(OsStr::new));
    phasor(arguments)
}

fn names(folder: &TempDir) -> Vec<String> {
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
fn refused(input: &Path, more: &[&str], words: &[&str]) {
    let folder = TempDir::new().unwrap();
    let output = fuse(input, &folder.path().join("out.onnx"), more);
    let said = stderr(&output);
    assert_eq!(code(&output), 2, "{said}");
    assert!(said.starts_with("error: "), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert!(stdout(&output).is_empty());
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

fn rotary_nodes(path: &Path) -> usize {
    let file = ModelFile::open(path).unwrap();
    let nodes = file.graph().node.iter();
    nodes
        .filter(|n| n.op_type() == "RotaryEmbedding" && n.domain() == "ai.phasor")
        .count()
}

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
        assert_eq!(report["verification"]["cases"].as_array().unwrap().len(), 2);
        let sites = report["sites"].as_array().unwrap();
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
fn what_is_no_model_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let whole = fs::read(model("llama-dynamo")).unwrap();
    refused(
        &folder.path().join("missing.onnx"),
        &[],
        &["missing.onnx", "cannot be read", "hint:"],
    );
    refused(folder.path(), &[], &["cannot be read"]);
    refused(&file("empty.onnx", b""), &[], &["empty.onnx"]);
    refused(
        &file("text.onnx", b"#!/bin/sh\nexit 0\n"),
        &[],
        &["text.onnx"],
    );
    refused(
        &file("zip.onnx", b"PK\x03\x04\x14\x00\x00\x00\x08\x00"),
        &[],
        &["not an ONNX model"],
    );
    for length in [1, 100, whole.len() / 2, whole.len() - 1] {
        refused(&file("cut.onnx", &whole[..length]), &[], &["cut.onnx"]);
    }
    let mut state = 1u64;
    let mut noise = vec![0u8; 4096];
    for _ in 0..50 {
        for byte in &mut noise {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
        refused(&file("noise.onnx", &noise), &[], &["noise.onnx"]);
    }
}

fn written(folder: &TempDir, graph: GraphProto) -> PathBuf {
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

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        name: Some(format!("make {output}")),
        input: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

fn named(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    }
}

#[test]
fn a_graph_that_is_no_graph_is_refused() {
    let folder = TempDir::new().unwrap();
    let cyclic = GraphProto {
        node: vec![node("Add", &["x", "b"], "a"), node("Neg", &["a"], "b")],
        input: vec![named("x")],
        output: vec![named("b")],
        ..GraphProto::default()
    };
    refused(&written(&folder, cyclic), &[], &["cycle", "hint:"]);
    let twice = GraphProto {
        node: vec![node("Neg", &["x"], "a"), node("Abs", &["x"], "a")],
        input: vec![named("x")],
        output: vec![named("a")],
        ..GraphProto::default()
    };
    refused(&written(&folder, twice), &[], &["`a` is defined twice"]);
    let nothing = ModelProto {
        ir_version: Some(8),
        ..ModelProto::default()
    };
    let path = folder.path().join("nothing.onnx");
    fs::write(&path, nothing.encode_to_vec()).unwrap();
    refused(&path, &[], &["no graph"]);
}

/// A model whose weights are in a file.
fn external(folder: &TempDir) -> PathBuf {
    let mut model =
        ModelProto::decode(fs::read(model("llama-dynamo")).unwrap().as_slice()).unwrap();
    let mut data = Vec::new();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        if let Some(raw) = tensor.raw_data.take_if(|raw| raw.len() >= 1024) {
            let entry = |key: &str, value: String| StringStringEntryProto {
                key: Some(key.to_owned()),
                value: Some(value),
            };
            tensor.external_data = vec![
                entry("location", "weights.bin".to_owned()),
                entry("offset", data.len().to_string()),
                entry("length", raw.len().to_string()),
            ];
            tensor.data_location = Some(DataLocation::External as i32);
            data.extend_from_slice(&raw);
        }
    }
    fs::write(folder.path().join("weights.bin"), data).unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn external_data_goes_where_the_model_goes() {
    let source = TempDir::new().unwrap();
    let input = external(&source);
    let beside = source.path().join("fused.onnx");
    let output = fuse(&input, &beside, &["--engine", "tract"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(names(&source), ["fused.onnx", "model.onnx", "weights.bin"]);

    let target = TempDir::new().unwrap();
    let away = target.path().join("fused.onnx");
    let output = fuse(&input, &away, &["--engine", "tract", "--format=json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(names(&target), ["fused.onnx", "weights.bin"]);
    assert_eq!(fs::read(&beside).unwrap(), fs::read(&away).unwrap());
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["written"]["data_files"].as_array().unwrap().len(), 1);
}

#[test]
fn a_missing_data_file_is_named() {
    let source = TempDir::new().unwrap();
    let input = external(&source);
    fs::remove_file(source.path().join("weights.bin")).unwrap();
    refused(
        &input,
        &[],
        &["`weights.bin`", "is missing", "hint:", "--no-verify"],
    );
    // The proof needs no weights.
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("fused.onnx");
    let output = fuse(&input, &out, &["--no-verify"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("weights.bin"),
        "{}",
        stderr(&output)
    );
    assert_eq!(rotary_nodes(&out), 4);
}

#[test]
fn a_data_file_that_is_too_short_is_named() {
    let source = TempDir::new().unwrap();
    let input = external(&source);
    let weights = source.path().join("weights.bin");
    let data = fs::read(&weights).unwrap();
    fs::write(&weights, &data[..data.len() - 1]).unwrap();
    refused(&input, &[], &["`weights.bin`", "its data ends at", "hint:"]);
}

#[test]
fn a_table_that_does_not_fit_its_shape_is_refused() {
    let folder = TempDir::new().unwrap();
    let mut model = ModelProto::decode(fs::read(model("gptj-dynamo")).unwrap().as_slice()).unwrap();
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    let table = tensors
        .iter_mut()
        .find(|t| t.dims == [1, 64, 8])
        .expect("the table of angles");
    let raw = table.raw_data.take().unwrap();
    table.raw_data = Some(raw.slice(..raw.len() - 4));
    let name = table.name().to_owned();
    let path = folder.path().join("short.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    for more in [&[][..], &["--no-verify"]] {
        refused(&path, more, &[&name, "2044 bytes", "need 2048", "hint:"]);
    }
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let input = model("llama-dynamo");
    for target in [
        folder.path().join("no/such/folder/out.onnx"),
        folder.path().to_owned(),
    ] {
        let output = fuse(&input, &target, &["--no-verify", "--force"]);
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let name = target.display().to_string();
        assert!(stderr(&output).contains(&name), "{}", stderr(&output));
    }
    assert!(names(&folder).is_empty());
}

#[test]
fn the_command_line_is_checked() {
    let input = model("llama-dynamo");
    let input = input.to_str().unwrap();
    for arguments in [
        &["fuse", input][..],
        &["fuse", input, "--check", "-o", "x.onnx"],
        &["fuse", input, "-o", "x.onnx", "--dim", "batch"],
        &["fuse", input, "-o", "x.onnx", "--dim", "batch=two"],
        &["fuse"],
        &["melt", input],
        &[],
    ] {
        let output = phasor(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
    refused(
        Path::new(input),
        &["--dim", "nosuch=3", "--engine=tract"],
        &["nosuch", "batch"],
    );
    refused(
        Path::new(input),
        &["--ort", "/no/such/library.so"],
        &["/no/such/library.so"],
    );
    refused(
        Path::new(input),
        &["--inputs", "/no/such/inputs.npz"],
        &["/no/such/inputs.npz"],
    );
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

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_error() {
    let script = format!(
        "'{}' completions bash | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_phasor")
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .output()
        .expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    assert!(output.stderr.is_empty());
}

#[test]
fn completions_and_help_exist() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = phasor(["completions", shell]);
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("phasor"), "{shell}");
    }
    for command in ["fuse", "inspect", "verify", "lib-path", "completions"] {
        let output = phasor([command, "--help"]);
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("Usage: phasor"), "{command}");
    }
}

#[test]
fn the_operator_library_can_be_named() {
    let folder = TempDir::new().unwrap();
    let library = folder.path().join("library.so");
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
        command.arg("lib-path").env("PHASOR_OPS_LIB", &library);
        command.output().unwrap()
    };
    let output = run();
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("hint: build it"),
        "{}",
        stderr(&output)
    );
    fs::write(&library, b"").unwrap();
    let output = run();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(
        Path::new(stdout(&output).trim()),
        library.canonicalize().unwrap()
    );
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
