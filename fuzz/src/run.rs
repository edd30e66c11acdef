//! One command on one model, in a process of its own with limits on time and address space, and what is to be thought of its end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The commands, with MODEL and OUT for the files.
pub(crate) const COMMANDS: &[&[&str]] = &[
    &[
        "fuse",
        "MODEL",
        "-o",
        "OUT",
        "--force",
        "--engine",
        "tract",
        "--seeds",
        "1",
        "--time-limit",
        "5",
    ],
    &[
        "fuse",
        "MODEL",
        "-o",
        "OUT",
        "--force",
        "--no-verify",
        "--precise-angles",
        "--tables-to-compute",
    ],
    &[
        "fuse",
        "MODEL",
        "-o",
        "OUT",
        "--force",
        "--no-verify",
        "--target",
        "onnx",
        "--plain",
        "rotary",
        "--retarget",
        "rotary-embedding",
        "--retarget",
        "group-query-attention",
    ],
    &["inspect", "MODEL", "--format", "json"],
    &["explain", "MODEL"],
    &["report", "MODEL", "-o", "OUT", "--force", "--no-verify"],
    &["diff", "MODEL", "MODEL"],
    &[
        "verify",
        "MODEL",
        "MODEL",
        "--engine",
        "tract",
        "--seeds",
        "1",
        "--time-limit",
        "5",
    ],
    &[
        "unfuse",
        "MODEL",
        "-o",
        "OUT",
        "--force",
        "--engine",
        "tract",
        "--seeds",
        "1",
        "--time-limit",
        "5",
    ],
];

/// How much longer than the time it may compute a command may take: it shares the machine.
const PATIENCE: u32 = 10;

/// What a command may use.
pub(crate) struct Limits {
    /// Time of a processor, where the shell can limit it.
    pub(crate) time: Duration,
    /// Kilobytes of address space.
    pub(crate) memory: u64,
}

/// Runs commands.
pub(crate) struct Runner {
    pub(crate) program: PathBuf,
    pub(crate) limits: Limits,
    /// Where outputs and messages go.
    pub(crate) folder: PathBuf,
}

impl Runner {
    /// What is wrong with the way in which a command ends on a model, if anything is.
    pub(crate) fn fault(&self, command: &[&str], model: &Path) -> std::io::Result<Option<String>> {
        let out = self.folder.join("out.onnx");
        let messages = self.folder.join("messages");
        let mut process = self.process();
        for &word in command {
            match word {
                "MODEL" => process.arg(model),
                "OUT" => process.arg(&out),
                word => process.arg(word),
            };
        }
        let mut child = process
            .env_remove("ORT_DYLIB_PATH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&messages)?)
            .spawn()?;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            let patience = if cfg!(unix) { PATIENCE } else { 1 };
            if begun.elapsed() > self.limits.time * patience {
                child.kill()?;
                child.wait()?;
                return Ok(Some(format!("more than {} s", begun.elapsed().as_secs())));
            }
            sleep(Duration::from_millis(2));
        };
        let said = std::fs::read(&messages)?;
        Ok(judge(status, &String::from_utf8_lossy(&said)))
    }

    /// The program, behind a shell that limits its time and address space where there is one that can.
    fn process(&self) -> Command {
        if cfg!(unix) {
            let mut shell = Command::new("sh");
            let (seconds, memory) = (self.limits.time.as_secs(), self.limits.memory);
            let script = format!("ulimit -t {seconds}; ulimit -v {memory}; exec \"$@\"");
            shell.args(["-c", &script, "-"]).arg(&self.program);
            return shell;
        }
        Command::new(&self.program)
    }
}

fn judge(status: ExitStatus, said: &str) -> Option<String> {
    let last = said
        .lines()
        .find(|line| line.contains("panic"))
        .or(said.lines().next_back());
    let last = last.unwrap_or_default();
    match status.code() {
        Some(0..=2) if !said.contains("panic") => None,
        Some(0..=2) => Some(format!("it speaks of a panic: {last}")),
        Some(code) => Some(format!("exit code {code}: {last}")),
        None => Some(format!("{status}: {last}")),
    }
}
