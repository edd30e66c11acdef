//! `RelativePositionBias` in `f64`, written for reading.

use super::{ROWS, table_sizes};
use crate::contract::ContractError;
use crate::contract::relative::{BiasGeometry, LutRange, distance, slot};
use crate::contract::tensor::check_size;

/// The bias. Slices are dense, in row-major order; each has a shape.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit each other or their slices, and for entries of `lut` that are no rows.
pub fn reference(
    table: (&[f64], &[usize]),
    lut: &[i64],
    query_positions: (&[i64], &[usize]),
    key_positions: (&[i64], &[usize]),
) -> Result<Vec<f64>, ContractError> {
    let (rows, heads) = table_sizes(table.1)?;
    let range = LutRange::new(lut, &[lut.len()])?;
    range.check(lut, rows, ROWS)?;
    let geometry = BiasGeometry::new(heads, query_positions.1, key_positions.1)?;
    check_size("table", table)?;
    check_size("query_positions", query_positions)?;
    check_size("key_positions", key_positions)?;
    let mut bias = Vec::new();
    for b in 0..geometry.batch {
        for n in 0..heads {
            for i in 0..geometry.queries {
                for j in 0..geometry.keys {
                    let query = query_positions.0[b * geometry.query_step + i];
                    let key = key_positions.0[b * geometry.key_step + j];
                    let row = lut[slot(distance(query, key), range.reach)];
                    bias.push(table.0[row as usize * heads + n]);
                }
            }
        }
    }
    Ok(bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_keys_take_the_ends() {
        // Two heads; rows 10, 11, 12 and 20, 21, 22.
        let table = [10.0, 20.0, 11.0, 21.0, 12.0, 22.0];
        let lut = [2, 0, 1];
        let got = reference((&table, &[3, 2]), &lut, (&[5, 0], &[2]), (&[4, 5, 9], &[3])).unwrap();
        let head = [12.0, 10.0, 11.0, 11.0, 11.0, 11.0];
        assert_eq!(got[..6], head);
        assert_eq!(got[6..], head.map(|v| v + 10.0));
    }
}
