//! Several models in one command.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::damage::external;
use crate::support::{code, model, names, phasor, rotary_nodes, stderr, stdout};

/// A folder with two models of one name, in folders of their own, and one that is broken.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["llama-dynamo", "gptj-dynamo"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::copy(model(name), folder.path().join(name).join("model.onnx")).unwrap();
    }
    fs::write(folder.path().join("broken.onnx"), b"no model").unwrap();
    folder
}

fn at(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn models_are_fused_into_a_folder() {
    let folder = folder();
    let inputs =
        ["llama-dynamo/model.onnx", "gptj-dynamo/model.onnx"].map(|name| at(&folder, name));
    let out = at(&folder, "new/out");
    let output = phasor(["fuse", &inputs[0], &inputs[1], "-o", &out, "--no-verify"]);
    let said = stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    for name in ["llama-dynamo", "gptj-dynamo"] {
        let written = Path::new(&out).join(name).join("model.onnx");
        assert!(rotary_nodes(&written) > 0, "{}", written.display());
    }
    let [first, second] = [&inputs[0], &inputs[1]].map(|input| {
        let loaded = format!("Loaded `{input}`");
        said.find(&loaded).unwrap_or_else(|| panic!("{said}"))
    });
    assert!(first < second, "{said}");
    assert!(said.ends_with("2 models: 2 fused\n"), "{said}");
    let again = phasor(["fuse", &inputs[0], &inputs[1], "-o", &out, "--no-verify"]);
    assert_eq!(code(&again), 2);
    assert!(
        stderr(&again).contains("2 models: 2 failed"),
        "{}",
        stderr(&again)
    );
}

#[test]
fn one_model_goes_into_a_folder_that_is_there() {
    let folder = folder();
    let (input, out) = (
        at(&folder, "gptj-dynamo/model.onnx"),
        at(&folder, "llama-dynamo/"),
    );
    let output = phasor(["fuse", &input, "-o", &out, "--no-verify", "--force"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(rotary_nodes(&folder.path().join("llama-dynamo/model.onnx")) > 0);
}

#[test]
fn a_failure_stops_no_other_model() {
    let folder = folder();
    let inputs = ["broken.onnx", "gptj-dynamo/model.onnx"].map(|name| at(&folder, name));
    let out = at(&folder, "out");
    let output = phasor(["fuse", &inputs[0], &inputs[1], "-o", &out, "--no-verify"]);
    let said = stderr(&output);
    assert_eq!(code(&output), 2, "{said}");
    assert!(
        said.contains("error: ") && said.contains(&inputs[0]),
        "{said}"
    );
    assert!(said.ends_with("2 models: 1 fused, 1 failed\n"), "{said}");
    assert_eq!(
        names(&folder),
        ["broken.onnx", "gptj-dynamo", "llama-dynamo", "out"]
    );
    // No folder stays for what is not written.
    let output = phasor([
        "fuse",
        &inputs[0],
        &inputs[0].replace("broken", "nobody"),
        "-o",
        &at(&folder, "none/x"),
    ]);
    assert_eq!(code(&output), 2);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn of_several_models_the_worst_outcome_counts() {
    let folder = folder();
    let input = at(&folder, "gptj-dynamo/model.onnx");
    let fused = at(&folder, "fused.onnx");
    assert_eq!(
        code(&phasor(["fuse", &input, "-o", &fused, "--no-verify"])),
        0
    );
    let output = phasor(["fuse", "--check", &fused, &input]);
    assert_eq!(code(&output), 1);
    let said = stderr(&output);
    assert!(
        said.ends_with("2 models: 1 with nothing to fuse, 1 to fuse\n"),
        "{said}"
    );
    assert_eq!(
        code(&phasor(["fuse", "--check", &fused, &fused.clone()])),
        0
    );
}

#[test]
fn reports_of_several_models_are_lines() {
    let folder = folder();
    let inputs = [
        "gptj-dynamo/model.onnx",
        "broken.onnx",
        "llama-dynamo/model.onnx",
    ]
    .map(|name| at(&folder, name));
    let out = at(&folder, "out");
    let commands: [&[&str]; 2] = [&["inspect"], &["fuse", "-o", &out, "--no-verify"]];
    for command in commands {
        let arguments = command
            .iter()
            .copied()
            .chain(["--format", "json", "--jobs", "2"]);
        let output = phasor(arguments.chain(inputs.iter().map(String::as_str)));
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let reports: Vec<Value> = stdout(&output)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(reports.len(), 3);
        for (report, input) in reports.iter().zip(&inputs) {
            let path = &report["model"];
            assert_eq!(path.get("path").unwrap_or(path), input, "{report}");
        }
        assert!(
            reports[1]["error"]["message"]
                .as_str()
                .unwrap()
                .contains("broken.onnx")
        );
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = folder();
    let inputs =
        ["gptj-dynamo/model.onnx", "llama-dynamo/model.onnx"].map(|name| at(&folder, name));
    for (arguments, words) in [
        (
            vec!["fuse", &inputs[0], &inputs[1], "-o", "-"],
            "`-o -` takes one model",
        ),
        (
            vec!["fuse", &inputs[0], "-", "-o", "out"],
            "standard input is one of several",
        ),
        (
            vec!["inspect", &inputs[0], "-"],
            "standard input is one of several",
        ),
        (
            vec!["fuse", &inputs[0], &inputs[0], "-o", "out"],
            "is given twice",
        ),
        (
            vec!["fuse", &inputs[0], &inputs[1], "-o", &inputs[1]],
            "is not a folder",
        ),
    ] {
        let output = phasor(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains(words) && said.contains("hint: "), "{said}");
    }
}

#[test]
fn how_much_is_said_can_be_chosen() {
    let folder = folder();
    let (input, out) = (
        at(&folder, "gptj-dynamo/model.onnx"),
        at(&folder, "out.onnx"),
    );
    let fuse = |flag: &str| {
        phasor([
            "fuse",
            &input,
            "-o",
            &out,
            "--force",
            "--engine=tract",
            flag,
        ])
    };
    let quiet = fuse("-q");
    assert_eq!((code(&quiet), stderr(&quiet)), (0, String::new()));
    let verbose = stderr(&fuse("--verbose"));
    for words in [
        "looking for position encodings: ",
        " s\n",
        "Wrote ",
        "seed 0",
    ] {
        assert!(verbose.contains(words), "`{words}` is not in {verbose}");
    }
    assert_eq!(code(&phasor(["fuse", &input, "--check", "-v", "-q"])), 2);
    // An error is told of in any case.
    let missing = phasor(["-q", "inspect", "nobody.onnx"]);
    assert!(stderr(&missing).contains("nobody.onnx"));
}

#[test]
fn models_may_share_a_data_file() {
    let source = TempDir::new().unwrap();
    let first = external(&source);
    let second = first.with_file_name("second.onnx");
    fs::copy(&first, &second).unwrap();
    for jobs in ["1", "2"] {
        let folder = TempDir::new().unwrap();
        let out = at(&folder, "out");
        let inputs = [&first, &second].map(|path| path.to_str().unwrap());
        let output = phasor([
            "fuse",
            inputs[0],
            inputs[1],
            "-o",
            &out,
            "--no-verify",
            "-j",
            jobs,
        ]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let data = Path::new(&out).join("weights.bin");
        assert_eq!(
            fs::read(data).unwrap(),
            fs::read(first.with_file_name("weights.bin")).unwrap()
        );
    }
}

#[cfg(unix)]
#[test]
fn no_output_is_another_output_or_another_input() {
    let folder = folder();
    let inputs =
        ["llama-dynamo/model.onnx", "gptj-dynamo/model.onnx"].map(|name| at(&folder, name));
    let fuse = |inputs: [&str; 2], out: &str| {
        let output = phasor([
            "fuse",
            inputs[0],
            inputs[1],
            "-o",
            out,
            "--no-verify",
            "--force",
        ]);
        (code(&output), stderr(&output))
    };
    fs::create_dir_all(folder.path().join("out/llama-dynamo")).unwrap();
    std::os::unix::fs::symlink("llama-dynamo", folder.path().join("out/gptj-dynamo")).unwrap();
    let (code, said) = fuse([&inputs[0], &inputs[1]], &at(&folder, "out"));
    assert!(
        code == 2 && said.contains("would both be written to"),
        "{said}"
    );

    let outer = at(&folder, "model.onnx");
    fs::copy(&inputs[0], &outer).unwrap();
    let before = fs::read(&inputs[1]).unwrap();
    let (code, said) = fuse([&outer, &inputs[1]], &at(&folder, "gptj-dynamo"));
    assert!(
        code == 2 && said.contains("is one of the models to read"),
        "{said}"
    );
    assert_eq!(fs::read(&inputs[1]).unwrap(), before);
    // Each in its own place is what `--force` is for.
    let (code, said) = fuse([&inputs[0], &inputs[1]], &at(&folder, ""));
    assert_eq!(code, 0, "{said}");
}
