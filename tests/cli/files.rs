//! Inputs and outputs that are no files, outputs that cannot be written, and reports that cannot be delivered.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{code, fuse, model, names, phasor, refused, stderr, stdout};

/// `phasor fuse ... -o OUTPUT` must fail with code 2 and say each of the words, of which one is the output.
fn refused_output(output: &Path, more: &[&str], words: &[&str]) {
    let ended = fuse(&model("llama-dynamo"), output, more);
    let said = stderr(&ended);
    assert_eq!(code(&ended), 2, "{said}");
    let shown = output.to_str().unwrap();
    for word in words.iter().chain(&["hint: ", shown]) {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert!(!said.contains(".phasor-"), "a temporary name: {said}");
    assert!(!said.contains("cause: "), "said twice: {said}");
    assert!(stdout(&ended).is_empty());
}

#[test]
fn outputs_that_cannot_be_are_named() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "mine").unwrap();
    fs::create_dir_all(at("folder/model.onnx")).unwrap();
    for force in [&[][..], &["--force"]] {
        refused_output(&at("folder"), force, &["it is a folder"]);
        refused_output(
            &at("no/out.onnx"),
            force,
            &["there is no folder", "create the folder"],
        );
        refused_output(&at("file/out.onnx"), force, &["is not a folder"]);
    }
    refused_output(&at("file"), &[], &["exists already", "--force"]);
    assert_eq!(names(&folder), ["file", "folder"]);
    assert_eq!(fs::read(at("file")).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let words = ["cannot be written", "choose a writable folder"];
    if fs::write(folder.path().join("probe"), "").is_err() {
        refused_output(&folder.path().join("out.onnx"), &[], &words);
        assert!(names(&folder).is_empty());
    } else if Path::new("/sys/kernel").is_dir() {
        // The superuser may write anywhere but where nobody can.
        refused_output(Path::new("/sys/kernel/out.onnx"), &[], &words);
    } else {
        println!("skipped: the superuser may write anywhere");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn inputs_that_are_no_files_are_named() {
    let folder = TempDir::new().unwrap();
    let named = folder.path().to_str().unwrap();
    refused(
        folder.path(),
        &[],
        &[named, "it is a folder", "hint: name the .onnx file"],
    );
    let beyond = model("llama-dynamo").join("model.onnx");
    refused(&beyond, &[], &["cannot be read", "hint: check the path"]);
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        refused(&pipe, &[], &["it is a pipe", "hint: "]);
        refused(Path::new("/dev/null"), &[], &["it is a device", "hint: "]);
    }
}

/// A file in which nothing has room.
#[cfg(target_os = "linux")]
fn full() -> Stdio {
    fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_delivered_leaves_all_as_it_was() {
    let folder = TempDir::new().unwrap();
    let (input, out) = (model("llama-dynamo"), folder.path().join("out.onnx"));
    let out = out.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
        command.args(arguments).env_remove("ORT_DYLIB_PATH");
        let ended = command.stdout(full()).output().unwrap();
        let said = stderr(&ended);
        assert_eq!(code(&ended), 2, "{said}");
        assert!(
            said.contains("standard output cannot be written: No space left"),
            "{said}"
        );
        said
    };
    let input = input.to_str().unwrap();
    for (command, input) in [("fuse", input), ("unfuse", input)] {
        let said = run(&[command, input, "-o", out, "--no-verify", "--format=json"]);
        assert!(
            said.contains("no model is written") && said.contains("hint: "),
            "{said}"
        );
        assert!(names(&folder).is_empty());
    }
    fs::write(out, "mine").unwrap();
    run(&[
        "fuse",
        input,
        "-o",
        out,
        "--no-verify",
        "--force",
        "--format=json",
    ]);
    assert_eq!(fs::read(out).unwrap(), b"mine");
    run(&["rules", "--format=json"]);
    run(&["completions", "bash"]);
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let (input, out) = (model("llama-dynamo"), folder.path().join("out.onnx"));
    let run = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_phasor"));
        command.args(arguments).env_remove("ORT_DYLIB_PATH");
        let ended = command.stdout(writer).output().unwrap();
        assert!(ended.stderr.is_empty(), "{}", stderr(&ended));
        code(&ended)
    };
    let (input, out) = (input.to_str().unwrap(), out.to_str().unwrap());
    let written = run(&["fuse", input, "-o", out, "--no-verify", "--format=json"]);
    assert_eq!((written, names(&folder)), (0, vec!["out.onnx".to_owned()]));
    assert_eq!(run(&["fuse", input, "--check", "--format=json"]), 1);
}

#[test]
fn data_of_another_model_stays() {
    let folder = TempDir::new().unwrap();
    let source = TempDir::new().unwrap();
    let input = crate::damage::external(&source);
    let weights = folder.path().join("weights.bin");
    fs::write(&weights, "of another model").unwrap();
    for more in [&["--no-verify"][..], &["--no-verify", "--force"]] {
        let out = folder.path().join("out.onnx");
        let ended = fuse(&input, &out, more);
        let said = stderr(&ended);
        assert_eq!(code(&ended), 2, "{said}");
        let shown = weights.to_str().unwrap();
        for word in [
            shown,
            "exists already",
            "hint: `--force` replaces the model alone",
        ] {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
        assert_eq!(names(&folder), ["weights.bin"]);
        assert_eq!(fs::read(&weights).unwrap(), b"of another model");
    }
    // Into the input's own folder nothing needs to be brought.
    let beside = source.path().join("out.onnx");
    let ended = phasor([
        "fuse".as_ref(),
        input.as_os_str(),
        "-o".as_ref(),
        beside.as_os_str(),
        "--no-verify".as_ref(),
    ]);
    assert_eq!(code(&ended), 0, "{}", stderr(&ended));
}
