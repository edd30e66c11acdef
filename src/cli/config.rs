//! Options from a file: `phasor.toml`, or the table `tool.phasor` of `pyproject.toml`.
//!
//! A key is the long name of an option, and its value takes the place of the option's default: whatever the command line says counts more.
//! Keys at the top hold for every command that has such an option, those of a table with the name of a command for that command alone.
//!
//! Which files are written and which code is loaded the command line decides: a file that comes with a model must not.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::ValueHint;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use super::console::Advice;

/// The file that has nothing but options.
const OWN: &str = "phasor.toml";
/// The file of a Python project.
const PROJECT: &str = "pyproject.toml";

/// Most bytes of a file that is read.
const MOST: u64 = 4 << 20;

/// Options that no file sets.
const RESERVED: [&str; 14] = [
    "output",
    "force",
    "check",
    "format",
    "verbose",
    "quiet",
    "config",
    "no-config",
    "help",
    "version",
    "site",
    "ort",
    "ops-lib",
    "custom-ops",
];

/// Where options come from beside the command line.
#[derive(Args)]
pub(super) struct Source {
    /// Read defaults of options from this file, instead of the `phasor.toml` or `pyproject.toml` that is found in the working directory
    /// or above it
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "no_config")]
    config: Option<PathBuf>,
    /// Ignore `phasor.toml` and `pyproject.toml`
    #[arg(long, global = true)]
    no_config: bool,
}

/// The command line with what a file says as its defaults.
pub(super) struct Configured {
    pub(super) command: Command,
    /// What the file sets, for messages.
    pub(super) from: String,
}

/// A file that was found.
struct Config {
    path: PathBuf,
    options: Table,
}

/// The command line as a file changes it; `None` if none does. `given` is what was parsed without it; `command`
/// makes another one like that which was used, whose arguments cannot be changed any more.
///
/// # Errors
/// A file that is named and missing, is not TOML, or has an unknown key or a wrong value.
pub(super) fn apply(
    command: impl FnOnce() -> Command,
    given: &ArgMatches,
) -> anyhow::Result<Option<Configured>> {
    let source = Source::from_arg_matches(given)?;
    let config = match source.config {
        _ if source.no_config => None,
        Some(path) => Some(Config::read(&path)?),
        None => Config::search()?,
    };
    let Some(config) = config else {
        return Ok(None);
    };
    let command = command();
    config.check(&command)?;
    let Some((name, given)) = given.subcommand() else {
        return Ok(None);
    };
    let own = command
        .find_subcommand(name)
        .expect("it was parsed")
        .clone();
    let values = config.values(&command, &own)?;
    let applied = values.into_iter().filter(|(arg, _)| {
        let is_given = given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        !is_given && !conflicts(&own, arg, given)
    });
    let applied: Vec<(&Arg, Vec<OsString>)> = applied.collect();
    if applied.is_empty() {
        return Ok(None);
    }
    let named = applied.iter().filter_map(|(arg, _)| arg.get_long());
    let named: Vec<String> = named.map(|name| format!("`{name}`")).collect();
    let from = format!(
        "options from `{}`: {}",
        config.path.display(),
        named.join(", ")
    );
    let command = command.mut_subcommand(name, |own| {
        applied.into_iter().fold(own, |own, (arg, values)| {
            own.mut_arg(arg.get_id(), |arg| arg.default_values(values))
        })
    });
    Ok(Some(Configured { command, from }))
}

/// Whether the command line has something that excludes an option.
fn conflicts(command: &Command, arg: &Arg, given: &ArgMatches) -> bool {
    let is_given = |other: &Arg| {
        let id = other.get_id().as_str();
        given.value_source(id) == Some(ValueSource::CommandLine)
    };
    let mut others = command.get_arguments().filter(|other| is_given(other));
    others.any(|other| excludes(command, arg, other))
}

fn excludes(command: &Command, a: &Arg, b: &Arg) -> bool {
    let names = |a: &Arg, b: &Arg| {
        let excluded = command.get_arg_conflicts_with(a);
        excluded.iter().any(|other| other.get_id() == b.get_id())
    };
    names(a, b) || names(b, a)
}

/// Whether a file may set an option.
fn is_free(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|long| !RESERVED.contains(&long))
}

impl Config {
    /// # Errors
    /// A file that cannot be read.
    fn read(path: &Path) -> anyhow::Result<Self> {
        Self::found(path)?.ok_or_else(|| {
            let message = format!("`{}` has no table `tool.phasor`", path.display());
            Advice::new(
                message,
                "add `[tool.phasor]`, or name another file".to_owned(),
            )
            .into()
        })
    }

    /// The nearest file with options, from the working directory upwards.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    fn search() -> anyhow::Result<Option<Self>> {
        let Ok(folder) = std::env::current_dir() else {
            return Ok(None);
        };
        let paths = folder
            .ancestors()
            .flat_map(|folder| [OWN, PROJECT].map(|name| folder.join(name)));
        for path in paths.filter(|path| path.is_file()) {
            if let Some(config) = Self::found(&path)? {
                return Ok(Some(config));
            }
        }
        Ok(None)
    }

    /// What a file says; `None` if it is a Python project's and says nothing of Phasor.
    fn found(path: &Path) -> anyhow::Result<Option<Self>> {
        let is_project = path.file_name() == Some(OsStr::new(PROJECT));
        let refused = |cause: String, hint: &str| {
            Advice::new(
                format!("`{}` cannot be read: {cause}", path.display()),
                hint.to_owned(),
            )
        };
        let text = content(path).map_err(|error| {
            refused(
                error.to_string(),
                "name a file of options, or give `--no-config`",
            )
        })?;
        let mut table: Table = match text.parse::<Table>() {
            Ok(table) => table,
            // Syntax errors in files of other projects do not concern us.
            Err(_) if is_project && !text.contains("tool.phasor") => return Ok(None),
            Err(error) => {
                let before = error.span().map(|span| &text[..span.start]);
                let line = before.map(|text| text.matches('\n').count() + 1);
                let line = line.map_or_else(String::new, |line| format!("line {line}: "));
                return Err(refused(
                    format!("{line}{}", error.message()),
                    "correct it, or give `--no-config`",
                )
                .into());
            }
        };
        let options = match (is_project, table.remove("tool")) {
            (false, tool) => {
                table.extend(tool.map(|tool| ("tool".to_owned(), tool)));
                Some(table)
            }
            (true, Some(Value::Table(mut tools))) => match tools.remove("phasor") {
                Some(Value::Table(options)) => Some(options),
                Some(value) => {
                    let cause = format!("`tool.phasor` is {}", kind(&value));
                    return Err(refused(cause, "make it a table: `[tool.phasor]`").into());
                }
                None => None,
            },
            (true, _) => None,
        };
        let path = path.to_owned();
        Ok(options.map(|options| Self { path, options }))
    }

    fn refused(&self, key: &str, cause: &str, hint: &str) -> Advice {
        Advice::new(
            format!("`{}`: `{key}` {cause}", self.path.display()),
            hint.to_owned(),
        )
    }

    /// Whether every key is an option of some command, and has a value that the option takes.
    fn check(&self, command: &Command) -> Result<(), Advice> {
        let mut all: Vec<Arg> = Vec::new();
        for arg in command.get_subcommands().flat_map(Command::get_arguments) {
            if !all.iter().any(|known| known.get_long() == arg.get_long()) {
                all.push(arg.clone());
            }
        }
        for (key, value) in &self.options {
            match (command.find_subcommand(key), value) {
                (Some(own), Value::Table(options)) => {
                    let own: Vec<Arg> = own.get_arguments().cloned().collect();
                    for (name, value) in options {
                        self.check_key(&format!("{key}.{name}"), name, value, &own)?;
                    }
                }
                _ => self.check_key(key, key, value, &all)?,
            }
        }
        Ok(())
    }

    fn check_key(&self, key: &str, name: &str, value: &Value, all: &[Arg]) -> Result<(), Advice> {
        let Some(arg) = all.iter().find(|arg| arg.get_long() == Some(name)) else {
            let hint = match similar(name, all) {
                Some(similar) => format!("a similar option is `{similar}`"),
                None => "keys are the long names of options, as `phasor fuse --help` lists them"
                    .to_owned(),
            };
            let message = format!("`{}`: unknown option `{key}`", self.path.display());
            return Err(Advice::new(message, hint));
        };
        if !is_free(arg) {
            return Err(self.refused(
                key,
                "cannot be set in a file",
                &format!("give `--{name}` on the command line"),
            ));
        }
        let words = self.words(key, arg, value)?;
        trial(arg, &words).map_err(|cause| {
            let hint = format!("`--{name}` in the help of the command says what it takes");
            self.refused(
                key,
                &format!("has a value that the option does not take: {cause}"),
                &hint,
            )
        })
    }

    /// The options of a command that the file sets, with the words of their values.
    fn values<'c>(
        &self,
        all: &Command,
        command: &'c Command,
    ) -> Result<Vec<(&'c Arg, Vec<OsString>)>, Advice> {
        // An option may have the name of a command.
        let is_of_command =
            |name: &str, value: &Value| value.is_table() && all.find_subcommand(name).is_some();
        let own = match self.options.get(command.get_name()) {
            Some(Value::Table(own)) => Some(own),
            _ => None,
        };
        let mut set = Vec::new();
        for arg in command.get_arguments().filter(|arg| is_free(arg)) {
            let name = arg.get_long().unwrap_or_default();
            let value = own.and_then(|own| own.get(name)).or_else(|| {
                self.options
                    .get(name)
                    .filter(|value| !is_of_command(name, value))
            });
            let Some(value) = value else { continue };
            set.push((arg, self.words(name, arg, value)?));
        }
        let is_on = |(_, words): &&(&Arg, Vec<OsString>)| words[..] != ["false"];
        let on: Vec<_> = set.iter().filter(is_on).collect();
        for (k, (a, _)) in on.iter().enumerate() {
            if let Some((b, _)) = on[..k].iter().find(|(b, _)| excludes(command, a, b)) {
                let [a, b] = [a, b].map(|arg| arg.get_long().unwrap_or_default());
                return Err(self.refused(
                    a,
                    &format!("excludes `{b}`"),
                    "leave one of the two out",
                ));
            }
        }
        Ok(set)
    }

    /// A value as words of the command line.
    fn words(&self, key: &str, arg: &Arg, value: &Value) -> Result<Vec<OsString>, Advice> {
        let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
        let takes_many = matches!(arg.get_action(), ArgAction::Append);
        let wrong = |hint: &str| self.refused(key, &format!("is {}", kind(value)), hint);
        match value {
            Value::Boolean(on) if is_flag => Ok(vec![on.to_string().into()]),
            _ if is_flag => Err(wrong("it is on or off: write `true` or `false`")),
            Value::Array(values) if takes_many => values
                .iter()
                .map(|value| self.word(key, arg, value))
                .collect(),
            Value::Array(_) => Err(wrong("it takes one value")),
            Value::Table(pairs) if takes_many => pairs
                .iter()
                .map(|(name, value)| {
                    let mut pair = OsString::from(format!("{name}="));
                    pair.push(self.word(key, arg, value)?);
                    Ok(pair)
                })
                .collect(),
            value => Ok(vec![self.word(key, arg, value)?]),
        }
    }

    fn word(&self, key: &str, arg: &Arg, value: &Value) -> Result<OsString, Advice> {
        let is_path = matches!(
            arg.get_value_hint(),
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath
        );
        match value {
            // Paths are those of the file, wherever the program is called.
            Value::String(path) if is_path => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                Ok(folder.join(path).into())
            }
            Value::String(text) => Ok(text.into()),
            Value::Integer(number) => Ok(number.to_string().into()),
            Value::Float(number) => Ok(number.to_string().into()),
            Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => Err(self
                .refused(
                    key,
                    &format!("has {}", kind(value)),
                    "write a string or a number",
                )),
        }
    }
}

/// The text of a file.
fn content(path: &Path) -> io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let read = std::fs::File::open(path)?
        .take(MOST + 1)
        .read_to_string(&mut text)?;
    match read as u64 > MOST {
        true => Err(io::Error::other(
            "it is larger than a file of options can be",
        )),
        false => Ok(text),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Whether an option takes words, and why not.
fn trial(arg: &Arg, words: &[OsString]) -> Result<(), String> {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Ok(());
    }
    // Alone, without what it requires or excludes.
    let mut alone = Arg::new("value")
        .long("value")
        .value_parser(arg.get_value_parser().clone())
        .action(ArgAction::Append)
        .allow_hyphen_values(true);
    if let Some(delimiter) = arg.get_value_delimiter() {
        alone = alone.value_delimiter(delimiter);
    }
    let words = words.iter().map(|word| {
        let mut given = OsString::from("--value=");
        given.push(word);
        given
    });
    let parsed = Command::new("phasor")
        .no_binary_name(true)
        .arg(alone)
        .try_get_matches_from(words);
    let Err(error) = parsed else { return Ok(()) };
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(all)) => all
            .iter()
            .map(|text| format!("`{text}`"))
            .collect::<Vec<_>>()
            .join(", "),
        _ => String::new(),
    };
    let value = text(ContextKind::InvalidValue);
    let allowed = text(ContextKind::ValidValue);
    let source = std::error::Error::source(&error).map(ToString::to_string);
    Err(match source {
        Some(source) => format!("`{value}`: {source}"),
        None if !allowed.is_empty() => format!("`{value}` is none of {allowed}"),
        None => format!("`{value}`"),
    })
}

/// An option whose name is like this one.
fn similar(name: &str, all: &[Arg]) -> Option<String> {
    let free = all.iter().filter(|arg| is_free(arg));
    let flags = free.filter_map(Arg::get_long).enumerate().map(|(k, long)| {
        Arg::new(k.to_string())
            .long(long.to_owned())
            .action(ArgAction::SetTrue)
    });
    let command = Command::new("phasor")
        .no_binary_name(true)
        .disable_help_flag(true)
        .args(flags);
    let error = command.try_get_matches_from([format!("--{name}")]).err()?;
    match (error.kind(), error.get(ContextKind::SuggestedArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => {
            Some(flag.trim_start_matches('-').to_owned())
        }
        _ => None,
    }
}
