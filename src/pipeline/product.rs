//! The rewritten model: made, compared with the original, and then handed over.
//!
//! Until it is handed over it is a file under a temporary name in the target folder, or lies in memory.

use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::engine::Source;
use crate::onnx::proto::ModelProto;
use crate::onnx::{self, Edit, ModelFile, Staged, Written};
use crate::verify::{self, inputs::InputsError};

use super::{Check, Error, Progress};

/// Where a rewritten model goes.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// Into a file.
    File {
        /// Which.
        path: &'a Path,
        /// Whether a file there may be replaced.
        force: bool,
    },
    /// Into the report, as bytes.
    Memory,
}

impl Destination<'_> {
    /// # Errors
    /// If a file cannot be written there.
    pub(super) fn check(self) -> Result<(), Error> {
        match self {
            Self::File { path, force } => Ok(onnx::check_output(path, force)?),
            Self::Memory => Ok(()),
        }
    }
}

/// A rewritten model that nobody has yet.
pub(super) enum Product {
    File(Staged),
    Memory(Bytes),
}

impl Product {
    /// What handing it over writes.
    pub(super) fn written(&self) -> Option<Written> {
        match self {
            Self::File(staged) => Some(staged.written()),
            Self::Memory(_) => None,
        }
    }

    /// The model, if it lies in memory.
    pub(super) fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::File(_) => None,
            Self::Memory(bytes) => Some(bytes.clone()),
        }
    }
}

/// Makes the edited model and compares it with the original; there is none if it differs, or is not verified where that is required.
/// What is edited may be another spelling of the original.
pub(super) fn make(
    original: &ModelFile,
    (file, edit): (&ModelFile, &Edit),
    destination: Destination<'_>,
    options: Option<&verify::Options>,
    progress: &mut dyn Progress,
) -> Result<(Check, Option<Product>), Error> {
    let product = match destination {
        Destination::File { path, force } => Product::File(file.stage(edit, path, force)?),
        Destination::Memory => Product::Memory(file.rewritten(edit)?),
    };
    let mut done = Check::NotNeeded;
    if !edit.is_empty() {
        let edited: ModelProto;
        let new = match &product {
            Product::File(staged) => Source::Path(staged.path()),
            Product::Memory(_) => {
                edited = file.edited(edit);
                Source::Proto(&edited, None)
            }
        };
        done = check(verify::source(original), new, options, progress)?;
        let required = options.is_some_and(|options| options.required);
        if done.differs() || required && !done.agrees() {
            return Ok((done, None));
        }
    }
    Ok((done, Some(product)))
}

/// Reports what is known, and unless that fails puts a staged model in its place.
pub(super) fn commit<T>(
    product: Option<Product>,
    outcome: &T,
    report: &mut dyn FnMut(&T) -> io::Result<()>,
) -> Result<(), Error> {
    report(outcome).map_err(Error::Report)?;
    if let Some(Product::File(staged)) = product {
        staged.commit()?;
    }
    Ok(())
}

/// Compares a new model with the old one, if that is wanted.
pub(super) fn check(
    old: Source<'_>,
    new: Source<'_>,
    options: Option<&verify::Options>,
    progress: &mut dyn Progress,
) -> Result<Check, Error> {
    let Some(options) = options else {
        return Ok(Check::LeftOut);
    };
    progress.begin("comparing the new model with the original");
    let report = verify::run(old, new, options);
    progress.end();
    match report {
        Ok(report) => Ok(Check::Done(report)),
        // Inputs of a kind that is not made: no reason to leave a proven and confirmed model unwritten.
        Err(verify::Error::Inputs {
            cause: cause @ InputsError::Input { .. },
            ..
        }) if options.inputs.is_empty() => Ok(not_verified(&cause)),
        // Nor are sizes that are too large, where they are the model's own.
        Err(verify::Error::Inputs {
            cause: cause @ InputsError::TooLarge { .. },
            ..
        }) if options.dims.is_empty() => Ok(not_verified(&cause)),
        Err(error) => Err(error.into()),
    }
}

fn not_verified(cause: &InputsError) -> Check {
    Check::Done(verify::Report::not_verified(cause.to_string()))
}
