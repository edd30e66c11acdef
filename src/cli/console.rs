//! What is printed where: data to standard output, everything else to standard error, and how much of that.

use std::io::{self, ErrorKind, Write};
use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::report::{FailureReport, text};
use crate::{Model, ModelError, TimesError, VerifyError};
use anstyle::AnsiColor;
use serde::Serialize;

/// An error with a hint.
#[derive(Debug)]
pub struct Advice {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Advice {
    pub(super) fn new(message: String, hint: String) -> Self {
        Self { message, hint }
    }
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Advice {}

/// How much is said beside data and errors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Verbosity {
    /// Warnings.
    Quiet,
    /// Reports and progress as well.
    Normal,
    /// Each step and its time, and every site.
    Verbose,
}

static VERBOSITY: AtomicU8 = AtomicU8::new(Verbosity::Normal as u8);
/// Whether a report was printed: a program reads one object.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// What a file says of options, such as ``options from `phasor.toml`: `target` ``.
static FILE: Mutex<Option<String>> = Mutex::new(None);

/// A command begins: nothing is printed yet. `from` is what a file says of its options.
pub(super) fn begin(verbosity: Verbosity, from: Option<String>) {
    VERBOSITY.store(verbosity as u8, Ordering::Relaxed);
    REPORTED.store(false, Ordering::Relaxed);
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = from;
    if wants(Verbosity::Normal) {
        tell_of_file();
    }
}

/// Says once which options a file sets. Also with `--quiet` where the command fails: they may be the cause.
pub(super) fn tell_of_file() {
    if let Some(from) = FILE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        note(&format!("{from}\n"));
    }
}

/// Whether so much is wanted.
pub(super) fn wants(verbosity: Verbosity) -> bool {
    VERBOSITY.load(Ordering::Relaxed) >= verbosity as u8
}

/// Prints for people: to standard error, in colour if wanted.
pub(super) fn note(text: &str) {
    // If standard error is closed, nobody reads this.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Prints what `--quiet` leaves out.
pub(super) fn remark(text: &str) {
    if wants(Verbosity::Normal) {
        note(text);
    }
}

/// Warns of a missing data file, where work goes on without it; `before` comes before that.
pub(super) fn warn_of_missing_data(model: &Model, before: &dyn Fn()) {
    if let Some(missing) = model.missing_data() {
        before();
        note(&format!(
            "{} {missing}; sites that need it are not found\n",
            text::paint(AnsiColor::Yellow.on_default().bold(), "warning:")
        ));
    }
}

/// Prints a report for programs.
pub(super) fn print_json(report: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    print_data(&text)?;
    REPORTED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Prints a report for programs as one of several, on a line.
pub(super) fn print_line(report: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(report)?;
    text.push('\n');
    print_data(&text)
}

/// Prints data to standard output. A reader that closed the pipe is no error.
pub(super) fn print_data(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    let done = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match done {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(error)),
        _ => Ok(()),
    }
}

pub(super) fn unwritable(error: io::Error) -> io::Error {
    let message = format!("standard output cannot be written: {error}");
    io::Error::new(error.kind(), message)
}

/// Tells a program of an error, unless it has its object already.
pub(super) fn print_failure(error: &anyhow::Error) {
    if !REPORTED.load(Ordering::Relaxed) {
        // That standard output is closed is what may be wrong.
        let _ = print_json(&failure(error, None));
    }
}

/// An error for programs; `model` is the one of several that it is about.
pub(super) fn failure(error: &anyhow::Error, model: Option<&Path>) -> FailureReport {
    let model = model.map(|path| path.display().to_string());
    FailureReport::new(model, causes(error).join(": "), hint(error))
}

/// An error and its causes, without those that another ends with already.
fn causes(error: &anyhow::Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !causes.iter().any(|known| known.contains(&cause)) {
            causes.push(cause);
        }
    }
    causes
}

/// Tells people of an error.
pub(super) fn complain(error: &anyhow::Error) {
    let mut lines = causes(error).into_iter();
    let mut message = format!(
        "{} {}\n",
        text::paint(AnsiColor::Red.on_default().bold(), "error:"),
        lines.next().unwrap_or_default()
    );
    message.extend(lines.map(|cause| format!("  cause: {cause}\n")));
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
        if let Some(error) = cause.downcast_ref::<TimesError>() {
            return error.hint();
        }
        cause.downcast_ref::<ModelError>()?.hint()
    };
    error.chain().find_map(of)
}

/// The report of a panic, which is always our own: panics of engines are caught where engines are run.
pub(super) fn mistake(info: &PanicHookInfo<'_>) -> String {
    let cause = info.payload_as_str().unwrap_or("no reason given");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    format!(
        "{} phasor panicked: {cause} ({place})\n{} this is a bug: please report it, with the model if you may share it\n",
        text::paint(AnsiColor::Red.on_default().bold(), "error:"),
        text::paint(AnsiColor::Cyan.on_default(), "hint:")
    )
}
