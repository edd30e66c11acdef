//! The way back of one file: expand, stage, verify, commit.

use std::io;

use bytes::Bytes;
use serde::Serialize;

use crate::onnx::{ModelFile, Written};
use crate::rewrite::{self, Expanded};
use crate::scopes::count_nodes;
use crate::verify;

use super::{Check, Destination, Error, Product, Progress, commit, make};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnfusedVerdict {
    /// The model is written without our operators.
    Unfused,
    /// It has none; the same bytes are written.
    NothingToUnfuse,
    /// The expanded model does not compute the same; nothing is written.
    Differs,
    /// The comparison says nothing, and nothing is written, as asked.
    NotVerified,
}

/// What came of it.
#[derive(Debug)]
pub struct Unfused {
    /// How it ended.
    pub verdict: UnfusedVerdict,
    /// What was expanded, one entry an operator.
    pub operators: Vec<Expanded>,
    /// Number of nodes before and after, those of bodies and functions included.
    pub nodes: (usize, usize),
    /// The comparison of old and new.
    pub check: Check,
    /// What is written, if anything is.
    pub written: Option<Written>,
    /// The model in memory, if that is its destination and it was made.
    pub bytes: Option<Bytes>,
}

/// Makes a model with every node of our operators expanded: see [`rewrite::unfuse`]. `verify` says how it is compared with the input.
///
/// # Errors
/// If a node cannot be expanded, the target cannot be written or the comparison cannot be set up.
pub fn unfuse(
    file: &ModelFile,
    destination: Destination<'_>,
    verify: Option<&verify::Options>,
    progress: &mut dyn Progress,
) -> Result<Unfused, Error> {
    unfuse_and_report(file, destination, verify, progress, &mut |_| Ok(()))
}

/// Makes the model as [`unfuse`] does, and hands the outcome to `report` before anything is in place.
///
/// # Errors
/// Those of [`unfuse`] and of `report`.
pub fn unfuse_and_report(
    file: &ModelFile,
    destination: Destination<'_>,
    verify: Option<&verify::Options>,
    progress: &mut dyn Progress,
    report: &mut dyn FnMut(&Unfused) -> io::Result<()>,
) -> Result<Unfused, Error> {
    destination.check()?;
    file.validate()?;
    file.check_data(verify.is_some())?;
    let (edit, operators) = rewrite::unfuse(file).map_err(|cause| Error::Unfuse {
        file: file.path().to_owned(),
        cause,
    })?;
    let edited = rewrite::check(file, &edit).map_err(Error::Rewritten)?;
    let [before, after] = [file, &edited].map(|file| count_nodes(file.model()));
    let (check, product) = make(file, (file, &edit), destination, verify, progress)?;
    let verdict = match product {
        None if check.differs() => UnfusedVerdict::Differs,
        None => UnfusedVerdict::NotVerified,
        Some(_) if edit.is_empty() => UnfusedVerdict::NothingToUnfuse,
        Some(_) => UnfusedVerdict::Unfused,
    };
    let outcome = Unfused {
        verdict,
        operators,
        nodes: (before, after),
        check,
        written: product.as_ref().and_then(Product::written),
        bytes: product.as_ref().and_then(Product::bytes),
    };
    commit(product, &outcome, report)?;
    Ok(outcome)
}
