//! `RotaryEmbedding` in `f64`, written for reading.

use super::{RotaryAttributes, RotaryGeometry, TableForm};
use crate::contract::ContractError;
use crate::contract::tensor::check_size;

/// `Y` of the operator. Slices are dense, in row-major order; each has as many elements as its shape says.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit the attributes or each other, or slices that do not fit their shapes.
pub fn reference(
    attributes: &RotaryAttributes,
    x: &[f64],
    x_shape: &[usize],
    cos: &[f64],
    cos_shape: &[usize],
    sin: &[f64],
    sin_shape: &[usize],
) -> Result<Vec<f64>, ContractError> {
    let geometry = RotaryGeometry::new(attributes, x_shape, cos_shape, sin_shape)?;
    check_size("X", (x, x_shape))?;
    check_size("cos", (cos, cos_shape))?;
    check_size("sin", (sin, sin_shape))?;
    let mut y = x.to_vec();
    let sign = if attributes.inverse { -1.0 } else { 1.0 };
    for row in 0..geometry.rows.count() {
        let start = row * geometry.channels + geometry.offset;
        let cos_row = table_row(row, &x_shape[..x_shape.len() - 1], cos, cos_shape);
        let sin_row = table_row(row, &x_shape[..x_shape.len() - 1], sin, sin_shape);
        for k in 0..geometry.rotated / 2 {
            let (pa, pb) = pair(k, geometry.rotated, attributes.interleaved);
            let (qa, qb) = pair(k, geometry.rotated, attributes.interleaved_out());
            let (ta, tb) = match geometry.form {
                TableForm::Pair => (k, k),
                TableForm::Channel => (pa, pb),
            };
            let (a, b) = (x[start + pa], x[start + pb]);
            y[start + qa] = a * cos_row[ta] - b * (sign * sin_row[ta]);
            y[start + qb] = b * cos_row[tb] + a * (sign * sin_row[tb]);
        }
    }
    Ok(y)
}

/// Positions of pair `k` in a range of `rotated` channels.
fn pair(k: usize, rotated: usize, interleaved: bool) -> (usize, usize) {
    if interleaved {
        (2 * k, 2 * k + 1)
    } else {
        (k, k + rotated / 2)
    }
}

/// The row of a table that goes with `row` of a tensor with leading axes `lead`.
fn table_row<'a>(row: usize, lead: &[usize], table: &'a [f64], shape: &[usize]) -> &'a [f64] {
    let width = shape[shape.len() - 1];
    let table_lead = &shape[..shape.len() - 1];
    let mut rest = row;
    let mut stride = width;
    let mut at = 0;
    for (from_right, &size) in lead.iter().rev().enumerate() {
        let index = rest % size;
        rest /= size;
        if let Some(axis) = table_lead.len().checked_sub(from_right + 1) {
            if table_lead[axis] != 1 {
                at += index * stride;
            }
            stride *= table_lead[axis];
        }
    }
    &table[at..at + width]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(attributes: RotaryAttributes, x: &[f64], cos: &[f64], sin: &[f64]) -> Vec<f64> {
        reference(
            &attributes,
            x,
            &[x.len()],
            cos,
            &[cos.len()],
            sin,
            &[sin.len()],
        )
        .unwrap()
    }

    #[test]
    fn layouts_put_pairs_where_they_belong() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let (cos, sin) = ([10.0, 100.0], [1.0, 2.0]);
        let half = RotaryAttributes::default();
        let neighbours = RotaryAttributes {
            interleaved: true,
            ..half
        };
        // Pairs (1, 3) and (2, 4).
        assert_eq!(run(half, &x, &cos, &sin), [7.0, 192.0, 31.0, 404.0]);
        let spread = RotaryAttributes {
            output_interleaved: Some(true),
            ..half
        };
        assert_eq!(run(spread, &x, &cos, &sin), [7.0, 31.0, 192.0, 404.0]);
        // Pairs (1, 2) and (3, 4).
        assert_eq!(run(neighbours, &x, &cos, &sin), [8.0, 21.0, 292.0, 406.0]);
        let gathered = RotaryAttributes {
            output_interleaved: Some(false),
            ..neighbours
        };
        assert_eq!(run(gathered, &x, &cos, &sin), [8.0, 292.0, 21.0, 406.0]);
    }

    #[test]
    fn full_width_tables_are_read_at_the_input_position() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let (cos, sin) = ([1.0, 10.0, 100.0, 1000.0], [1.0, 2.0, 3.0, 4.0]);
        let half = RotaryAttributes::default();
        assert_eq!(
            run(half, &x, &cos, &sin),
            [1.0 - 3.0, 20.0 - 8.0, 300.0 + 3.0, 4000.0 + 8.0]
        );
        let gathered = RotaryAttributes {
            interleaved: true,
            output_interleaved: Some(false),
            ..half
        };
        assert_eq!(
            run(gathered, &x, &cos, &sin),
            [1.0 - 2.0, 300.0 - 12.0, 20.0 + 2.0, 4000.0 + 12.0]
        );
    }

    #[test]
    fn inverse_undoes_and_the_rest_is_copied() {
        let turn = RotaryAttributes {
            rotary_dim: 4,
            rotary_offset: 1,
            ..Default::default()
        };
        let back = RotaryAttributes {
            inverse: true,
            ..turn
        };
        let x = [9.0, 1.0, 2.0, 3.0, 4.0, 8.0];
        let (cos, sin) = ([0.6, 0.8], [0.8, 0.6]);
        let y = run(turn, &x, &cos, &sin);
        assert_eq!((y[0], y[5]), (9.0, 8.0));
        for (a, b) in run(back, &y, &cos, &sin).iter().zip(&x) {
            assert!((a - b).abs() < 1e-14);
        }
    }

    #[test]
    fn slices_must_fit_their_shapes() {
        let all = RotaryAttributes::default();
        assert!(reference(&all, &[0.0; 3], &[4], &[0.0; 2], &[2], &[0.0; 2], &[2]).is_err());
    }
}
