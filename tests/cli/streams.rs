//! Models on standard input and output.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::{code, fuse, model, phasor, stderr, stdout};

/// Runs the command line with something on standard input.
fn piped(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_phasor"))
        .args(arguments)
        .env_remove("ORT_DYLIB_PATH")
        .env_remove("VIRTUAL_ENV")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A program that refuses its arguments reads nothing.
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("a writer");
    output
}

#[test]
fn a_model_passes_through() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fused.onnx");
    let content = fs::read(model("llama-dynamo")).unwrap();
    assert_eq!(
        code(&fuse(&model("llama-dynamo"), &file, &["--no-verify"])),
        0
    );
    let output = piped(&["fuse", "-", "-o", "-"], &content);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(output.stdout, fs::read(&file).unwrap());
    assert!(stderr(&output).contains("Verified"), "{}", stderr(&output));

    let inspected = piped(&["inspect", "-"], &content);
    assert_eq!(code(&inspected), 0);
    assert!(
        stdout(&inspected).contains("rotary"),
        "{}",
        stdout(&inspected)
    );
    let unfused = piped(&["unfuse", "-", "-o", "-", "--no-verify"], &output.stdout);
    assert_eq!(code(&unfused), 0, "{}", stderr(&unfused));
    assert!(!unfused.stdout.is_empty());
    // What has nothing to fuse comes out as it went in.
    let again = piped(&["fuse", "-", "-o", "-", "--no-verify"], &output.stdout);
    assert_eq!(again.stdout, output.stdout);
}

#[test]
fn standard_output_holds_one_thing() {
    let output = piped(&["fuse", "-", "-o", "-", "--format", "json"], b"");
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("both write to standard output"),
        "{}",
        stderr(&output)
    );
    let output = piped(&["inspect", "-"], b"no model");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("<memory>"), "{}", stderr(&output));
}

#[test]
fn the_version_names_its_parts() {
    for arguments in [&["--version"][..], &["version"]] {
        let output = phasor(arguments);
        assert_eq!(code(&output), 0);
        assert!(
            stdout(&output).starts_with(concat!("phasor ", env!("CARGO_PKG_VERSION"), " (")),
            "{}",
            stdout(&output)
        );
    }
}

#[test]
fn one_model_at_most_comes_from_standard_input() {
    let model = model("llama-dynamo");
    let content = fs::read(&model).unwrap();
    let model = model.to_str().unwrap();
    for arguments in [
        &["diff", "-", "-"][..],
        &["verify", "-", model],
        &["verify", model, "-"],
        &["bench", model, "-"],
        &["report", model, "-", "-o", "page.html"],
    ] {
        let output = piped(arguments, &content);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(
            said.contains("standard input") && said.contains("hint: "),
            "{said}"
        );
    }
}
