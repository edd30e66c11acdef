//! Models on standard input and output, which a path of `-` stands for.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use super::Format;
use super::console::{Advice, unwritable};
use crate::Model;

/// Whether a path stands for standard input or output.
pub(super) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// Opens a model, or reads it from standard input.
///
/// # Errors
/// Those of [`Model::open`]; a standard input that is a terminal or cannot be read; a model with data files, which have no folder there.
pub(super) fn open(path: &Path) -> anyhow::Result<Model> {
    if !is_stream(path) {
        return Ok(Model::open(path)?);
    }
    let mut input = io::stdin().lock();
    if input.is_terminal() {
        let message = "there is no model on standard input, which is a terminal".to_owned();
        let hint = "name a file, or pipe a model in".to_owned();
        return Err(Advice::new(message, hint).into());
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("standard input cannot be read: {error}"),
        )
    })?;
    Ok(Model::from_memory(bytes.into())?)
}

/// Opens a model that must be a file, since a command reads one model from standard input at most, or needs its path.
///
/// # Errors
/// Those of [`Model::open`]; standard input.
pub(super) fn open_file(path: &Path) -> anyhow::Result<Model> {
    if is_stream(path) {
        let message = "this model cannot come from standard input".to_owned();
        return Err(Advice::new(message, "write it to a file, and name that".to_owned()).into());
    }
    Ok(Model::open(path)?)
}

/// Checks that no report in JSON goes to standard output beside `what`, such as `model`.
///
/// # Errors
/// Where one does.
pub(super) fn check_alone(format: Format, what: &str) -> Result<(), Advice> {
    match format {
        Format::Text => Ok(()),
        Format::Json => Err(Advice::new(
            "`-o -` and `--format json` both write to standard output".to_owned(),
            format!("write the {what} to a file, or leave `--format json` out"),
        )),
    }
}

/// Checks that a model may go to standard output.
///
/// # Errors
/// Where a report in JSON goes there as well, and where it is a terminal.
pub(super) fn check_output(format: Format) -> Result<(), Advice> {
    check_alone(format, "model")?;
    if io::stdout().is_terminal() {
        return Err(Advice::new(
            "`-o -` would write a model to a terminal".to_owned(),
            "pipe it into another program, or name a file".to_owned(),
        ));
    }
    Ok(())
}

/// Writes a model to standard output.
///
/// # Errors
/// A standard output that cannot be written: whoever reads half a model must learn of it.
pub(super) fn write(model: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let done = output.write_all(model).and_then(|()| output.flush());
    done.map_err(unwritable)
}
