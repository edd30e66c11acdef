//! A sinusoidal site.

use phasor_ops::contract::sinusoidal::SinusoidalAttributes;

use crate::onnx::DataType;
use crate::recognize::Frequencies;
use crate::recognize::site::Family;

/// A value of the graph that holds positions, and what gives it the leading axes of the embedding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// Name of the graph's value.
    pub value: String,
    /// Its element type: `int64`, `int32`, `float` or `double`.
    pub dtype: DataType,
    /// Its axes of size 1 that are removed, ascending.
    pub squeeze: Vec<usize>,
    /// The axes of size 1 that are inserted after that (positions in the result), ascending.
    pub unsqueeze: Vec<usize>,
}

/// What a sinusoidal embedding adds to its site: `y = embedding(positions, frequencies)`.
#[derive(Clone, Debug)]
pub struct Sinusoidal {
    /// The positions.
    pub positions: Placed,
    /// The frequencies, of the type of `y`: one row.
    pub frequencies: Frequencies,
    /// Their number.
    pub count: usize,
    /// Layout, amplitude, width and padding.
    pub attributes: SinusoidalAttributes,
    /// Size of the last axis of `y`.
    pub width: usize,
    /// Whether the graph divides positions by the reciprocals of the frequencies, which rounds some angles differently than their
    /// product.
    pub divided: bool,
}

impl Placed {
    /// The shape after its axes are removed and inserted.
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
        let positions = std::iter::once(&self.positions.value[..]);
        positions.chain(self.frequencies.value()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_removed_before_others_are_inserted() {
        let placed = |squeeze: &[usize], unsqueeze: &[usize]| Placed {
            value: "p".to_owned(),
            dtype: DataType::F32,
            squeeze: squeeze.to_vec(),
            unsqueeze: unsqueeze.to_vec(),
        };
        assert_eq!(placed(&[], &[]).shape(&[2, 5], 1), [2, 5]);
        assert_eq!(placed(&[1, 3], &[]).shape(&[2, 1, 5, 1], 1), [2, 5]);
        assert_eq!(placed(&[0], &[0, 2]).shape(&[1, 5], 1), [1, 5, 1]);
    }
}
