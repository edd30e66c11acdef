//! `RelativeGather`, written for reading.

use super::{RelativeGatherAttributes, RelativeGatherGeometry};
use crate::contract::ContractError;
use crate::contract::relative::{Integer, LUT, LutRange, distance, slot};
use crate::contract::tensor::check_size;

/// The operator on elements of any type, of which it copies some. Slices are dense, in row-major order; each input has a shape.
///
/// # Errors
/// [`ContractError`] for shapes that do not fit the attributes or each other, slices that do not fit their shapes, and entries of
/// the lookup table that are no columns of `scores`.
pub fn reference<T: Copy, I: Integer>(
    attributes: &RelativeGatherAttributes,
    scores: (&[T], &[usize]),
    lut: (&[I], &[usize]),
    query: (&[I], &[usize]),
    key: (&[I], &[usize]),
) -> Result<Vec<T>, ContractError> {
    let geometry = RelativeGatherGeometry::new(attributes, scores.1, query.1, key.1)?;
    check_size("scores", scores)?;
    check_size(LUT, lut)?;
    check_size("query_positions", query)?;
    check_size("key_positions", key)?;
    let range = LutRange::new(lut.0, lut.1)?;
    if !geometry.output_shape().contains(&0) {
        range.check(lut.0, geometry.width, "columns of scores")?;
    }
    let RelativeGatherGeometry {
        queries,
        keys,
        width,
        ..
    } = geometry;
    let rows = if attributes.by_key { keys } else { queries };
    let mut output = Vec::new();
    for matrix in 0..geometry.matrices.count() {
        for run in geometry.matrices.runs(matrix..matrix + 1) {
            let [query_row, key_row] = run.table_rows;
            for i in 0..queries {
                for j in 0..keys {
                    let q = query.0[query_row * queries + i].to_i64();
                    let k = key.0[key_row * keys + j].to_i64();
                    let entry = lut.0[slot(distance(q, k), range.reach)].to_i64();
                    let row = if attributes.by_key { j } else { i };
                    // Not negative: checked above.
                    output.push(scores.0[(matrix * rows + row) * width + entry as usize]);
                }
            }
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_QUERY: RelativeGatherAttributes = RelativeGatherAttributes { by_key: false };
    const BY_KEY: RelativeGatherAttributes = RelativeGatherAttributes { by_key: true };

    #[test]
    fn rows_are_of_queries_or_of_keys() {
        let scores = [0, 1, 2, 10, 11, 12];
        let lut = (&[0i64, 1, 2][..], &[3][..]);
        let y = reference(
            &BY_QUERY,
            (&scores, &[2, 3]),
            lut,
            (&[0, 1], &[2]),
            (&[0, 1, 5], &[3]),
        );
        assert_eq!(y.unwrap(), [1, 2, 2, 10, 11, 12]);
        let y = reference(
            &BY_KEY,
            (&scores, &[2, 3]),
            lut,
            (&[0, 1, 5], &[3]),
            (&[0, 1], &[2]),
        );
        assert_eq!(y.unwrap(), [1, 12, 0, 11, 0, 10]);
    }

    /// Transformer-XL's shift of scores by distance: column `c` is for the key `c - (Q - 1)` after the query.
    #[test]
    fn the_relative_shift_is_one_of_them() {
        let (queries, keys) = (4, 4);
        let width = queries + keys - 1;
        let scores: Vec<usize> = (0..queries * width).collect();
        let lut: Vec<i32> = (0..width as i32).collect();
        let positions: Vec<i32> = (0..4).collect();
        let y = reference(
            &BY_QUERY,
            (&scores, &[queries, width]),
            (&lut, &[width]),
            (&positions, &[queries]),
            (&positions, &[keys]),
        )
        .unwrap();
        // As it is written there: a column of padding, the same memory as rows one element shorter, the first row dropped.
        let padded: Vec<usize> = scores
            .chunks(width)
            .flat_map(|row| std::iter::once(usize::MAX).chain(row.iter().copied()))
            .collect();
        let shifted = &padded[queries..];
        for i in 0..queries {
            assert_eq!(y[i * keys..][..keys], shifted[i * width..][..keys], "{i}");
        }
    }

    #[test]
    fn every_entry_is_checked() {
        let text = reference(
            &BY_QUERY,
            (&[1, 2], &[1, 2]),
            (&[0i64, 1, 2], &[3]),
            (&[0], &[1]),
            (&[0], &[1]),
        )
        .unwrap_err()
        .to_string();
        assert_eq!(text, "lut[2] is 2, expected one of the 2 columns of scores");
    }
}
