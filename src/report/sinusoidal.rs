//! What reports show of a sinusoidal site.

use serde::Serialize;

use crate::recognize::{Placed, Sinusoidal, Source};

/// One sinusoidal embedding.
#[derive(Clone, Debug, Serialize)]
pub struct SinusoidalReport {
    /// The positions: a value of the graph.
    pub positions: PlacedReport,
    /// The graph's value that holds the frequencies; absent where they are numbers.
    pub frequencies: Option<String>,
    /// Number of frequencies.
    pub count: usize,
    /// Whether both functions of a frequency are `half` a row apart, or neighbours (`interleaved`).
    pub layout: &'static str,
    /// Whether the cosine comes first.
    pub cos_first: bool,
    /// Size of the last axis of `y`.
    pub width: usize,
    /// Constant factor on sines and cosines.
    pub amplitude: f32,
    /// Whether the graph divides positions, so that some angles are rounded differently.
    pub divided: bool,
    /// The table that positions are looked up in; absent where the graph computes the rows.
    pub table: Option<LookedUpReport>,
}

/// A table of sinusoids.
#[derive(Clone, Debug, Serialize)]
pub struct LookedUpReport {
    /// The constant.
    pub value: String,
    /// Number of its rows.
    pub rows: usize,
    /// The row that holds zeros, if one does.
    pub padding: Option<i64>,
    /// Type that the operator computes in.
    pub dtype: String,
    /// Largest difference of an element from what the operator computes, both rounded to the type of the table.
    pub difference: f64,
}

/// Positions as a site reads them.
#[derive(Clone, Debug, Serialize)]
pub struct PlacedReport {
    /// The graph's value; absent where they are known, from 0 on.
    pub value: Option<String>,
    /// The axis of it along which they are counted; absent if they are its elements, or known.
    pub counted: Option<usize>,
    /// Its axes of size 1 that are removed.
    pub squeeze: Vec<usize>,
    /// The axes of size 1 that are inserted after that.
    pub unsqueeze: Vec<usize>,
    /// The number that is added to those below 0, if any is.
    pub wrapped: Option<i64>,
}

impl From<&Placed> for PlacedReport {
    fn from(placed: &Placed) -> Self {
        Self {
            value: placed.value().map(str::to_owned),
            counted: match placed.source {
                Source::Counted { axis, .. } => Some(axis),
                Source::Value(_) | Source::Known(_) => None,
            },
            squeeze: placed.squeeze.clone(),
            unsqueeze: placed.unsqueeze.clone(),
            wrapped: placed.wrapped,
        }
    }
}

impl SinusoidalReport {
    /// The report of a site.
    pub(super) fn new(sinusoidal: &Sinusoidal) -> Self {
        let attributes = sinusoidal.attributes;
        Self {
            positions: (&sinusoidal.positions).into(),
            frequencies: sinusoidal.frequencies.value().map(str::to_owned),
            count: sinusoidal.count,
            layout: match attributes.interleaved {
                true => "interleaved",
                false => "half",
            },
            cos_first: attributes.cos_first,
            width: sinusoidal.width,
            amplitude: attributes.amplitude,
            divided: sinusoidal.divided,
            table: sinusoidal.table.as_ref().map(|table| LookedUpReport {
                value: table.value.clone(),
                rows: table.rows,
                padding: attributes.padding_position,
                dtype: sinusoidal.dtype.to_string(),
                difference: table.difference,
            }),
        }
    }
}
