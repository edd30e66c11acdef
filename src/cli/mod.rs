//! The commands, one file each: arguments, output and exit code. The library does the work.
//!
//! Exit codes: 0 done, 1 a negative outcome (something to fuse under `--check`, models that differ, or that are not verified where
//! that is required), 2 a wrong command line, a file that cannot be read or written, or a malformed model. Standard output carries
//! only data; everything else goes to standard error.
//!
//! The program and the Python package call the one entry, [`main`].
#![forbid(unsafe_code)]

mod bench;
mod budget;
mod completions;
mod diff;
mod doctor;
mod explain;
mod fuse;
mod inspect;
mod lib_path;
mod progress;
mod rules;
mod search;
mod streams;
mod unfuse;
mod verify;
mod version;

pub use explain::unknown;
pub use search::rule;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::{FailureReport, text};
use crate::{Model, ModelError, VerifyError};
use anstyle::AnsiColor;
use clap::builder::Styles;
use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

/// Fuses the position encodings of ONNX models into native operators: proven, confirmed and verified.
#[derive(Parser)]
#[command(name = "phasor", version, long_version = version::long(), styles = styles(), after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 negative outcome; 2 usage error, input/output error or malformed model";

const DONE: u8 = 0;
const NEGATIVE: u8 = 1;
const FAILED: u8 = 2;

#[derive(Subcommand)]
enum Command {
    Fuse(fuse::Fuse),
    Inspect(inspect::Inspect),
    Explain(explain::Explain),
    Verify(verify::Verify),
    Rules(rules::Rules),
    Unfuse(unfuse::Unfuse),
    Bench(bench::Bench),
    Diff(diff::Diff),
    Doctor(doctor::Doctor),
    LibPath(lib_path::LibPath),
    Completions(completions::Completions),
    // Whoever tries it means `--version`, and not `verify`, which it resembles.
    #[command(hide = true)]
    Version(version::Version),
}

/// Format of a report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs, on standard output
    Json,
}

/// Outcome of a command that met no error.
enum Ending {
    Good,
    Negative,
}

/// An error with a hint.
#[derive(Debug)]
pub struct Advice {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Advice {
    fn new(message: String, hint: String) -> Self {
        Self { message, hint }
    }
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Advice {}

/// Runs the command line; the result is the exit code. `arguments` begin with the name of the program. Handlers of signals and of panics
/// are set for the whole process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    crate::clean_up_on_signals();
    panic::set_hook(Box::new(|info| note(&mistake(info))));
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(answer) => {
            // Help, which was asked for, or what is wrong. If nobody reads it, nobody can be told.
            let _ = answer.print();
            return if answer.use_stderr() { FAILED } else { DONE };
        }
    };
    let format = command.format();
    match panic::catch_unwind(AssertUnwindSafe(|| command.run())) {
        Ok(Ok(Ending::Good)) => DONE,
        Ok(Ok(Ending::Negative)) => NEGATIVE,
        Ok(Err(error)) => {
            complain(&error);
            if format == Format::Json && !REPORTED.load(Ordering::Relaxed) {
                let causes = error.chain().map(ToString::to_string);
                let failure = FailureReport::new(sentence(causes), hint(&error));
                // That standard output is closed is what may be wrong.
                let _ = print_json(&failure);
            }
            FAILED
        }
        // The hook has reported it.
        Err(_) => FAILED,
    }
}

/// Whether a report was printed: a program reads one object.
static REPORTED: AtomicBool = AtomicBool::new(false);

impl Command {
    /// The format in which it reports.
    fn format(&self) -> Format {
        match self {
            Self::Fuse(command) => command.format,
            Self::Inspect(command) => command.format,
            Self::Explain(command) => command.format,
            Self::Verify(command) => command.format,
            Self::Rules(command) => command.format,
            Self::Unfuse(command) => command.format,
            Self::Bench(command) => command.format,
            Self::Diff(command) => command.format,
            Self::Doctor(command) => command.format,
            Self::LibPath(_) | Self::Completions(_) | Self::Version(_) => Format::Text,
        }
    }

    fn run(self) -> anyhow::Result<Ending> {
        match self {
            Self::Fuse(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Rules(command) => command.run(),
            Self::Unfuse(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Diff(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::LibPath(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Version(command) => command.run(),
        }
    }
}

/// The report of a panic, which is always our own: panics of engines are caught where engines are run.
fn mistake(info: &PanicHookInfo<'_>) -> String {
    let cause = info.payload_as_str().unwrap_or("no reason given");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    format!(
        "{} phasor panicked: {cause} ({place})\n{} this is a bug: please report it, with the model if you may share it\n",
        text::paint(AnsiColor::Red.on_default().bold(), "error:"),
        text::paint(AnsiColor::Cyan.on_default(), "hint:")
    )
}

/// An error and its causes, of which most end with the next already.
fn sentence(causes: impl Iterator<Item = String>) -> String {
    causes.fold(String::new(), |text, cause| match &text[..] {
        "" => cause,
        _ if text.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

fn complain(error: &anyhow::Error) {
    let mut message = format!(
        "{} {error}\n",
        text::paint(AnsiColor::Red.on_default().bold(), "error:")
    );
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Most errors of the library already end with their cause.
        if !message.contains(&cause) {
            message += &format!("  cause: {cause}\n");
        }
    }
    if let Some(hint) = hint(error) {
        message += &format!(
            "{} {hint}\n",
            text::paint(AnsiColor::Cyan.on_default(), "hint:")
        );
    }
    note(&message);
}

fn hint(error: &anyhow::Error) -> Option<String> {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        if let Some(advice) = cause.downcast_ref::<Advice>() {
            return Some(advice.hint.clone());
        }
        if let Some(error) = cause.downcast_ref::<crate::Error>() {
            return error.hint();
        }
        if let Some(error) = cause.downcast_ref::<VerifyError>() {
            return error.hint();
        }
        cause.downcast_ref::<ModelError>()?.hint()
    };
    error.chain().find_map(of)
}

/// Prints for people: to standard error, in colour if wanted.
fn note(text: &str) {
    // If standard error is closed, nobody reads this.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Warns of a missing data file, where work goes on without it.
fn warn_of_missing_data(model: &Model) {
    if let Some(missing) = model.missing_data() {
        note(&format!(
            "{} {missing}; sites that need it are not found\n",
            text::paint(AnsiColor::Yellow.on_default().bold(), "warning:")
        ));
    }
}

/// Prints a report for programs.
fn print_json(report: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    print_data(&text)?;
    REPORTED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Prints data to standard output. A reader that closed the pipe is no error.
fn print_data(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    let done = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match done {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(error)),
        _ => Ok(()),
    }
}

fn unwritable(error: io::Error) -> io::Error {
    let message = format!("standard output cannot be written: {error}");
    io::Error::new(error.kind(), message)
}

/// `NAME=N`, a size for a symbolic dimension.
fn dimension(text: &str) -> Result<(String, i64), String> {
    let (name, size) = text
        .rsplit_once('=')
        .ok_or("expected NAME=N, such as batch=2")?;
    match size.trim().parse() {
        Ok(size) if size >= 0 && !name.trim().is_empty() => Ok((name.trim().to_owned(), size)),
        _ => Err("expected NAME=N with a whole number N, such as batch=2".to_owned()),
    }
}

fn styles() -> Styles {
    Styles::styled()
        .header(AnsiColor::Green.on_default().bold())
        .usage(AnsiColor::Green.on_default().bold())
        .literal(AnsiColor::Cyan.on_default().bold())
        .placeholder(AnsiColor::Cyan.on_default())
}
