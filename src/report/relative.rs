//! What reports show of sites by the distance between positions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::recognize::{
    Alibi, BiasAxis, Lut, Positions, Product, RelativeBias, RelativeGather, Rows, Scores,
};

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
    /// The scores; absent where they are products that the graph does not hold.
    pub scores: Option<String>,
    /// What the scores are products of; absent where the graph holds them.
    pub product: Option<ProductReport>,
    /// Which column is for each distance.
    pub lut: LutReport,
    /// Positions of queries.
    pub query: PositionsReport,
    /// Positions of keys.
    pub key: PositionsReport,
    /// Whether a row of the scores is that of a key.
    pub by_key: bool,
}

/// Products of vectors with the rows of a table.
#[derive(Clone, Debug, Serialize)]
pub struct ProductReport {
    /// The vectors.
    pub x: String,
    /// The table.
    pub table: String,
    /// The first row that is multiplied; absent where all are, or those around `middle`.
    pub first: Option<usize>,
    /// How many rows are multiplied; absent likewise.
    pub rows: Option<usize>,
    /// The row of distance 0, around which as many are multiplied to either side as there are vectors, less one; absent where the
    /// rows do not depend on the number of vectors.
    pub middle: Option<i64>,
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
            scores: match &gather.scores {
                Scores::Tensor(name) => Some(name.clone()),
                Scores::Product(_) => None,
            },
            product: match &gather.scores {
                Scores::Tensor(_) => None,
                Scores::Product(product) => Some(product.into()),
            },
            lut: (&gather.lut).into(),
            query: (&gather.query).into(),
            key: (&gather.key).into(),
            by_key: gather.by_key,
        }
    }
}

impl From<&Product> for ProductReport {
    fn from(product: &Product) -> Self {
        let (part, middle) = match product.rows {
            Rows::All => (None, None),
            Rows::Part { first, count } => (Some((first, count)), None),
            Rows::Around { middle } => (None, Some(middle)),
        };
        Self {
            x: product.x.clone(),
            table: product.table.clone(),
            first: part.map(|(first, _)| first),
            rows: part.map(|(_, count)| count),
            middle,
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
