//! The shape rule of `RelativeGather`.

use super::RelativeGatherAttributes;
use crate::contract::broadcast::{MAX_RANK, Rows};
use crate::contract::relative::{KEY_POSITIONS, QUERY_POSITIONS};
use crate::contract::{ContractError, shape_text};
use smallvec::SmallVec;

/// The sizes of one call, checked.
///
/// `scores` and the output are stacks of matrices, numbered in memory order. Matrix `m` goes with a row of query positions and one of
/// key positions, as `matrices` says: its two tables are these.
#[derive(Clone, Debug)]
pub struct RelativeGatherGeometry {
    /// The matrices.
    pub matrices: Rows<2>,
    /// `Q`: rows of a matrix of the output.
    pub queries: usize,
    /// `K`: columns of a matrix of the output.
    pub keys: usize,
    /// `R`: columns of a matrix of `scores`. Its rows are the queries, or the keys.
    pub width: usize,
    sizes: SmallVec<[usize; 4]>,
}

impl RelativeGatherGeometry {
    /// Checks the shapes of `scores` and of the positions against each other.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(
        attributes: &RelativeGatherAttributes,
        scores: &[usize],
        query: &[usize],
        key: &[usize],
    ) -> Result<Self, ContractError> {
        let [lead @ .., rows, width] = scores else {
            return Err(ContractError::Shape(format!(
                "scores {} has rank {}, expected at least 2",
                shape_text(scores),
                scores.len()
            )));
        };
        let (query_lead, queries) = split(QUERY_POSITIONS, query)?;
        let (key_lead, keys) = split(KEY_POSITIONS, key)?;
        let (of, count) = if attributes.by_key {
            (KEY_POSITIONS, keys)
        } else {
            (QUERY_POSITIONS, queries)
        };
        if *rows != count {
            return Err(ContractError::Shape(format!(
                "axis {} of scores {} is {rows}, expected {count}, one row for each of {of}",
                lead.len(),
                shape_text(scores)
            )));
        }
        if scores.len() > MAX_RANK {
            return Err(ContractError::Shape(format!(
                "scores has rank {}, expected at most {MAX_RANK}",
                scores.len()
            )));
        }
        let matrices = Rows::new(
            lead,
            [query_lead, key_lead],
            "scores",
            [QUERY_POSITIONS, KEY_POSITIONS],
        )?;
        let mut sizes = SmallVec::from_slice(lead);
        sizes.extend([queries, keys]);
        for shape in [scores, query, key, &sizes] {
            if shape
                .iter()
                .try_fold(1usize, |n, &size| n.checked_mul(size))
                .is_none()
            {
                return Err(ContractError::Shape(format!(
                    "a tensor of shape {} has more elements than can be addressed",
                    shape_text(shape)
                )));
            }
        }
        Ok(Self {
            matrices,
            queries,
            keys,
            width: *width,
            sizes,
        })
    }

    /// Shape of the output.
    pub fn output_shape(&self) -> &[usize] {
        &self.sizes
    }
}

/// Leading axes and last axis of positions.
fn split<'a>(name: &str, shape: &'a [usize]) -> Result<(&'a [usize], usize), ContractError> {
    match shape {
        [lead @ .., count] => Ok((lead, *count)),
        [] => Err(ContractError::Shape(format!(
            "{name} has rank 0, expected at least 1"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(
        by_key: bool,
        scores: &[usize],
        query: &[usize],
        key: &[usize],
    ) -> Result<RelativeGatherGeometry, ContractError> {
        RelativeGatherGeometry::new(&RelativeGatherAttributes { by_key }, scores, query, key)
    }

    #[test]
    fn the_last_axes_are_queries_and_keys() {
        let g = geometry(false, &[2, 3, 5, 9], &[5], &[7]).unwrap();
        assert_eq!(g.output_shape(), [2, 3, 5, 7]);
        assert_eq!(
            (g.matrices.count(), g.queries, g.keys, g.width),
            (6, 5, 7, 9)
        );
        let g = geometry(true, &[2, 3, 7, 9], &[2, 1, 5], &[1, 7]).unwrap();
        assert_eq!(g.output_shape(), [2, 3, 5, 7]);
        assert_eq!(g.matrices.axes().len(), 2);
        assert_eq!(
            geometry(false, &[5, 9], &[5], &[7])
                .unwrap()
                .matrices
                .count(),
            1
        );
        let g = geometry(true, &[0, 7, 0], &[0], &[7]).unwrap();
        assert_eq!(g.output_shape(), [0, 0, 7]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        for (by_key, scores, query, key, words) in [
            (
                false,
                &[5][..],
                &[5][..],
                &[7][..],
                "scores [5] has rank 1, expected at least 2",
            ),
            (
                false,
                &[5, 9],
                &[],
                &[7],
                "query_positions has rank 0, expected at least 1",
            ),
            (true, &[5, 9], &[5], &[], "key_positions has rank 0"),
            (
                false,
                &[2, 6, 9],
                &[5],
                &[7],
                "axis 1 of scores [2, 6, 9] is 6, expected 5, one row for each of query_positions",
            ),
            (
                true,
                &[5, 9],
                &[5],
                &[7],
                "expected 7, one row for each of key_positions",
            ),
            (
                false,
                &[2, 5, 9],
                &[3, 5],
                &[7],
                "leading axes [3] of query_positions do not broadcast to the leading axes [2] of scores",
            ),
            (
                false,
                &[5, 9],
                &[5],
                &[1, 7],
                "leading axes [1] of key_positions",
            ),
            (false, &[usize::MAX, 2, 9], &[2], &[7], "more elements"),
            (false, &[2, 9], &[2], &[usize::MAX], "more elements"),
            (
                false,
                &[1; 17],
                &[1],
                &[1],
                "scores has rank 17, expected at most 16",
            ),
        ] {
            let text = geometry(by_key, scores, query, key)
                .unwrap_err()
                .to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
