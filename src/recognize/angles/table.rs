//! Tables of cosines and sines that a graph computes from positions and frequencies.

use crate::onnx::DataType;

/// The frequencies of a table, exactly as the graph has them.
#[derive(Clone, Debug, PartialEq)]
pub enum Frequencies {
    /// A value of the graph.
    Value {
        /// Its name.
        name: String,
        /// Whether it has unit axes beside the axis of the frequencies.
        flatten: bool,
    },
    /// Numbers, one row for each coordinate stream.
    Numbers(Vec<Vec<f64>>),
}

/// Tables of `amplitude · cos(angle)` and `amplitude · sin(angle)`, one angle a pair: the sum over coordinate streams of position
/// times frequency.
#[derive(Clone, Debug, PartialEq)]
pub struct AngleTable {
    /// The graph's value that holds the positions.
    pub positions: String,
    /// Their element type.
    pub positions_dtype: DataType,
    /// The axis of the positions along which coordinate streams lie, where there are several.
    pub axis: Option<usize>,
    /// The frequencies.
    pub frequencies: Frequencies,
    /// Element type of frequencies and tables.
    pub dtype: DataType,
    /// Number of frequencies: pairs of rotated channels.
    pub width: usize,
    /// Factor of both tables.
    pub amplitude: f32,
    /// Whether the node computes angles exactly, instead of rounding them as the graph does.
    pub precise: bool,
}

impl Frequencies {
    /// The graph's value that holds them.
    pub fn value(&self) -> Option<&str> {
        match self {
            Frequencies::Value { name, .. } => Some(name),
            Frequencies::Numbers(_) => None,
        }
    }
}

impl AngleTable {
    /// The graph's values that the table is computed from.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.positions[..]).chain(self.frequencies.value())
    }
}

/// A site's use of an [`AngleTable`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableUse {
    /// Position of the table in [`crate::recognize::Analysis::tables`].
    pub table: usize,
    /// Axes to insert before cos and sin broadcast against the rotated tensor.
    pub unsqueeze: Vec<usize>,
    /// Whether the site turns by the negated angle of the table.
    pub inverse: bool,
    /// The value with these positions that the site's own cosines and sines are computed from: the table's, or one equal to it.
    pub positions: String,
    /// Likewise the value with the frequencies, if one holds them.
    pub frequencies: Option<String>,
}

impl TableUse {
    /// The values that the site's own cosines and sines are computed from.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.positions[..]).chain(self.frequencies.as_deref())
    }
}
