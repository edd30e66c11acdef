//! What the commands have to say, as data with a schema ([`FuseReport`], [`InspectReport`], [`ExplainReport`] ...) and as text for
//! people ([`text`]). `docs/json.md` describes the data; [`SCHEMA`] changes when a reader of it could break.
#![forbid(unsafe_code)]

mod explain;
mod fuse;
mod inspect;
mod rules;
pub mod text;
mod unfuse;
mod verify;

pub use explain::{ExplainReport, Focus};
pub use fuse::FuseReport;
pub use inspect::InspectReport;
pub use rules::RulesReport;
pub use unfuse::UnfuseReport;
pub use verify::VerifyReport;

use serde::Serialize;

use crate::onnx::ModelFile;
use crate::pipeline::{Findings, Found};
use crate::recognize::{Refusal, TableInput, TableUse};

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

/// One rotary embedding.
#[derive(Clone, Debug, Serialize)]
pub struct SiteReport {
    /// Rule that proved it.
    pub rule: &'static str,
    /// Node that produces the rotated tensor.
    pub node: String,
    /// The tensor that is rotated.
    pub x: String,
    /// The rotated tensor.
    pub y: String,
    /// Cosine table: a value of the graph.
    pub cos: Table,
    /// Sine table.
    pub sin: Table,
    /// Symbolic shape of `x`.
    pub shape: String,
    /// Pairing of the input channels.
    pub pairing: &'static str,
    /// Pairing of the output channels.
    pub output_pairing: &'static str,
    /// Number of rotated channels.
    pub rotary_dim: usize,
    /// First rotated channel.
    pub rotary_offset: usize,
    /// Size of the last axis of `x`.
    pub head_dim: usize,
    /// Rotation by the negated angle.
    pub inverse: bool,
    /// Element type of `x`.
    pub dtype: String,
    /// Element type of the tables.
    pub table_dtype: String,
    /// Where the angles come from.
    pub angles: &'static str,
    /// Positions and frequencies, where the angles are their products and one `RotaryTable` can compute them for all sites.
    pub angle_table: Option<AngleTableReport>,
    /// Constant factor on cos and sin.
    pub amplitude: f64,
    /// What is proven.
    pub proof: &'static str,
    /// Whether it holds for finite `x` alone.
    pub assumes_finite: bool,
    /// Largest difference to the reference while it was probed.
    pub max_diff: f64,
    /// Number of probes.
    pub probes: usize,
}

/// A table as a site reads it.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The graph's value.
    pub value: String,
    /// Axes to insert before it broadcasts against `x`.
    pub unsqueeze: Vec<usize>,
}

impl From<&TableInput> for Table {
    fn from(table: &TableInput) -> Self {
        Self {
            value: table.value.clone(),
            unsqueeze: table.unsqueeze.clone(),
        }
    }
}

/// Angles that are positions times frequencies.
#[derive(Clone, Debug, Serialize)]
pub struct AngleTableReport {
    /// Number of the table: sites of one number share it.
    pub table: usize,
    /// The graph's value that holds the positions.
    pub positions: String,
    /// Axis of the positions along which coordinate streams lie, if there are several.
    pub axis: Option<usize>,
    /// The graph's value that holds the frequencies; absent where they are numbers.
    pub frequencies: Option<String>,
}

impl AngleTableReport {
    /// The report of the table that a site reads.
    fn new(used: &TableUse, scope: usize, findings: &Findings) -> Self {
        let before: usize = findings.scopes[..scope]
            .iter()
            .map(|s| s.tables.len())
            .sum();
        let table = &findings.scopes[scope].tables[used.table].table;
        Self {
            table: before + used.table,
            positions: table.positions.clone(),
            axis: table.axis,
            frequencies: table.frequencies.value().map(str::to_owned),
        }
    }
}

impl SiteReport {
    /// The reports of all sites.
    fn all(findings: &Findings) -> Vec<Self> {
        let sites = findings.sites.iter();
        sites.map(|found| Self::new(found, findings)).collect()
    }

    /// The report of a site among everything that was found.
    fn new(found: &Found, findings: &Findings) -> Self {
        let Found {
            site, confirmed, ..
        } = found;
        let table = site.table.as_ref();
        Self {
            rule: site.rule,
            node: site.node_name.clone(),
            x: site.x.clone(),
            y: site.y.clone(),
            cos: (&site.cos).into(),
            sin: (&site.sin).into(),
            shape: site.shape.clone(),
            pairing: site.pairing.as_str(),
            output_pairing: site.output_pairing.as_str(),
            rotary_dim: site.rotary_dim,
            rotary_offset: site.rotary_offset,
            head_dim: site.head_dim,
            inverse: site.inverse,
            dtype: site.dtype.to_string(),
            table_dtype: site.table_dtype.to_string(),
            angles: site.angles.as_str(),
            angle_table: table.map(|used| AngleTableReport::new(used, found.scope, findings)),
            amplitude: site.amplitude,
            proof: site.proof.as_str(),
            assumes_finite: site.assumes_finite,
            max_diff: confirmed.max_diff,
            probes: confirmed.probes,
        }
    }
}

/// A place that came near and was left alone.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalReport {
    /// Rule that came near.
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
                reason: lost.reason,
            }),
        }
    }
}
