//! Processes that are ended from outside while the new model lies there under its temporary name.
//!
//! The report goes into a pipe that is full, before anything is put in place: there a process waits until it is read or ended.

use std::fs;
use std::io::{PipeReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::damage::external;
use crate::support::{code, fuse, model, names, rotary_nodes, stderr};

/// What a pipe holds.
const PIPE: usize = 1 << 16;

/// A process that waits with its staged output, and the pipe that it waits for.
struct Waiting {
    process: Child,
    pipe: PipeReader,
}

impl Waiting {
    /// `before` is run by a shell that then becomes the program.
    fn new(before: &str, input: &Path, output: &Path) -> Self {
        let folder = output.parent().unwrap();
        let staged = || {
            let entries = fs::read_dir(folder).unwrap().flatten();
            let names = entries.map(|entry| entry.file_name().into_string().unwrap());
            names.filter(|name| name.contains(".phasor-")).count()
        };
        let there = staged();
        let (pipe, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[b' '; PIPE]).unwrap();
        let mut command = Command::new("env");
        // What runs in the background of a shell, or under `nohup`, is started with some of these ignored.
        command.args(["--default-signal=HUP,INT,QUIT,TERM", "bash"]);
        command.args(["-c", &format!("{before}; exec \"$@\""), "-"]);
        command
            .arg(env!("CARGO_BIN_EXE_phasor"))
            .arg("fuse")
            .arg(input);
        command.arg("-o").arg(output);
        command.args(["--no-verify", "--format=json"]);
        command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        while staged() == there {
            assert!(process.try_wait().unwrap().is_none(), "it does not wait");
            sleep(Duration::from_millis(5));
        }
        Self { process, pipe }
    }

    fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("bash")
            .args(["-c", &format!("kill -{name} {process}")])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Lets it go on: what it says and its exit code.
    fn go_on(self) -> (String, i32) {
        let Self { process, mut pipe } = self;
        let reading = std::thread::spawn(move || {
            let mut report = Vec::new();
            pipe.read_to_end(&mut report).unwrap();
            report
        });
        let ended = process.wait_with_output().unwrap();
        assert!(reading.join().unwrap().len() > PIPE);
        (stderr(&ended), code(&ended))
    }
}

#[test]
fn a_signal_ends_it_and_leaves_nothing() {
    let (source, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let with_data = external(&source);
    let out = folder.path().join("out.onnx");
    let plain = model("llama-dynamo");
    for (name, number) in [
        ("INT", 2),
        ("TERM", 15),
        ("HUP", 1),
        ("QUIT", 3),
        ("ABRT", 6),
        ("XCPU", 24),
    ] {
        for input in [&plain, &with_data] {
            let mut waiting = Waiting::new("ulimit -c 0", input, &out);
            waiting.signal(name);
            let status = waiting.process.wait().unwrap();
            // As its parent expects of what it ended.
            assert_eq!(status.signal(), Some(number), "{name}: {status}");
            assert!(names(&folder).is_empty(), "{name}: {:?}", names(&folder));
        }
    }
}

#[test]
fn what_a_killed_process_leaves_the_next_removes() {
    let (source, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let out = folder.path().join("out.onnx");
    for (input, after) in [
        (model("llama-dynamo"), vec!["out.onnx"]),
        (external(&source), vec!["out.onnx", "weights.bin"]),
    ] {
        let mut killed = Waiting::new("true", &input, &out);
        killed.signal("KILL");
        killed.process.wait().unwrap();
        assert_eq!(
            names(&folder).len(),
            after.len().min(1),
            "{:?}",
            names(&folder)
        );
        let ended = fuse(&input, &out, &["--no-verify", "--force"]);
        assert_eq!(code(&ended), 0, "{}", stderr(&ended));
        assert_eq!(names(&folder), after);
        after
            .iter()
            .for_each(|name| fs::remove_file(folder.path().join(name)).unwrap());
    }
}

#[test]
fn what_a_living_process_writes_nobody_removes() {
    let folder = TempDir::new().unwrap();
    let (input, out) = (model("llama-dynamo"), folder.path().join("out.onnx"));
    let [first, second] = [(); 2].map(|()| Waiting::new("true", &input, &out));
    assert_eq!(names(&folder).len(), 2);
    let (said, code) = second.go_on();
    assert_eq!(code, 0, "{said}");
    assert_eq!((names(&folder).len(), rotary_nodes(&out)), (2, 4));
    // The output has appeared meanwhile.
    let (said, code) = first.go_on();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("exists already"), "{said}");
    assert_eq!(names(&folder), ["out.onnx"]);
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.onnx");
    let waiting = Waiting::new("trap '' HUP", &model("llama-dynamo"), &out);
    waiting.signal("HUP");
    let (said, code) = waiting.go_on();
    assert_eq!(code, 0, "{said}");
    assert_eq!(names(&folder), ["out.onnx"]);
}

#[test]
fn a_limit_on_file_sizes_is_an_error() {
    let (source, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for input in [model("llama-dynamo"), external(&source)] {
        let mut command = Command::new("bash");
        command.args(["-c", "ulimit -f 16; exec \"$@\"", "-"]);
        command
            .arg(env!("CARGO_BIN_EXE_phasor"))
            .arg("fuse")
            .arg(&input);
        command.arg("-o").arg(folder.path().join("out.onnx"));
        let ended = command.arg("--no-verify").output().unwrap();
        let said = stderr(&ended);
        assert_eq!(code(&ended), 2, "{said}");
        for word in ["cannot be written: File too large", "hint: ", "ulimit -f"] {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
        assert!(!said.contains(".phasor-"), "{said}");
        assert!(names(&folder).is_empty(), "{:?}", names(&folder));
    }
}
