//! What the commands have to say, as data with a schema ([`FuseReport`], [`InspectReport`], [`ExplainReport`] ...) and as text for
//! people ([`text`]). `docs/json.md` describes the data; [`SCHEMA`] changes when a change could break a
//! reader.
#![forbid(unsafe_code)]

mod alike;
mod around;
mod attention;
mod bench;
mod diff;
mod doctor;
mod existing;
mod explain;
mod failure;
mod fuse;
mod inspect;
mod page;
mod relative;
mod rotary;
mod rules;
mod sinusoidal;
mod site;
pub mod text;
mod unfuse;
mod verify;

pub(crate) use alike::grouped;
pub use attention::{AttentionMaskReport, AttentionReport};
pub use bench::BenchReport;
pub use diff::{ContentReport, DiffReport, OperatorCount};
pub use doctor::DoctorReport;
pub use existing::ExistingReport;
pub use explain::{ExplainReport, Focus};
pub use failure::{Failure, FailureReport};
pub use fuse::{FuseReport, Verification, WrittenReport};
pub use inspect::InspectReport;
pub use page::PageReport;
pub use relative::{
    AlibiReport, LutReport, PositionsReport, ProductReport, RelativeBiasReport,
    RelativeGatherReport,
};
pub use rotary::{AngleTableReport, RotaryReport, Table};
pub use rules::RulesReport;
pub use sinusoidal::{LookedUpReport, PlacedReport, SinusoidalReport};
pub use site::{KindReport, SiteReport};
pub use unfuse::UnfuseReport;
pub use verify::VerifyReport;

use serde::Serialize;

pub use crate::bench::{Measurement, OperatorTime, Variant};
pub use crate::doctor::{Cuda, Device, Found, Installation, Snippet};
use crate::onnx::ModelFile;
pub use crate::pipeline::{RuleSummary, UnfusedVerdict, Verdict};
pub use crate::rewrite::{Definition, Expanded};
pub use crate::verify::compare::{Difference, Noise};
pub use crate::verify::{
    Case, How, Output, Report as Comparison, Run, Verdict as ComparisonVerdict,
};

use crate::recognize::Refusal;

/// Version of the reports' layout.
pub const SCHEMA: u32 = 1;

/// Who wrote the report.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
}

impl Tool {
    pub(crate) const THIS: Tool = Tool {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
    };
}

/// The model that was read.
#[derive(Clone, Debug, Serialize)]
pub struct ModelSummary {
    /// The file.
    pub path: String,
    /// Version of the default operator set.
    pub opset: i64,
    /// Nodes, those of bodies and functions included.
    pub nodes: usize,
    /// Size of the file itself, without external data.
    pub bytes: u64,
}

impl ModelSummary {
    fn of(file: &ModelFile) -> Self {
        Self {
            path: file.path().display().to_string(),
            opset: file.opset(),
            nodes: crate::scopes::count_nodes(file.model()),
            bytes: file.size() as u64,
        }
    }
}

/// A place that came near and was left alone.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalReport {
    /// Rule that came near; `search` where it is about the search itself.
    pub rule: &'static str,
    /// The stage that it did not pass.
    pub stage: &'static str,
    /// Node that stopped it.
    pub node: String,
    /// Value looked at.
    pub value: String,
    /// The condition that failed.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The first value on the way there that the analysis could not follow, where that is the cause.
    pub lost: Option<LostReport>,
}

/// A value that the analysis could not follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostReport {
    /// The node that computes it.
    pub node: String,
    /// Its operator, with the domain where that is not ONNX's own.
    pub operator: String,
    /// The value.
    pub value: String,
    /// Why.
    pub reason: &'static str,
}

impl From<&Refusal> for RefusalReport {
    fn from(refusal: &Refusal) -> Self {
        Self {
            rule: refusal.rule,
            stage: refusal.stage.as_str(),
            node: refusal.node.clone(),
            value: refusal.value.clone(),
            reason: refusal.reason.clone(),
            hint: refusal.hint.clone(),
            lost: refusal.lost.as_ref().map(|lost| LostReport {
                node: lost.node.clone(),
                operator: lost.operator.clone(),
                value: lost.value.clone(),
                reason: lost.reason.as_str(),
            }),
        }
    }
}
