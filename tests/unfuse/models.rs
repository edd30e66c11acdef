//! Fused models become standard ONNX again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use phasor::engine::{Engine, Source, tract::Tract};
use phasor::onnx::proto::{
    FunctionProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
};
use phasor::onnx::{ModelFile, Tensor};
use phasor::pipeline::{self, Check, Destination, Goal, Options, Search, UnfusedVerdict, Verdict};
use phasor::rewrite::{self, Definition, Target};
use phasor::verify::{self, Preference};
use prost::Message;
use tempfile::TempDir;

use crate::build::{branch, f32s, info, model, node, open, opset};

const DOMAIN: &str = "ai.phasor";

fn in_tract() -> verify::Options {
    verify::Options {
        engine: Preference::Tract,
        ..Default::default()
    }
}

fn example(name: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    models.join(name).join("model.onnx")
}

fn to(path: &Path) -> Destination<'_> {
    Destination::File { path, force: false }
}

/// Fuses a file unverified; the number of rotary sites.
fn fuse(from: &Path, to: &Path) -> usize {
    let goal = Goal::Write {
        path: to.to_owned(),
        force: false,
    };
    let options = Options {
        goal,
        search: Search::default(),
        target: Target::default(),
        plain: Vec::new(),
        accept: Vec::new(),
        retarget: Vec::new(),
        precise_angles: false,
        verify: None,
    };
    let file = ModelFile::open(from).unwrap();
    let outcome = pipeline::fuse(&file, &options, &mut ()).unwrap();
    assert_eq!(outcome.verdict, Verdict::Fused, "{}", from.display());
    let sites = outcome.findings.sites.iter();
    sites.filter(|found| found.site.rotary().is_some()).count()
}

/// Our domain, wherever a model may mention it.
fn traces(model: &ModelProto) -> Vec<String> {
    fn nodes(list: &[NodeProto], found: &mut Vec<String>) {
        for node in list {
            if node.domain() == DOMAIN {
                found.push(format!("node {}", node.name()));
            }
            node.bodies().for_each(|body| nodes(&body.node, found));
        }
    }
    let mut found = Vec::new();
    nodes(&model.graph.as_ref().unwrap().node, &mut found);
    for function in &model.functions {
        if function.domain() == DOMAIN {
            found.push(format!("function {}", function.name()));
        }
        nodes(&function.node, &mut found);
    }
    let imports = model.opset_import.iter().filter(|o| o.domain() == DOMAIN);
    found.extend(imports.map(|o| format!("opset {}", o.version())));
    let keys = model.metadata_props.iter().map(|m| m.key());
    found.extend(
        keys.filter(|k| k.starts_with("phasor."))
            .map(|k| format!("metadata {k}")),
    );
    found
}

#[test]
fn what_was_fused_is_found_again_after_the_way_back() {
    for name in [
        "gptj-dynamo",
        "gptneox-torchscript",
        "llama-cache",
        "llama-f16",
    ] {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let sites = fuse(&example(name), &at("fused.onnx"));
        let fused = ModelFile::open(at("fused.onnx")).unwrap();
        assert!(!traces(fused.model()).is_empty());
        let back =
            pipeline::unfuse(&fused, to(&at("back.onnx")), Some(&in_tract()), &mut ()).unwrap();
        assert_eq!(
            back.verdict,
            UnfusedVerdict::Unfused,
            "{name}: {:?}",
            back.check
        );
        let Check::Done(report) = &back.check else {
            panic!("{name} is not verified");
        };
        assert!(report.same(), "{name}: {report:?}");
        let rotary = back.operators.iter();
        let rotary = rotary.filter(|o| {
            matches!(
                &o.operator[..],
                "RotaryEmbedding" | "RotaryEmbeddingPair" | "RotaryHeads"
            )
        });
        assert_eq!(rotary.map(|o| o.nodes).sum::<usize>(), sites);
        for operator in &back.operators {
            assert_eq!(operator.definition, Definition::Model);
        }

        let plain = ModelFile::open(at("back.onnx")).unwrap();
        assert_eq!(traces(plain.model()), [""; 0], "{name}");
        assert_eq!(back.nodes.1, plain.graph().node.len());
        let (original, expanded) = (example(name), at("back.onnx"));
        let report = verify::run(
            Source::Path(&original),
            Source::Path(&expanded),
            &in_tract(),
        )
        .unwrap();
        assert!(report.same(), "{name}: {report:?}");
        assert_eq!(fuse(&at("back.onnx"), &at("again.onnx")), sites, "{name}");
    }
}

#[test]
fn a_model_with_nothing_fused_is_written_byte_for_byte() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.onnx");
    let file = ModelFile::open(example("llama-dynamo")).unwrap();
    let outcome = pipeline::unfuse(&file, to(&out), Some(&in_tract()), &mut ()).unwrap();
    assert_eq!(outcome.verdict, UnfusedVerdict::NothingToUnfuse);
    assert!(matches!(outcome.check, Check::NotNeeded));
    assert_eq!(
        fs::read(example("llama-dynamo")).unwrap(),
        fs::read(out).unwrap()
    );
}

#[test]
fn what_is_not_ours_keeps_every_byte() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fuse(&example("llama-dynamo"), &at("fused.onnx"));
    let mut bytes = fs::read(at("fused.onnx")).unwrap();
    // Field 1000 of the model, which no version of ONNX has.
    let unknown = [0xc2, 0x3e, 3, b'a', b'b', b'c'];
    bytes.extend(unknown);
    let entry = StringStringEntryProto {
        key: Some("made by".into()),
        value: Some("somebody".into()),
    };
    let theirs = ModelProto {
        metadata_props: vec![entry.clone()],
        ..Default::default()
    };
    bytes.extend(theirs.encode_to_vec());
    let file = ModelFile::from_bytes("fused.onnx", bytes.into()).unwrap();
    let (edit, _) = rewrite::unfuse(&file).unwrap();
    let staged = file.stage(&edit, &at("back.onnx"), false).unwrap();
    let written = fs::read(staged.path()).unwrap();
    assert!(written.windows(unknown.len()).any(|w| w == unknown));
    let back = ModelProto::decode(&written[..]).unwrap();
    assert_eq!(back, file.edited(&edit));
    assert_eq!(back.metadata_props, [entry]);
    let original = |file: &ModelFile| file.graph().initializer.clone();
    assert_eq!(back.graph.unwrap().initializer, original(&file));
}

/// `y = RotaryEmbedding(x, cos, sin)` in the main graph, in a branch and in a function.
fn nested() -> ModelProto {
    let rotary = |output: &str, x: &str, more: &str| {
        node(
            output,
            &format!("{DOMAIN}::RotaryEmbedding({x}, cos, sin) {more}"),
        )
    };
    let value = |name: &str| info(&format!("{name}: float[2, 3, 8]"));
    let inner = |nodes: Vec<NodeProto>, output: &str| GraphProto {
        node: nodes,
        output: vec![value(output)],
        ..Default::default()
    };
    let mut m = model(
        "x: float[2, 3, 8]\ncos: float[3, 4]\nsin: float[3, 4]\nflag: bool[]\n\
         first = ai.phasor::RotaryEmbedding(x, cos, sin) interleaved=1\n\
         chosen = If(flag)\n\
         called = local::Twice(chosen, cos, sin) turn=1\n\
         y = Add(called, first)",
        &[("node of first/v0", f32s(&[1], &[1.0]))],
    );
    let graph = m.graph.as_mut().unwrap();
    graph.node[1].attribute = vec![
        branch(
            "then_branch",
            inner(vec![rotary("inside", "first", "interleaved=1")], "inside"),
        ),
        branch(
            "else_branch",
            inner(vec![node("other", "Neg(first)")], "other"),
        ),
    ];
    let mut second = rotary("y", "half", "rotary_dim=8");
    let mut turn = crate::build::node("y", "F() inverse=0").attribute.remove(0);
    (turn.i, turn.ref_attr_name) = (None, Some("turn".into()));
    second.attribute.push(turn);
    m.functions.push(FunctionProto {
        name: Some("Twice".into()),
        domain: Some("local".into()),
        input: ["x", "cos", "sin"].map(str::to_owned).to_vec(),
        output: vec!["y".into()],
        attribute: vec!["turn".into()],
        node: vec![rotary("half", "x", "interleaved=0"), second],
        opset_import: vec![opset("", 17), opset(DOMAIN, 1)],
        ..Default::default()
    });
    m.opset_import.extend([opset(DOMAIN, 1), opset("local", 1)]);
    m
}

fn outputs(model: &ModelProto, flag: bool) -> Vec<f64> {
    let numbers = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
    let inputs = [
        ("x", f32s(&[2, 3, 8], &numbers(48))),
        ("cos", f32s(&[3, 4], &numbers(12))),
        ("sin", f32s(&[3, 4], &numbers(13)[1..])),
        (
            "flag",
            Tensor::from_f64_as(phasor::onnx::DataType::Bool, &[], &[f64::from(flag)]),
        ),
    ];
    let inputs = inputs.map(|(name, tensor)| (name.to_owned(), tensor));
    let results = Tract.run(Source::Proto(model, None), &inputs, &["y".to_owned()]);
    results.unwrap()[0].to_f64().unwrap()
}

#[test]
fn nodes_in_branches_and_functions_are_expanded_by_the_contract() {
    let fused = nested();
    let file = open(&fused);
    let (edit, expanded) = rewrite::unfuse(&file).unwrap();
    assert_eq!(expanded.len(), 1);
    assert_eq!(
        (expanded[0].nodes, expanded[0].definition),
        (4, Definition::Contract)
    );
    let plain = file.edited(&edit);
    assert_eq!(traces(&plain), [""; 0]);
    assert_eq!(plain.functions.len(), 1);
    open(&plain);
    for flag in [false, true] {
        let (a, b) = (outputs(&fused, flag), outputs(&plain, flag));
        assert_eq!(a.len(), 48);
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

#[test]
fn an_operator_without_definition_is_named() {
    let mut m = model("x: float[2]\ny = ai.phasor::Unheard(x)", &[]);
    m.opset_import.push(opset(DOMAIN, 1));
    let error = rewrite::unfuse(&open(&m)).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("Unheard") && said.contains("node of y"),
        "{said}"
    );
    m.functions.push(FunctionProto {
        name: Some("Unheard".into()),
        domain: Some(DOMAIN.into()),
        input: vec!["x".into()],
        output: vec!["y".into()],
        node: vec![node("y", "other::Thing(x)")],
        opset_import: vec![opset("", 17), opset("other", 2)],
        ..Default::default()
    });
    let error = rewrite::unfuse(&open(&m)).unwrap_err().to_string();
    assert!(error.contains("cannot be expanded"), "{error}");
}

#[test]
fn a_body_for_another_opset_gives_way_to_the_contract() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("fused.onnx");
    fuse(&example("gptneox-torchscript"), &at);
    let mut m = ModelProto::decode(&fs::read(&at).unwrap()[..]).unwrap();
    m.opset_import
        .iter_mut()
        .find(|o| o.is_standard())
        .unwrap()
        .version = Some(18);
    let (edit, expanded) = rewrite::unfuse(&open(&m)).unwrap();
    assert_eq!(expanded[0].definition, Definition::Contract);
    let new = edit.insert_before.values().flatten();
    let mut splits = new.filter(|n| n.op_type() == "Split");
    // What opset 18 asks for and 17 does not know.
    assert!(splits.all(|n| n.attribute("num_outputs").is_some()));
}

fn command(arguments: &[&std::ffi::OsStr]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
    command
        .arg("unfuse")
        .args(arguments)
        .env_remove("ORT_DYLIB_PATH");
    command.env_remove("VIRTUAL_ENV").output().unwrap()
}

#[test]
fn the_command_reports_and_refuses_like_the_others() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string();
    let (fused, back) = (at("fused.onnx"), at("back.onnx"));
    fuse(&example("qwen3-dynamo"), Path::new(&fused));
    let flags = ["-o", "--engine=tract", "--format=json", "--force"].map(std::ffi::OsStr::new);
    let output = command(&[&fused, flags[0], &back, flags[1], flags[2]]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "unfused");
    let operators = report["operators"].as_array().unwrap();
    let rotary = operators
        .iter()
        .find(|o| o["operator"] == "RotaryHeads")
        .unwrap();
    assert_eq!(rotary["nodes"], 4);
    assert_eq!(rotary["definition"], "model");
    assert_eq!(report["verification"]["verdict"], "same");

    let output = command(&[&fused, flags[0], &back]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("--force"), "{said}");

    let output = command(&[&back, flags[0], &back, flags[3]]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("Nothing to unfuse"), "{said}");

    let mut m = model("x: float[2]\ny = ai.phasor::Unheard(x)", &[]);
    m.opset_import.push(opset(DOMAIN, 1));
    fs::write(at("odd.onnx"), m.encode_to_vec()).unwrap();
    let output = command(&[&at("odd.onnx"), flags[0], &at("odd out.onnx")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("odd.onnx") && said.contains("Unheard") && said.contains("hint:"),
        "{said}"
    );
    assert!(!Path::new(&at("odd out.onnx")).exists());
}
