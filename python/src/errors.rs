//! Errors of the rewriter as exceptions of the package, which says in `phasor.errors` what each class is for.

use std::io;
use std::path::Path;

use phasor::cli::Advice;
use phasor::{Error, ModelError, TimesError, VerifyError};
use pyo3::prelude::*;

/// The exception of a class of `phasor.errors`.
pub(crate) fn raise(class: &str, message: &str, hint: Option<String>) -> PyErr {
    Python::attach(|py| {
        let made = (py.import("phasor.errors"))
            .and_then(|module| module.getattr(class))
            .and_then(|class| class.call1((message, hint)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

/// The exception for a file: the class of the kind of error, with the system's number and the path.
fn of_file(error: &ModelError, file: &Path, source: Option<&io::Error>, class: &str) -> PyErr {
    Python::attach(|py| {
        let code = source.and_then(io::Error::raw_os_error);
        let made = (py.import("phasor.errors"))
            .and_then(|module| module.getattr(class))
            .and_then(|class| class.call1((error.to_string(), error.hint(), code, file)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

/// The class for an error of the system.
fn class_of(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "MissingFileError",
        _ => "FileError",
    }
}

/// Of a model that cannot be read, or of an output that cannot be written.
pub(crate) fn model(error: &ModelError) -> PyErr {
    match error {
        ModelError::Read { file, source }
        | ModelError::Write { file, source }
        | ModelError::NoFolder {
            file,
            cause: source,
            ..
        }
        | ModelError::MissingData {
            file,
            cause: source,
            ..
        } => of_file(error, file, Some(source), class_of(source)),
        ModelError::Exists { file } | ModelError::OtherData { file, .. } => {
            of_file(error, file, None, "ExistingFileError")
        }
        ModelError::NotAFile { file, .. }
        | ModelError::NotAPage { file }
        | ModelError::LinkedData { file, .. } => of_file(error, file, None, "FileError"),
        _ => raise("ModelError", &error.to_string(), error.hint()),
    }
}

/// Of a comparison that cannot be made.
pub(crate) fn verify(error: &VerifyError) -> PyErr {
    let class = match error {
        VerifyError::Model(error) => return model(error),
        VerifyError::Engine(_) => "EngineError",
        VerifyError::Npz(_) | VerifyError::Inputs { .. } | VerifyError::Interface(_) => {
            "ComparisonError"
        }
    };
    raise(class, &error.to_string(), error.hint())
}

/// Of a report of `phasor bench` that cannot be read.
pub(crate) fn times(error: &TimesError) -> PyErr {
    let class = match error {
        TimesError::Read { source, .. } => class_of(source),
        TimesError::Content { .. } => "ArgumentError",
    };
    raise(class, &error.to_string(), error.hint())
}

/// Of a command.
pub(crate) fn command(error: &Error) -> PyErr {
    match error {
        Error::Model(error) => model(error),
        Error::Verify(error) => verify(error),
        Error::TooOld { .. } | Error::Unfuse { .. } => {
            raise("ModelError", &error.to_string(), error.hint())
        }
        Error::Rewritten(_) | Error::Report(_) => raise("Error", &error.to_string(), error.hint()),
    }
}

/// Of an argument, in the words of the command line.
pub(crate) fn advice(error: anyhow::Error) -> PyErr {
    let hint = error.downcast_ref::<Advice>().map(|it| it.hint.clone());
    raise("ArgumentError", &error.to_string(), hint)
}
