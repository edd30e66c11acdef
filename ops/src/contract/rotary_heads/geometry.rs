//! The shape rule of `RotaryHeads`.

use super::RotaryHeadsAttributes;
use super::spec::X;
use crate::contract::broadcast::Along;
use crate::contract::rotary::RotaryGeometry;
use crate::contract::tensor::shape_size;
use crate::contract::{ContractError, shape_text};

/// The sizes of one call, checked.
#[derive(Clone, Debug)]
pub struct RotaryHeadsGeometry {
    /// The shape of `Y`.
    pub output: [usize; 4],
    /// How its rows are turned, and where they lie in `X`.
    pub turning: RotaryGeometry,
}

impl RotaryHeadsGeometry {
    /// Checks the shapes of `X`, `cos` and `sin` against the attributes.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(
        attributes: &RotaryHeadsAttributes,
        x: &[usize],
        cos: &[usize],
        sin: &[usize],
    ) -> Result<Self, ContractError> {
        let &[batch, sequence, heads, channels] = x else {
            return Err(ContractError::Shape(format!(
                "X {} has rank {}, expected 4: batch, sequence, heads and channels",
                shape_text(x),
                x.len()
            )));
        };
        if shape_size(x).is_none() {
            return Err(ContractError::Shape(format!(
                "X {} has more elements than can be addressed",
                shape_text(x)
            )));
        }
        let range = attributes.heads;
        let count = range.count(heads);
        let output = [batch, count, sequence, channels];
        // Where an axis is empty there are no rows, and the steps mean nothing.
        let steps = [sequence.wrapping_mul(heads), range.step, heads];
        let first = if count == 0 { 0 } else { range.first };
        let place = (first, Along::Steps(&steps));
        let turning = RotaryGeometry::placed(X.name, &attributes.rotary, &output, place, cos, sin)?;
        Ok(Self { output, turning })
    }
}

#[cfg(test)]
mod tests {
    use super::super::HeadRange;
    use super::*;

    fn geometry(
        (first, end, step): (usize, usize, usize),
        x: &[usize],
        table: &[usize],
    ) -> Result<RotaryHeadsGeometry, ContractError> {
        let attributes = RotaryHeadsAttributes {
            heads: HeadRange { first, end, step },
            ..Default::default()
        };
        RotaryHeadsGeometry::new(&attributes, x, table, table)
    }

    /// The rows of `X` behind the rows of `Y`, in order.
    fn rows(geometry: &RotaryHeadsGeometry) -> Vec<usize> {
        let turning = &geometry.turning;
        let runs = turning.rows.runs(0..turning.rows.count());
        runs.flat_map(|run| {
            (0..run.count).map(move |i| turning.first + run.table_rows[0] + i * run.steps[0])
        })
        .collect()
    }

    #[test]
    fn rows_lie_where_the_heads_are() {
        // Two queries, one key and one value.
        let queries = geometry((0, 2, 1), &[2, 3, 4, 8], &[3, 4]).unwrap();
        assert_eq!(queries.output, [2, 2, 3, 8]);
        assert_eq!(rows(&queries), [0, 4, 8, 1, 5, 9, 12, 16, 20, 13, 17, 21]);
        let keys = geometry((2, 3, 1), &[2, 3, 4, 8], &[3, 4]).unwrap();
        assert_eq!(rows(&keys), [2, 6, 10, 14, 18, 22]);
        // The key of each of two heads.
        let keys = geometry((1, 6, 3), &[1, 2, 6, 8], &[1, 2, 2, 4]).unwrap();
        assert_eq!(rows(&keys), [1, 7, 4, 10]);
        // One position alone.
        let all = geometry((0, 9, 1), &[1, 1, 3, 8], &[1, 4]).unwrap();
        assert_eq!(rows(&all), [0, 1, 2]);
    }

    #[test]
    fn what_is_empty_has_no_rows() {
        for (range, x) in [
            ((0, 9, 1), &[0, 3, 4, 8]),
            ((0, 9, 1), &[2, 0, 4, 8]),
            ((0, 9, 1), &[2, 3, 0, 8]),
            ((4, 9, 1), &[2, 3, 4, 8]),
            ((3, 2, 1), &[2, 3, 4, 8]),
        ] {
            let geometry = geometry(range, x, &[x[1], 4]).unwrap();
            assert_eq!(geometry.turning.rows.count(), 0, "{x:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refuse = |x: &[usize], table: &[usize], words: &str| {
            let text = geometry((0, 2, 1), x, table).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        };
        refuse(&[3, 4, 8], &[4], "rank 3, expected 4");
        refuse(&[1, 3, 4, 7], &[3], "7 channels");
        refuse(&[1, 3, 4, 8], &[2, 4], "the leading axes [2] of cos");
        refuse(&[1, 3, usize::MAX / 2, 8], &[3, 4], "more elements");
    }
}
