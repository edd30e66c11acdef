//! The commands, one file each: arguments, output and exit code. The library does the work.
//!
//! Exit codes: 0 done, 1 a negative outcome (something to fuse under `--check`, models that differ, or that are not verified where
//! that is required), 2 a wrong command line, a file that cannot be read or written, or a malformed model. Standard output carries
//! only data; everything else goes to standard error.
//!
//! The program and the Python package call the one entry, [`main`].
#![forbid(unsafe_code)]

mod batch;
mod bench;
mod budget;
mod completions;
mod config;
mod console;
mod diff;
mod doctor;
mod explain;
mod footprint;
mod fuse;
mod inspect;
mod lib_path;
mod man;
mod output;
mod progress;
mod report;
mod rules;
mod search;
mod streams;
mod unfuse;
mod verify;
mod version;

pub use console::Advice;
pub use explain::unknown;
pub use search::{rule, rules};

use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};

use anstyle::AnsiColor;
use clap::builder::Styles;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use console::{Verbosity, complain, note, print_data, print_json, warn_of_missing_data};

/// Fuses the position encodings of ONNX models into native operators: proven, confirmed and verified.
#[derive(Parser)]
#[command(name = "phasor", version, long_version = version::long(), styles = styles(), after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
struct Common {
    /// Say each step, with the time that it took, and list every site
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Say nothing but data, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    #[command(flatten)]
    source: config::Source,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 negative outcome; 2 usage error, input/output error or malformed model";

#[derive(Subcommand)]
enum Command {
    Fuse(fuse::Fuse),
    Inspect(inspect::Inspect),
    Explain(explain::Explain),
    Verify(verify::Verify),
    Report(report::Report),
    Rules(rules::Rules),
    Unfuse(unfuse::Unfuse),
    Bench(bench::Bench),
    Diff(diff::Diff),
    Doctor(doctor::Doctor),
    LibPath(lib_path::LibPath),
    Completions(completions::Completions),
    Man(man::Man),
    // Whoever tries it means `--version`, and not `verify`, which it resembles.
    #[command(hide = true)]
    Version(version::Version),
    // For processes that `bench` starts.
    #[command(hide = true)]
    Footprint(footprint::Footprint),
}

/// Format of a report.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs, on standard output
    Json,
}

/// How a command ends, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Good,
    Negative,
    /// It met an error, and has told of it.
    Failed,
}

impl Ending {
    fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Negative => 1,
            Self::Failed => 2,
        }
    }
}

/// Runs the command line; the result is the exit code. `arguments` begin with the name of the program. Handlers of signals and of panics
/// are set for the whole process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    crate::clean_up_on_signals();
    panic::set_hook(Box::new(|info| note(&console::mistake(info))));
    let (Arguments { command, common }, from) = match read(arguments.into_iter().collect()) {
        Ok(read) => read,
        Err(ending) => return ending.code(),
    };
    console::begin(common.verbosity(), from);
    let format = command.format();
    let ended = panic::catch_unwind(AssertUnwindSafe(|| {
        command.run().unwrap_or_else(|error| failed(&error, format))
    }));
    ended
        .unwrap_or_else(|_| {
            // The hook has told people where.
            if format == Format::Json {
                console::print_failure(&anyhow::anyhow!("phasor panicked"));
            }
            Ending::Failed
        })
        .code()
}

/// Reads the command line, with what a configuration file says of its options, and what that is. The error has been told of, or is help
/// that was asked for.
fn read(words: Vec<OsString>) -> Result<(Arguments, Option<String>), Ending> {
    let answered = |answer: clap::Error| {
        // Help, or what is wrong. If nobody reads it, nobody can be told.
        let _ = answer.print();
        match answer.use_stderr() {
            true => Ending::Failed,
            false => Ending::Good,
        }
    };
    let mut command = Arguments::command();
    let given = command.try_get_matches_from_mut(&words).map_err(answered)?;
    let format = |given: &clap::ArgMatches| {
        let (_, given) = given.subcommand()?;
        given.try_get_one::<Format>("format").ok()?.copied()
    };
    let configured = config::apply(Arguments::command, &given)
        .map_err(|error| failed(&error, format(&given).unwrap_or(Format::Text)))?;
    let (matches, from) = match configured {
        Some(config::Configured { mut command, from }) => {
            let matches = command.try_get_matches_from_mut(&words);
            (matches.map_err(answered)?, Some(from))
        }
        None => (given, None),
    };
    let arguments = Arguments::from_arg_matches(&matches).map_err(answered)?;
    Ok((arguments, from))
}

fn failed(error: &anyhow::Error, format: Format) -> Ending {
    complain(error);
    console::tell_of_file();
    if format == Format::Json {
        console::print_failure(error);
    }
    Ending::Failed
}

impl Common {
    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

impl Command {
    /// The format in which it reports.
    fn format(&self) -> Format {
        match self {
            Self::Fuse(command) => command.format,
            Self::Inspect(command) => command.format,
            Self::Explain(command) => command.format,
            Self::Verify(command) => command.format,
            Self::Report(command) => command.format,
            Self::Rules(command) => command.format,
            Self::Unfuse(command) => command.format,
            Self::Bench(command) => command.format,
            Self::Diff(command) => command.format,
            Self::Doctor(command) => command.format,
            Self::LibPath(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Version(_)
            | Self::Footprint(_) => Format::Text,
        }
    }

    fn run(self) -> anyhow::Result<Ending> {
        match self {
            Self::Fuse(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::Rules(command) => command.run(),
            Self::Unfuse(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Diff(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::LibPath(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
            Self::Version(command) => command.run(),
            Self::Footprint(command) => command.run(),
        }
    }
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
