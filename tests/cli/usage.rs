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
