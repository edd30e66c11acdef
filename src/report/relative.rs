//! What reports show of sites by the distance between positions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::recognize::{Alibi, BiasAxis, Lut, Positions, RelativeBias, RelativeGather};

/// A bias that is read from a table.
#[derive(Clone, Debug, Serialize)]
pub struct RelativeBiasReport {
    /// The table.
    pub table: String,
    /// Its number of columns.
    pub heads: usize,
    /// Which row is for each distance.
    pub lut: LutReport,
    /// Positions of queries.
    pub query: PositionsReport,
    /// Positions of keys.
    pub key: PositionsReport,
    /// What lies along the axes of `y`.
    pub layout: Vec<&'static str>,
}

/// Scores that are gathered by distance.
#[derive(Clone, Debug, Serialize)]
pub struct RelativeGatherReport {
    /// The scores.
    pub scores: String,
    /// Which column is for each distance.
    pub lut: LutReport,
    /// Positions of queries.
    pub query: PositionsReport,
    /// Positions of keys.
    pub key: PositionsReport,
    /// Whether a row of the scores is that of a key.
    pub by_key: bool,
}

/// A bias that is linear in the distance.
#[derive(Clone, Debug, Serialize)]
pub struct AlibiReport {
    /// The slopes.
    pub slopes: String,
    /// Number of slopes.
    pub heads: usize,
    /// Whether the slopes are negated.
    pub negated: bool,
    /// Whether distances have no sign.
    pub absolute: bool,
    /// Positions of queries.
    pub query: PositionsReport,
    /// Positions of keys.
    pub key: PositionsReport,
    /// What lies along the axes of `y`.
    pub layout: Vec<&'static str>,
}

/// Which row or column is for each distance.
#[derive(Clone, Debug, Serialize)]
pub struct LutReport {
    /// The farthest distance with an entry of its own; absent where all columns come in order, whatever their number.
    pub reach: Option<usize>,
    /// How many different entries there are; absent likewise.
    pub buckets: Option<usize>,
}

/// Where positions are.
#[derive(Clone, Debug, Serialize)]
pub struct PositionsReport {
    /// The graph's value that holds them, or along which they are counted; absent where they are known.
    pub value: Option<String>,
    /// The axis of it along which they are counted, if they are.
    pub axis: Option<usize>,
}

impl From<&RelativeBias> for RelativeBiasReport {
    fn from(bias: &RelativeBias) -> Self {
        Self {
            table: bias.table.clone(),
            heads: bias.heads,
            lut: (&bias.lut).into(),
            query: (&bias.query).into(),
            key: (&bias.key).into(),
            layout: layout(&bias.layout),
        }
    }
}

impl From<&RelativeGather> for RelativeGatherReport {
    fn from(gather: &RelativeGather) -> Self {
        Self {
            scores: gather.scores.clone(),
            lut: (&gather.lut).into(),
            query: (&gather.query).into(),
            key: (&gather.key).into(),
            by_key: gather.by_key,
        }
    }
}

impl From<&Alibi> for AlibiReport {
    fn from(alibi: &Alibi) -> Self {
        Self {
            slopes: alibi.slopes.clone(),
            heads: alibi.heads,
            negated: alibi.negated,
            absolute: alibi.absolute,
            query: (&alibi.query).into(),
            key: (&alibi.key).into(),
            layout: layout(&alibi.layout),
        }
    }
}

impl From<&Lut> for LutReport {
    fn from(lut: &Lut) -> Self {
        let entries = match lut {
            Lut::Known(entries) => Some(entries),
            Lut::Columns { .. } => None,
        };
        Self {
            reach: entries.map(|entries| entries.len() / 2),
            buckets: entries.map(|entries| entries.iter().collect::<BTreeSet<_>>().len()),
        }
    }
}

impl From<&Positions> for PositionsReport {
    fn from(positions: &Positions) -> Self {
        let axis = match positions {
            Positions::Counted { axis, .. } => Some(*axis),
            Positions::Value { .. } | Positions::Known(_) => None,
        };
        Self {
            value: positions.tensor().map(str::to_owned),
            axis,
        }
    }
}

fn layout(axes: &[BiasAxis]) -> Vec<&'static str> {
    axes.iter().map(|axis| axis.as_str()).collect()
}
