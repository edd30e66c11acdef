//! Options from `phasor.toml` and `pyproject.toml`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use phasor::onnx::ModelFile;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{code, model, stderr, stdout};

/// `phasor ...` in a folder.
fn within(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phasor"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("VIRTUAL_ENV")
        .output()
        .expect("the binary runs")
}

/// A folder with a file of options.
fn folder(name: &str, options: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), options).unwrap();
    folder
}

/// The rules that `fuse --check` reports.
fn rules(folder: &Path, more: &[&str]) -> Vec<String> {
    let model = model("llama-dynamo");
    let mut arguments = vec!["fuse", "--check", "--format=json", model.to_str().unwrap()];
    arguments.extend(more);
    let output = within(folder, &arguments);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let rules = report["rules"].as_array().unwrap().iter();
    rules
        .map(|rule| rule["rule"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_file_sets_defaults_and_the_command_line_counts_more() {
    let own = folder(
        "phasor.toml",
        "ignore = [\"attention\", \"rotary-table\"]\n",
    );
    assert_eq!(rules(own.path(), &[]), ["rotary"]);
    assert_eq!(
        rules(own.path(), &["--ignore", "rotary-table"]),
        ["attention", "rotary"]
    );
    assert_eq!(
        rules(own.path(), &["--no-config"]),
        ["attention", "rotary", "rotary-table"]
    );
    // It holds below its folder too.
    let below = own.path().join("below");
    fs::create_dir(&below).unwrap();
    assert_eq!(rules(&below, &[]), ["rotary"]);
    // The nearest file is the only one.
    fs::write(
        below.join("pyproject.toml"),
        "[tool.phasor.fuse]\nselect = \"attention\"\n",
    )
    .unwrap();
    assert_eq!(rules(&below, &[]), ["attention"]);
    let named = own.path().join("phasor.toml");
    assert_eq!(
        rules(&below, &["--config", named.to_str().unwrap()]),
        ["rotary"]
    );
}

#[test]
fn a_project_without_options_says_nothing() {
    for text in [
        "[project]\nname = \"x\"\n",
        "[tool.ruff]\n",
        "no toml with phasor",
    ] {
        let own = folder("pyproject.toml", text);
        assert_eq!(rules(own.path(), &[]).len(), 3, "{text}");
    }
}

#[test]
fn flags_numbers_and_tables_are_options() {
    let text = "pairs = true\ndim = { batch = 2 }\ntolerance = 1e-3\nseeds = 1\nengine = \"tract\"\n[fuse]\nignore = \"attention\"\n";
    let own = folder("phasor.toml", text);
    let model = model("llama-dynamo");
    let output = within(
        own.path(),
        &["fuse", model.to_str().unwrap(), "-o", "out.onnx", "-v"],
    );
    let said = stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    assert!(said.contains("1e-3") && !said.contains("seed 1"), "{said}");
    let fused = ModelFile::open(own.path().join("out.onnx")).unwrap();
    let mut nodes = fused.graph().node.iter();
    assert!(nodes.any(|node| node.op_type() == "RotaryEmbeddingPair"));
}

#[test]
fn the_command_line_excludes_what_a_file_says() {
    let own = folder("phasor.toml", "no-verify = true\nengine = \"tract\"\n");
    let model = model("llama-dynamo");
    let output = within(
        own.path(),
        &[
            "fuse",
            model.to_str().unwrap(),
            "-o",
            "out.onnx",
            "--require-verified",
        ],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("Verified"), "{}", stderr(&output));
}

#[test]
fn paths_are_those_of_the_file() {
    let own = folder("phasor.toml", "inputs = [\"nobody.npz\"]\n");
    let below = own.path().join("below");
    fs::create_dir(&below).unwrap();
    let model = model("llama-dynamo");
    let output = within(
        &below,
        &[
            "fuse",
            model.to_str().unwrap(),
            "-o",
            "out.onnx",
            "--engine=tract",
        ],
    );
    assert_eq!(code(&output), 2);
    let expected = own.path().canonicalize().unwrap().join("nobody.npz");
    assert!(
        stderr(&output).contains(expected.to_str().unwrap()),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_no_command_takes_is_refused() {
    for (text, words) in [
        ("tolerence = 1e-3", "a similar option is `tolerance`"),
        ("[fuse]\nfoo = 1", "unknown option `fuse.foo`"),
        ("seeds = 0", "`seeds`"),
        ("target = \"tensorrt\"", "`phasor`, `contrib`, `onnx`"),
        ("pairs = 1", "`true` or `false`"),
        ("target = [\"onnx\"]", "it takes one value"),
        ("force = true", "cannot be set in a file"),
        ("ops-lib = \"evil.so\"", "cannot be set in a file"),
        ("seeds = 1\n\n]", "line 3: "),
        ("h = true", "unknown option `h`"),
        ("no-verify = true\nrequire-verified = true", "excludes"),
        ("dim = { batch = 1979-05-27 }", "has a date"),
    ] {
        let own = folder("phasor.toml", text);
        let model = model("llama-dynamo");
        let output = within(
            own.path(),
            &["fuse", "--check", "--format=json", model.to_str().unwrap()],
        );
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{text}: {said}");
        assert!(
            said.contains("phasor.toml") && said.contains(words) && said.contains("hint: "),
            "{text}: {said}"
        );
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert!(
            report["error"]["message"]
                .as_str()
                .unwrap()
                .contains("phasor.toml")
        );
    }
    let own = folder("pyproject.toml", "[tool]\nphasor = 1\n");
    let output = within(own.path(), &["doctor"]);
    assert!(
        stderr(&output).contains("`tool.phasor` is a number"),
        "{}",
        stderr(&output)
    );
    let empty = TempDir::new().unwrap();
    let output = within(empty.path(), &["doctor", "--config", "."]);
    assert!(
        stderr(&output).contains("not a regular file"),
        "{}",
        stderr(&output)
    );
    let output = within(empty.path(), &["doctor", "--config", "nobody.toml"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("nobody.toml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_table_of_a_command_is_no_option_of_its_name() {
    let own = folder("phasor.toml", "[bench]\nrounds = 1\n");
    let model = model("llama-dynamo");
    let output = within(
        own.path(),
        &[
            "report",
            model.to_str().unwrap(),
            "-o",
            "page.html",
            "--no-verify",
        ],
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn what_comes_from_a_file_is_said() {
    let own = folder("phasor.toml", "target = \"contrib\"\npairs = true\n");
    let model = model("llama-dynamo");
    for more in [&[][..], &["--quiet"]] {
        let mut arguments = vec!["fuse", "--check", model.to_str().unwrap()];
        arguments.extend(more);
        let output = within(own.path(), &arguments);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert_eq!(said.matches("options from `").count(), 1, "{said}");
        assert!(said.contains("`target`, `pairs`"), "{said}");
    }
}
