//! A sinusoidal site.

use phasor_ops::contract::sinusoidal::SinusoidalAttributes;

use crate::onnx::DataType;
use crate::recognize::Frequencies;
use crate::recognize::site::Family;

/// Where positions come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// They are the elements of a value of the graph, of this name.
    Value(String),
    /// 0, 1, 2, ... for every element along an axis of a value of the graph.
    Counted {
        /// Its name.
        value: String,
        /// The axis.
        axis: usize,
    },
    /// So many from 0 on.
    Known(usize),
}

/// Positions, and what gives them the leading axes of the embedding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// Where they come from.
    pub source: Source,
    /// The element type of the positions: `int64`, `int32`, `float` or `double`.
    pub dtype: DataType,
    /// Its axes of size 1 that are removed, ascending.
    pub squeeze: Vec<usize>,
    /// The axes of size 1 that are inserted after that (positions in the result), ascending.
    pub unsqueeze: Vec<usize>,
    /// The number that is added to positions below 0, which are integers.
    pub wrapped: Option<i64>,
}

/// The table of sinusoids that a graph looks positions up in, or of which it reads all rows in order.
#[derive(Clone, Debug, PartialEq)]
pub struct LookedUp {
    /// Name of the constant.
    pub value: String,
    /// Its number of rows. Beyond them the graph fails.
    pub rows: usize,
    /// Whether the graph joins `y` element by element with a tensor that has as many rows as the operator gives. It then fails where
    /// the table has fewer.
    pub met: bool,
    /// Largest difference of one of its elements from what the operator computes, both rounded to its type.
    pub difference: f64,
}

/// What a sinusoidal embedding adds to its site: `y = embedding(positions, frequencies)`.
#[derive(Clone, Debug)]
pub struct Sinusoidal {
    /// The positions.
    pub positions: Placed,
    /// The frequencies: one row.
    pub frequencies: Frequencies,
    /// Their number.
    pub count: usize,
    /// Their element type, in which the operator computes: that of `y`, or for a table another one.
    pub dtype: DataType,
    /// Layout, amplitude, width and padding.
    pub attributes: SinusoidalAttributes,
    /// Size of the last axis of `y`.
    pub width: usize,
    /// Whether the graph divides positions by the reciprocals of the frequencies, which rounds some angles differently than their
    /// product.
    pub divided: bool,
    /// The table that holds the rows; `None` where the graph computes them.
    pub table: Option<LookedUp>,
}

impl Placed {
    /// The graph's value that they are read from, or counted along.
    pub fn value(&self) -> Option<&str> {
        match &self.source {
            Source::Value(value) | Source::Counted { value, .. } => Some(value),
            Source::Known(_) => None,
        }
    }

    /// The shape of positions of this one after axes are removed and inserted.
    pub fn shape<T: Clone>(&self, shape: &[T], one: T) -> Vec<T> {
        let kept = shape.iter().enumerate();
        let kept = kept.filter(|(axis, _)| !self.squeeze.contains(axis));
        let mut shape: Vec<T> = kept.map(|(_, size)| size.clone()).collect();
        for &axis in &self.unsqueeze {
            shape.insert(axis.min(shape.len()), one.clone());
        }
        shape
    }
}

impl Family for Sinusoidal {
    fn operands(&self) -> Vec<&str> {
        let positions = self.positions.value().into_iter();
        positions.chain(self.frequencies.value()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_removed_before_others_are_inserted() {
        let placed = |squeeze: &[usize], unsqueeze: &[usize]| Placed {
            source: Source::Value("p".to_owned()),
            dtype: DataType::F32,
            squeeze: squeeze.to_vec(),
            unsqueeze: unsqueeze.to_vec(),
            wrapped: None,
        };
        assert_eq!(placed(&[], &[]).shape(&[2, 5], 1), [2, 5]);
        assert_eq!(placed(&[1, 3], &[]).shape(&[2, 1, 5, 1], 1), [2, 5]);
        assert_eq!(placed(&[0], &[0, 2]).shape(&[1, 5], 1), [1, 5, 1]);
    }
}
