//! The commands: one file each, with its arguments, what it prints and its exit code. The work is done in the library.
//!
//! Exit codes: 0 done, 1 a negative outcome (something to fuse under `--check`, models that differ), 2 a wrong command line,
//! a file that cannot be read or written, or a malformed model. Standard output carries data alone, everything else goes to
//! standard error.

mod budget;
mod completions;
mod explain;
mod fuse;
mod inspect;
mod lib_path;
mod progress;
mod rules;
mod search;
mod unfuse;
mod verify;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anstyle::AnsiColor;
use clap::builder::Styles;
use clap::{Parser, Subcommand, ValueEnum};
use phasor::{onnx, pipeline, report::text};
use serde::Serialize;

/// Fuses the position encodings of ONNX models into native operators: proven, confirmed and verified.
#[derive(Parser)]
#[command(name = "phasor", version, styles = styles(), after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 negative outcome, 2 usage, input/output or malformed model";

#[derive(Subcommand)]
enum Command {
    Fuse(fuse::Fuse),
    Inspect(inspect::Inspect),
    Explain(explain::Explain),
    Verify(verify::Verify),
    Rules(rules::Rules),
    Unfuse(unfuse::Unfuse),
    LibPath(lib_path::LibPath),
    Completions(completions::Completions),
}

/// Form of a report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs, on standard output
    Json,
}

/// How a command ended, if nothing went wrong.
enum Ending {
    Good,
    Negative,
}

/// An error that ends in a hint.
#[derive(Debug)]
struct Advice {
    message: String,
    hint: String,
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

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Fuse(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Rules(command) => command.run(),
        Command::Unfuse(command) => command.run(),
        Command::LibPath(command) => command.run(),
        Command::Completions(command) => command.run(),
    };
    match result {
        Ok(Ending::Good) => ExitCode::SUCCESS,
        Ok(Ending::Negative) => ExitCode::from(1),
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// The reader of our output is gone: nobody is left to tell.
fn broken_pipe(error: &anyhow::Error) -> bool {
    let io = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.into_iter().any(|e| e.kind() == ErrorKind::BrokenPipe)
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
        if let Some(error) = cause.downcast_ref::<pipeline::Error>() {
            return error.hint();
        }
        if let Some(error) = cause.downcast_ref::<phasor::verify::Error>() {
            return error.hint();
        }
        cause.downcast_ref::<onnx::Error>()?.hint()
    };
    error.chain().find_map(of)
}

/// Prints for people: to standard error, in colour where that is wanted.
fn note(text: &str) {
    // Nobody to tell if standard error is closed.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Prints a report for programs.
fn print_json(report: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    print_data(&text)
}

/// Prints data to standard output.
fn print_data(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
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
