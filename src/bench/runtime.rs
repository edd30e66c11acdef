//! ONNX Runtime with the libraries that models need, what runs in it, and inputs on which it runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use phasor_ops::contract::DOMAIN;

use super::Options;
use crate::engine::ort::Ort;
use crate::engine::{Engine, EngineError, Source, locate};
use crate::onnx::{ModelFile, Tensor, names};
use crate::verify::Error;
use crate::verify::compare::compare;
use crate::verify::inputs::Signature;

/// A difference, relative to the largest number of an output, that no rounding explains.
const UNLIKE: f64 = 0.1;

/// A variant before it is measured.
pub(super) struct Candidate<'m> {
    pub(super) model: &'m Path,
    pub(super) library: Option<PathBuf>,
    pub(super) ort: Ort,
}

/// Inputs on which the original runs.
pub(super) struct Inputs {
    /// Sizes of the symbolic dimensions.
    pub(super) sizes: BTreeMap<String, i64>,
    pub(super) tensors: Vec<(String, Tensor)>,
    /// What the model gives for them.
    pub(super) results: Vec<Tensor>,
}

/// ONNX Runtime with the libraries of other operators.
pub(super) fn found(options: &Options) -> Result<Ort, Error> {
    let found = Ort::find(options.onnxruntime.as_deref()).map_err(without_substitute);
    let ort = found?.with_threads(options.threads);
    let mut libraries = options.custom_operators.iter();
    libraries.try_fold(ort, |ort, library| registering(ort, library))
}

pub(super) fn registering(ort: Ort, library: &Path) -> Result<Ort, Error> {
    let registered = ort.registering(library);
    Ok(registered.map_err(|cause| EngineError::unusable("library of custom operators", cause))?)
}

/// The original, the original again, the new model, and that with the operator library where it has operators of ours.
pub(super) fn candidates<'m>(
    before: &'m ModelFile,
    after: &'m ModelFile,
    ort: &Ort,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Vec<Candidate<'m>>, Error> {
    let plain = |model: &'m ModelFile| Candidate {
        model: model.path(),
        library: None,
        ort: ort.clone(),
    };
    let mut all = vec![plain(before), plain(before), plain(after)];
    let is_fused = names::nodes(after.model()).any(|node| node.domain() == DOMAIN);
    let found = locate::operators(options.operators.as_deref()).first();
    let made = found.and_then(|found| Ok((ort.registering(&found.path)?, found.path)));
    match made {
        Ok((ort, path)) if is_fused => all.push(Candidate {
            model: after.path(),
            library: Some(path),
            ort,
        }),
        Err(cause) if options.operators.is_some() => {
            return Err(EngineError::unusable("operator library", cause).into());
        }
        Err(cause) if is_fused => notes.push(format!("without the operator library: {cause}")),
        _ => {}
    }
    Ok(all)
}

/// The error of a search, whose hint names no other engine.
fn without_substitute(error: EngineError) -> EngineError {
    match error {
        EngineError::Unavailable { engine, cause, .. } => EngineError::Unavailable {
            engine,
            cause,
            hint: format!(
                "install it (`pip install onnxruntime`), or name its library with `--ort` or in `{}`",
                locate::ORT_VARIABLE
            ),
        },
        other => other,
    }
}

/// Inputs of the first sizes on which a model runs.
pub(super) fn working(
    model: &ModelFile,
    ort: &Ort,
    dims: &BTreeMap<String, i64>,
) -> Result<Inputs, Error> {
    let label = format!("`{}`", model.path().display());
    let fault = |cause| Error::Inputs {
        model: label.clone(),
        cause,
    };
    let signature = Signature::of(model, dims).map_err(fault)?;
    signature.fits().map_err(fault)?;
    let mut session = ort.open(Source::Path(model.path()))?;
    let mut failure = None;
    for assignment in signature.assignments(0) {
        let Ok(tensors) = signature.make(&assignment, 0) else {
            continue;
        };
        match session.run(&tensors, &[]) {
            Ok(results) => {
                return Ok(Inputs {
                    sizes: assignment.sizes,
                    tensors,
                    results,
                });
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let none = || EngineError::Model(format!("{label}: no inputs could be made"));
    Err(failure.unwrap_or_else(none).into())
}

/// Whether a model takes the inputs, and gives about what the original gives: a benchmark of two unrelated models says little.
///
/// # Errors
/// A model that does not run on them.
pub(super) fn is_like(model: &ModelFile, ort: &Ort, inputs: &Inputs) -> Result<bool, Error> {
    let mut session = ort.open(Source::Path(model.path()))?;
    let run = session.run(&inputs.tensors, &[]);
    let results = run.map_err(|error| {
        let path = model.path().display();
        EngineError::Model(format!(
            "`{path}` does not run on the inputs of the original: {error}"
        ))
    })?;
    let alike = |(a, b): (&Tensor, &Tensor)| {
        let difference = compare(a, b, UNLIKE);
        difference.mismatch.is_none() && difference.relative <= UNLIKE
    };
    let mut pairs = inputs.results.iter().zip(&results);
    Ok(inputs.results.len() == results.len() && pairs.all(alike))
}
