//! Report of `phasor fuse`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::{ModelSummary, RefusalReport, SCHEMA, SiteReport, Tool};
use crate::onnx::{ModelFile, Written};
use crate::pipeline::{Check, Outcome, RuleSummary, Verdict};
use crate::rewrite::Respelled;
use crate::verify;

/// Everything that `phasor fuse` found and did.
#[derive(Clone, Debug, Serialize)]
pub struct FuseReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// How it ended: `fused`, `nothing-to-fuse`, `would-fuse`, `differs` or `not-verified`.
    pub verdict: Verdict,
    /// The model that was read.
    pub model: ModelSummary,
    /// Nodes after fusing, those of bodies and functions included.
    pub nodes_after: usize,
    /// Version of the default operator set after fusing: `--target onnx` may raise it.
    pub opset_after: i64,
    /// One entry a rule.
    pub rules: Vec<RuleSummary>,
    /// Operators of the model whose rotations were to be rewritten to the target (`--retarget`).
    pub retargeted: Vec<Respelled>,
    /// One entry a site.
    pub sites: Vec<SiteReport>,
    /// Near misses.
    pub refusals: Vec<RefusalReport>,
    /// Where the search gave up, as its budget was spent.
    pub gave_up: Vec<RefusalReport>,
    /// Sites that are proven and confirmed, and that the target cannot express.
    pub unsupported: Vec<RefusalReport>,
    /// Comparison of the old and the new model.
    pub verification: Verification,
    /// What is written.
    pub written: Option<WrittenReport>,
    /// The new model, where it was to be given back in memory and was made.
    #[serde(skip)]
    pub bytes: Option<Bytes>,
    /// Time for all of it.
    pub seconds: f64,
}

/// Comparison of the old and the new model.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Verification {
    /// There was nothing to compare.
    NotNeeded,
    /// It was left out on demand.
    LeftOut,
    /// It was tried.
    Done(verify::Report),
}

/// Files that were written.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenReport {
    /// The model.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Data files that now lie beside it and did not before.
    pub data_files: Vec<String>,
    /// Data files that could not be brought along, with the reason.
    pub absent: Vec<String>,
}

impl From<&Check> for Verification {
    fn from(check: &Check) -> Self {
        match check {
            Check::NotNeeded => Verification::NotNeeded,
            Check::LeftOut => Verification::LeftOut,
            Check::Done(report) => Verification::Done(report.clone()),
        }
    }
}

impl From<&Written> for WrittenReport {
    fn from(written: &Written) -> Self {
        WrittenReport {
            path: written.path.display().to_string(),
            bytes: written.bytes as u64,
            data_files: written
                .data
                .iter()
                .map(|f| f.display().to_string())
                .collect(),
            absent: written.absent.clone(),
        }
    }
}

impl FuseReport {
    /// The report of an outcome.
    pub fn new(file: &ModelFile, outcome: &Outcome, time: Duration) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            verdict: outcome.verdict,
            model: ModelSummary::of(file),
            nodes_after: outcome.nodes.1,
            opset_after: outcome.opset,
            rules: outcome.rules.clone(),
            retargeted: outcome.retargeted.clone(),
            sites: SiteReport::all(&outcome.findings),
            refusals: outcome.findings.refusals.iter().map(Into::into).collect(),
            gave_up: outcome.findings.gave_up.iter().map(Into::into).collect(),
            unsupported: outcome
                .findings
                .unsupported
                .iter()
                .map(Into::into)
                .collect(),
            verification: (&outcome.check).into(),
            written: outcome.written.as_ref().map(Into::into),
            bytes: outcome.bytes.clone(),
            seconds: time.as_secs_f64(),
        }
    }
}
