//! Files that are no models, models that are damaged, and data files.

use std::fs;
use std::path::{Path, PathBuf};

use phasor::onnx::proto::{
    GraphProto, ModelProto, StringStringEntryProto, tensor_proto::DataLocation,
};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    code, fuse, model, named, names, node, phasor, refused, rotary_nodes, stderr, stdout, written,
};

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
pub(crate) fn external(folder: &TempDir) -> PathBuf {
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
fn damaged_entries_of_external_data_are_refused() {
    let source = TempDir::new().unwrap();
    let input = external(&source);
    let whole = ModelProto::decode(fs::read(&input).unwrap().as_slice()).unwrap();
    let secret = TempDir::new().unwrap();
    let absolute = secret.path().join("weights.bin");
    for (key, value, word) in [
        ("offset", "first", "offset `first` is not a number"),
        ("offset", "-64", "offset `-64` is not a number"),
        ("offset", "18446744073709551616", "is not a number"),
        ("offset", "18446744073709551615", "beyond any file"),
        ("offset", "999999999", "its data ends at byte"),
        ("length", "many", "length `many` is not a number"),
        ("length", "-1024", "length `-1024` is not a number"),
        ("length", "1023", "1023 bytes long, type and shape ask for"),
        ("location", "", "no location"),
        ("location", ".", "is not a file name"),
        ("location", "../weights.bin", "outside the model's folder"),
        (
            "location",
            absolute.to_str().unwrap(),
            "outside the model's folder",
        ),
    ] {
        let mut model = whole.clone();
        let tensors = &mut model.graph.as_mut().unwrap().initializer;
        let tensor = tensors
            .iter_mut()
            .rfind(|t| t.data_location.is_some())
            .unwrap();
        let name = tensor.name().to_owned();
        let entry = tensor.external_data.iter_mut().find(|e| e.key() == key);
        entry.unwrap().value = Some(value.to_owned());
        fs::write(&input, model.encode_to_vec()).unwrap();
        for more in [&[][..], &["--no-verify"]] {
            refused(
                &input,
                more,
                &[&format!("tensor `{name}`: "), word, "hint: "],
            );
        }
    }
}

#[test]
fn external_data_in_attributes_and_bodies_is_checked() {
    let source = TempDir::new().unwrap();
    let input = external(&source);
    let mut model = ModelProto::decode(fs::read(&input).unwrap().as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let position = graph
        .initializer
        .iter()
        .position(|t| t.data_location.is_some());
    let mut tensor = graph.initializer.remove(position.unwrap());
    let mut constant = node("Constant", &[], tensor.name());
    tensor.external_data[1].value = Some("-1".to_owned());
    let name = tensor.name().to_owned();
    constant
        .attribute
        .push(phasor::onnx::proto::AttributeProto {
            name: Some("value".into()),
            r#type: Some(4),
            t: Some(Box::new(tensor)),
            ..Default::default()
        });
    graph.node.insert(0, constant);
    fs::write(&input, model.encode_to_vec()).unwrap();
    refused(
        &input,
        &["--no-verify"],
        &[&name, "offset `-1` is not a number"],
    );
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

/// Every command on every hostile file ends by itself, with a code that it has, and speaks of no panic.
#[test]
fn every_command_ends_on_hostile_files() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.onnx");
    let out = out.to_str().unwrap();
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files = 0;
    for entry in fs::read_dir(hostile).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        files += 1;
        let file = path.to_str().unwrap();
        let commands: [&[&str]; 6] = [
            &["inspect", file],
            &["explain", file],
            &["fuse", file, "-o", out, "--force", "--no-verify"],
            &["fuse", file, "-o", out, "--force", "--engine", "tract"],
            &["verify", file, file, "--engine", "tract"],
            &["unfuse", file, "-o", out, "--force", "--engine", "tract"],
        ];
        for command in commands {
            let output = phasor(command);
            let said = stderr(&output);
            assert!((0..=2).contains(&code(&output)), "{command:?}: {said}");
            assert!(!said.contains("panic"), "{command:?}: {said}");
            if code(&output) == 2 {
                assert!(said.starts_with("error: "), "{command:?}: {said}");
            }
        }
    }
    assert!(files > 50, "{files} files");
}

/// A rank that only inference tells is looked at before tract counts up to an axis.
#[test]
fn what_inference_tells_is_checked_before_the_engine_runs() {
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    for (name, words) in [
        (
            "axis_derived",
            "attribute `axis` is -1000, allowed are -3 to 2",
        ),
        (
            "perm_derived",
            "attribute `perm` has 2 axes, allowed are the 3 of input 0",
        ),
        (
            "constant_size",
            "it would make a value of 4398046511104 bytes",
        ),
        (
            "random_size",
            "it would make a value of 4611686018427387904 bytes",
        ),
    ] {
        let file = hostile.join(format!("{name}.onnx"));
        let file = file.to_str().unwrap();
        let output = phasor(["verify", file, file, "--engine", "tract"]);
        assert_eq!(code(&output), 1, "{name}: {}", stderr(&output));
        assert!(
            stdout(&output).contains(words),
            "{name}: {}",
            stdout(&output)
        );
    }
}
