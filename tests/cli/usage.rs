//! The command line itself: arguments, help, completions, and commands without a model.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{code, model, phasor, refused, stderr, stdout};

#[test]
fn the_command_line_is_checked() {
    let input = model("llama-dynamo");
    let input = input.to_str().unwrap();
    for arguments in [
        &["fuse", input][..],
        &["fuse", input, "--check", "-o", "x.onnx"],
        &["fuse", input, "-o", "x.onnx", "--dim", "batch"],
        &["fuse", input, "-o", "x.onnx", "--dim", "batch=two"],
        &["fuse", input, "-o", "x.onnx", "--seeds", "0"],
        &["fuse", input, "-o", "x.onnx", "--tolerance", "nan"],
        &["verify", input, input, "--tolerance", "inf"],
        &["verify", input, input, "--tolerance", "-1e-3"],
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
    for flag in ["--ort", "--ops-lib"] {
        refused(
            Path::new(input),
            &["--engine=tract", flag, input],
            &[flag, "`--engine tract` excludes it", "hint: "],
        );
    }
}

#[test]
fn a_library_beside_the_caller_is_loaded_from_there() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("library.so"), b"no library").unwrap();
    let input = model("llama-dynamo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
    command.current_dir(folder.path());
    command.args(["fuse", input.to_str().unwrap(), "-o", "out.onnx"]);
    let output = command.args(["--ort", "library.so"]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(code(&output), 2, "{said}");
    assert!(said.contains("not found: as given: "), "{said}");
    assert!(!folder.path().join("out.onnx").exists());
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
    for command in [
        "fuse",
        "inspect",
        "explain",
        "rules",
        "verify",
        "report",
        "bench",
        "diff",
        "doctor",
        "lib-path",
        "completions",
    ] {
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
