//! The way back of one file: expand, stage, verify, commit.

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::onnx::{self, ModelFile, Staged, Written};
use crate::rewrite::{self, Expanded};
use crate::scopes::count_nodes;
use crate::verify;

use super::{Check, Error, Progress, commit, stage};

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
}

/// Writes the file at `path` with every node of our operators expanded: see [`rewrite::unfuse`]. What is there may be replaced
/// if `force`; `verify` says how the result is compared with the input.
///
/// # Errors
/// If a node cannot be expanded, the target cannot be written or the comparison cannot be set up.
pub fn unfuse(
    file: &ModelFile,
    path: &Path,
    force: bool,
    verify: Option<&verify::Options>,
    progress: &mut dyn Progress,
) -> Result<Unfused, Error> {
    unfuse_and_report(file, path, force, verify, progress, &mut |_| Ok(()))
}

/// Writes the file as [`unfuse`] does, and hands the outcome to `report` before anything is in place.
///
/// # Errors
/// Those of [`unfuse`] and of `report`.
pub fn unfuse_and_report(
    file: &ModelFile,
    path: &Path,
    force: bool,
    verify: Option<&verify::Options>,
    progress: &mut dyn Progress,
    report: &mut dyn FnMut(&Unfused) -> io::Result<()>,
) -> Result<Unfused, Error> {
    onnx::check_output(path, force)?;
    file.validate()?;
    file.check_data(verify.is_some())?;
    let (edit, operators) = rewrite::unfuse(file).map_err(|cause| Error::Unfuse {
        file: file.path().to_owned(),
        cause,
    })?;
    let edited = rewrite::check(file, &edit).map_err(Error::Rewritten)?;
    let [before, after] = [file, &edited].map(|file| count_nodes(file.model()));
    let (check, staged) = stage(file, &edit, (path, force), verify, progress)?;
    let written = staged.as_ref().map(Staged::written);
    let verdict = match written {
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
        written,
    };
    commit(staged, &outcome, report)?;
    Ok(outcome)
}
