//! `RotaryHeads` in `f64`, written for reading.

use super::{RotaryHeadsAttributes, RotaryHeadsGeometry};
use crate::contract::ContractError;
use crate::contract::rotary;
use crate::contract::tensor::check_size;

/// `Y` of the operator. Slices are dense, in row-major order; each has as many elements as its shape says.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit the attributes or each other, or slices that do not fit their shapes.
pub fn reference(
    attributes: &RotaryHeadsAttributes,
    x: (&[f64], &[usize]),
    cos: (&[f64], &[usize]),
    sin: (&[f64], &[usize]),
) -> Result<Vec<f64>, ContractError> {
    let shape = RotaryHeadsGeometry::new(attributes, x.1, cos.1, sin.1)?.output;
    check_size("X", x)?;
    let [batch, count, sequence, channels] = shape;
    let heads = x.1[2];
    let mut taken = Vec::new();
    for b in 0..batch {
        for n in 0..count {
            let head = attributes.heads.first + n * attributes.heads.step;
            for s in 0..sequence {
                let start = ((b * sequence + s) * heads + head) * channels;
                taken.extend_from_slice(&x.0[start..start + channels]);
            }
        }
    }
    let rotary = &attributes.rotary;
    rotary::reference(rotary, &taken, &shape, cos.0, cos.1, sin.0, sin.1)
}

#[cfg(test)]
mod tests {
    use super::super::HeadRange;
    use super::*;

    #[test]
    fn keys_are_taken_out_of_a_packed_tensor() {
        // Two positions of a query, a key and a value, each of one pair.
        let x: Vec<f64> = (1..=12).map(f64::from).collect();
        let attributes = RotaryHeadsAttributes {
            heads: HeadRange {
                first: 1,
                end: 2,
                step: 1,
            },
            ..Default::default()
        };
        let cos = (&[1.0, 10.0][..], &[2, 1][..]);
        let sin = (&[0.0, 1.0][..], &[2, 1][..]);
        let y = reference(&attributes, (&x, &[1, 2, 3, 2]), cos, sin).unwrap();
        assert_eq!(y, [3.0, 4.0, 90.0 - 10.0, 100.0 + 9.0]);
    }
}
