//! What reports show of a rotary site.

use serde::Serialize;

use crate::pipeline::Findings;
use crate::recognize::{Rotary, TableInput, TableUse};

/// One rotary embedding.
#[derive(Clone, Debug, Serialize)]
pub struct RotaryReport {
    /// The tensor that is rotated.
    pub x: String,
    /// Cosine table: a value of the graph.
    pub cos: Table,
    /// Sine table.
    pub sin: Table,
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
    /// Element type of the tables.
    pub table_dtype: String,
    /// Where the angles come from.
    pub angles: &'static str,
    /// Positions and frequencies, where the angles are their products and one `RotaryTable` can compute them for all sites.
    pub angle_table: Option<AngleTableReport>,
    /// Constant factor on cos and sin.
    pub amplitude: f64,
}

impl RotaryReport {
    /// The report of a site in this scope.
    pub(super) fn new(rotary: &Rotary, scope: usize, findings: &Findings) -> Self {
        let table = rotary.table.as_ref();
        Self {
            x: rotary.x.clone(),
            cos: (&rotary.cos).into(),
            sin: (&rotary.sin).into(),
            pairing: rotary.pairing.as_str(),
            output_pairing: rotary.output_pairing.as_str(),
            rotary_dim: rotary.rotary_dim,
            rotary_offset: rotary.rotary_offset,
            head_dim: rotary.head_dim,
            inverse: rotary.inverse,
            table_dtype: rotary.table_dtype.to_string(),
            angles: rotary.angles.as_str(),
            angle_table: table.map(|used| AngleTableReport::new(used, scope, findings)),
            amplitude: rotary.amplitude,
        }
    }
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
