//! What reports show of a sinusoidal site.

use serde::Serialize;

use crate::recognize::{Placed, Sinusoidal};

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
}

/// Positions as a site reads them.
#[derive(Clone, Debug, Serialize)]
pub struct PlacedReport {
    /// The graph's value.
    pub value: String,
    /// Its axes of size 1 that are removed.
    pub squeeze: Vec<usize>,
    /// The axes of size 1 that are inserted after that.
    pub unsqueeze: Vec<usize>,
}

impl From<&Placed> for PlacedReport {
    fn from(placed: &Placed) -> Self {
        Self {
            value: placed.value.clone(),
            squeeze: placed.squeeze.clone(),
            unsqueeze: placed.unsqueeze.clone(),
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
        }
    }
}
