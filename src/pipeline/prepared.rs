//! What is done to a model before it is searched: operators are spelled out, and the opset is raised.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::onnx::ModelFile;
use crate::rewrite::{self, ONNX_OPSET, Respelled, RetargetError, Spelled, Target, Wish};
use crate::scopes::Planned;

use super::{Error, Findings, Options, find, settle};

/// Why a node that is spelled out is left after all.
const NOT_FOUND: &str = "its rotation is not found again once it is spelled out";

/// A model with what was found in it, to be rewritten.
pub(super) struct Searched {
    /// The model as it was searched, if that is not the original.
    pub file: Option<ModelFile>,
    /// The nodes of which rotations were to be rewritten.
    pub retargeted: Vec<Respelled>,
    pub findings: Findings,
    pub planned: Planned,
}

/// Prepares a model and searches it. A node whose rotation is not found again stays as it is, and the rest is searched once more.
///
/// # Errors
/// Those of [`find`], an operator that cannot be expanded, and an opset that cannot be raised.
pub(super) fn searched(original: &ModelFile, options: &Options) -> Result<Searched, Error> {
    let mut left = BTreeMap::new();
    loop {
        let spelled = spelled_out(original, options, &left)?;
        let file = spelled.as_ref().map_or(original, |spelled| &spelled.file);
        let raised = raised(file, options.target)?;
        let (findings, planned) = search(raised.as_ref().unwrap_or(file), options)?;
        let found: FxHashSet<&str> = findings.sites.iter().map(|f| &f.site.y[..]).collect();
        let missed = spelled.as_ref().map(|spelled| spelled.missed(&found));
        let missed = missed.unwrap_or_default();
        if missed.is_empty() {
            let (spelled, retargeted) = spelled.map(|s| (s.file, s.operators)).unzip();
            return Ok(Searched {
                file: raised.or(spelled),
                retargeted: retargeted.unwrap_or_default(),
                findings,
                planned,
            });
        }
        left.extend(missed.into_iter().map(|node| (node, NOT_FOUND)));
    }
}

/// What is found in a model, and the change that fuses it.
fn search(file: &ModelFile, options: &Options) -> Result<(Findings, Planned), Error> {
    let mut findings = find(file, &options.search)?;
    let scopes = findings.scopes.iter_mut();
    for found in scopes.flat_map(|scope| &mut scope.tables) {
        found.table.precise = options.precise_angles;
    }
    for found in &mut findings.sites {
        found.site.set_precise(options.precise_angles);
    }
    let planned = settle(file, &mut findings, options.writing());
    Ok((findings, planned))
}

/// The model with the rotations of the operators spelled out that the options name; `None` if they name none.
fn spelled_out(
    file: &ModelFile,
    options: &Options,
    left: &BTreeMap<usize, &'static str>,
) -> Result<Option<Spelled>, Error> {
    if options.retarget.is_empty() {
        return Ok(None);
    }
    file.validate()?;
    let wish = Wish {
        held: &options.retarget,
        target: options.target,
        left,
    };
    let spelled = rewrite::spelled_out(file, wish).map_err(|cause| match cause {
        RetargetError::Unfuse(cause) => Error::Unfuse {
            file: file.path().to_owned(),
            cause,
        },
        RetargetError::Rewritten(cause) => Error::Rewritten(cause),
    })?;
    Ok(Some(spelled))
}

/// The model with the operator set that the target needs, if that is newer.
fn raised(file: &ModelFile, target: Target) -> Result<Option<ModelFile>, Error> {
    let opset = file.opset();
    if target != Target::Onnx || opset >= ONNX_OPSET {
        return Ok(None);
    }
    file.validate()?;
    let new = rewrite::raised(file, ONNX_OPSET).map_err(|cause| Error::TooOld {
        file: file.path().to_owned(),
        opset,
        cause: Box::new(cause),
    })?;
    Ok(Some(new))
}
