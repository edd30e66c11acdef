//! Relative sites: a bias or a score for every query and key, by the distance between them.

use crate::onnx::DataType;
use crate::recognize::site::Family;

/// Positions of queries or keys, as an operator reads them: `[L]`, or `[B, L]` with a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Positions {
    /// A tensor of the graph with integer elements.
    Value {
        /// Its name.
        name: String,
        /// Its element type, an integer or a float.
        dtype: DataType,
        /// Its axes that are kept, ascending: none (a scalar), that of the positions, or those of the batch and of the positions.
        /// All others have size 1.
        axes: Vec<usize>,
        /// Its number of axes.
        rank: usize,
    },
    /// 0, 1, 2, ... for every element along an axis of a tensor of the graph.
    Counted {
        /// Its name.
        tensor: String,
        /// The axis.
        axis: usize,
    },
    /// Numbers known beforehand, without a batch.
    Known(Vec<i64>),
}

/// Which row or column is for each distance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lut {
    /// Those of the distances from `-D` to `D`: an odd number.
    Known(Vec<i64>),
    /// All `R` columns in order, of which the middle one, or the second of the two in the middle, is for distance 0. Distances beyond
    /// them take the ends.
    Columns {
        /// Whether `R` is even: the distance `D = R / 2` then shares the last column, or if reversed `-D`.
        even: bool,
        /// Whether they are for the distances from `D` to `-D`.
        reversed: bool,
    },
}

/// Scores of queries, or of keys, with every relative position.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scores {
    /// A tensor of the graph.
    Tensor(String),
    /// The products of vectors with the rows of a table, which the graph does not hold.
    Product(Product),
}

/// `scores[..., i, r] = Σ x[..., i, c] * table[r, c]`, for some of the rows `r`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// The vectors, of the type of `y`: the axes of `y` before the last two, queries or keys, and `terms` channels.
    pub x: String,
    /// Its axes in that order; empty where they are in order.
    pub order: Vec<usize>,
    /// The table `[R, terms]`.
    pub table: String,
    /// Its element type: that of `y`, or one whose numbers that holds.
    pub table_dtype: DataType,
    /// Number of channels.
    pub terms: usize,
    /// Which of its rows are multiplied.
    pub rows: Rows,
}

/// Rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// All.
    All,
    /// A number of rows from this one on.
    Part {
        /// The first.
        first: usize,
        /// How many.
        count: usize,
    },
    /// The row `middle`, and as many to either side as there are vectors, less one: those of all distances between as many
    /// queries as keys, both counted from one position. Without vectors only the middle one.
    Around {
        /// The row of distance 0.
        middle: i64,
    },
}

/// The axes of a table that are longer than 1, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableAxes {
    /// Number of axes.
    pub rank: usize,
    /// The axis that the lookup table leads to.
    pub row: usize,
    /// The axis of the heads, if there may be several.
    pub head: Option<usize>,
}

/// What lies along an axis of a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BiasAxis {
    /// Nothing: its size is 1.
    Unit,
    /// The batch.
    Batch,
    /// The heads.
    Head,
    /// The queries.
    Query,
    /// The keys.
    Key,
}

/// A site of `RelativePositionBias`: `y[n, i, j] = table[lut[key[j] - query[i]], n]`.
#[derive(Clone, Debug)]
pub struct RelativeBias {
    /// The table, of the type of `y`: `[R, N]` once its axes are in order.
    pub table: String,
    /// Its axes.
    pub axes: TableAxes,
    /// The number of heads, `N`.
    pub heads: usize,
    /// The row of each distance.
    pub lut: Lut,
    /// Positions of queries.
    pub query: Positions,
    /// Positions of keys.
    pub key: Positions,
    /// The axes of `y`. Of those that are not [`BiasAxis::Unit`] each occurs at most once.
    pub layout: Vec<BiasAxis>,
}

/// A site of `RelativeGather`: `y[..., i, j] = scores[..., i, lut[key[j] - query[i]]]`, or with `by_key` in row `j`.
#[derive(Clone, Debug)]
pub struct RelativeGather {
    /// The scores, of the type and the number of axes of `y`; the axes before the last two are the same.
    pub scores: Scores,
    /// The column of each distance.
    pub lut: Lut,
    /// Positions of queries, without a batch.
    pub query: Positions,
    /// Positions of keys, without a batch.
    pub key: Positions,
    /// Whether the rows of `scores` are keys.
    pub by_key: bool,
}

/// A site of `AlibiBias`: `y[n, i, j] = slopes[n] * (key[j] - query[i])`.
#[derive(Clone, Debug)]
pub struct Alibi {
    /// The slopes, of the type of `y`, a tensor of `heads` elements.
    pub slopes: String,
    /// Its number of axes.
    pub slopes_rank: usize,
    /// Whether the slopes are to be negated.
    pub negated: bool,
    /// Number of heads.
    pub heads: usize,
    /// Positions of queries.
    pub query: Positions,
    /// Positions of keys.
    pub key: Positions,
    /// Whether the distance is taken without its sign.
    pub absolute: bool,
    /// The axes of `y`, as in [`RelativeBias::layout`].
    pub layout: Vec<BiasAxis>,
    /// Whether the graph joins `y` element by element with a tensor that has as many queries and keys as the operator gives. It then
    /// fails where it computes another number of them itself, but for 1: a constant is only so long.
    pub met: bool,
}

impl TableAxes {
    /// Those of `[R, N]`.
    #[cfg(test)]
    pub const PLAIN: TableAxes = TableAxes {
        rank: 2,
        row: 0,
        head: Some(1),
    };
}

impl BiasAxis {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            BiasAxis::Unit => "unit",
            BiasAxis::Batch => "batch",
            BiasAxis::Head => "head",
            BiasAxis::Query => "query",
            BiasAxis::Key => "key",
        }
    }
}

impl Positions {
    /// The tensor of the graph that is read.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Positions::Value { name, .. } => Some(name),
            Positions::Counted { tensor, .. } => Some(tensor),
            Positions::Known(_) => None,
        }
    }
}

impl Family for RelativeBias {
    fn operands(&self) -> Vec<&str> {
        let positions = [&self.query, &self.key].into_iter();
        let table = std::iter::once(&self.table[..]);
        table
            .chain(positions.filter_map(Positions::tensor))
            .collect()
    }
}

impl Scores {
    /// The tensors of the graph that they are, or are computed from.
    pub fn tensors(&self) -> Vec<&str> {
        match self {
            Scores::Tensor(name) => vec![name],
            Scores::Product(product) => vec![&product.x, &product.table],
        }
    }
}

impl Family for RelativeGather {
    fn operands(&self) -> Vec<&str> {
        let positions = [&self.query, &self.key].into_iter();
        let scores = self.scores.tensors().into_iter();
        scores
            .chain(positions.filter_map(Positions::tensor))
            .collect()
    }
}

impl Family for Alibi {
    fn operands(&self) -> Vec<&str> {
        let positions = [&self.query, &self.key].into_iter();
        let slopes = std::iter::once(&self.slopes[..]);
        slopes
            .chain(positions.filter_map(Positions::tensor))
            .collect()
    }
}
