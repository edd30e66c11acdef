//! Report of `phasor unfuse`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::fuse::{Verification, WrittenReport};
use super::{ModelSummary, SCHEMA, Tool};
use crate::onnx::ModelFile;
use crate::pipeline::{Unfused, UnfusedVerdict};
use crate::rewrite::Expanded;

/// Everything that `phasor unfuse` did.
#[derive(Clone, Debug, Serialize)]
pub struct UnfuseReport {
    /// Version of this layout.
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// How it ended: `unfused`, `nothing-to-unfuse`, `differs` or `not-verified`.
    pub verdict: UnfusedVerdict,
    /// The model that was read.
    pub model: ModelSummary,
    /// Nodes after expanding, those of bodies and functions included.
    pub nodes_after: usize,
    /// One entry an operator that was expanded.
    pub operators: Vec<Expanded>,
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

impl UnfuseReport {
    /// The report of an outcome.
    pub fn new(file: &ModelFile, outcome: &Unfused, time: Duration) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            verdict: outcome.verdict,
            model: ModelSummary::of(file),
            nodes_after: outcome.nodes.1,
            operators: outcome.operators.clone(),
            verification: (&outcome.check).into(),
            written: outcome.written.as_ref().map(Into::into),
            bytes: outcome.bytes.clone(),
            seconds: time.as_secs_f64(),
        }
    }
}
