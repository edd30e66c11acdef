//! The shape rule of a bias for every head, query and key.

use super::{KEY_POSITIONS, QUERY_POSITIONS};
use crate::contract::{ContractError, shape_text};

/// The sizes of one call, checked. Positions are `[Q]` or `[B, Q]`, and `[K]` or `[B, K]`; the bias is `[B, N, Q, K]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BiasGeometry {
    /// `B`: 1 where no positions have batches.
    pub batch: usize,
    /// `N`
    pub heads: usize,
    /// `Q`
    pub queries: usize,
    /// `K`
    pub keys: usize,
    /// How far the queries of one batch are from those of the next; 0 where all have the same.
    pub query_step: usize,
    /// The same for keys.
    pub key_step: usize,
}

impl BiasGeometry {
    /// Checks the shapes of positions against each other.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(heads: usize, query: &[usize], key: &[usize]) -> Result<Self, ContractError> {
        let (query_batch, queries) = split(QUERY_POSITIONS, query)?;
        let (key_batch, keys) = split(KEY_POSITIONS, key)?;
        let batch = match (query_batch.unwrap_or(1), key_batch.unwrap_or(1)) {
            (b, 1) | (1, b) => b,
            (a, b) if a == b => a,
            (a, b) => {
                return Err(ContractError::Shape(format!(
                    "{QUERY_POSITIONS} {} and {KEY_POSITIONS} {} have batches of {a} and {b}, which do not broadcast",
                    shape_text(query),
                    shape_text(key)
                )));
            }
        };
        if [heads, queries, keys]
            .iter()
            .try_fold(batch, |n, &size| n.checked_mul(size))
            .is_none()
        {
            return Err(ContractError::Shape(format!(
                "a bias of shape {} has more elements than can be addressed",
                shape_text(&[batch, heads, queries, keys])
            )));
        }
        let step = |of: Option<usize>, count| if of.unwrap_or(1) == 1 { 0 } else { count };
        Ok(Self {
            batch,
            heads,
            queries,
            keys,
            query_step: step(query_batch, queries),
            key_step: step(key_batch, keys),
        })
    }

    /// Shape of the bias.
    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.queries, self.keys]
    }
}

/// The shape of a bias for sizes of any kind, such as names; `None` where the sizes do not determine it. `one` is the size 1.
pub fn bias_shape<D: Clone + PartialEq>(
    one: &D,
    heads: &D,
    query: &[D],
    key: &[D],
) -> Option<[D; 4]> {
    let batched = |shape: &[D]| match shape {
        [count] => Some((one.clone(), count.clone())),
        [batch, count] => Some((batch.clone(), count.clone())),
        _ => None,
    };
    let (query_batch, queries) = batched(query)?;
    let (key_batch, keys) = batched(key)?;
    let batch = if query_batch == key_batch || key_batch == *one {
        query_batch
    } else if query_batch == *one {
        key_batch
    } else {
        return None;
    };
    Some([batch, heads.clone(), queries, keys])
}

/// Batches, where there is an axis of them, and the number of positions.
fn split(name: &str, shape: &[usize]) -> Result<(Option<usize>, usize), ContractError> {
    match *shape {
        [count] => Ok((None, count)),
        [batch, count] => Ok((Some(batch), count)),
        _ => Err(ContractError::Shape(format!(
            "{name} {} has rank {}, expected 1 or 2",
            shape_text(shape),
            shape.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_broadcast() {
        for (query, key, shape, steps) in [
            (&[5][..], &[7][..], [1, 3, 5, 7], (0, 0)),
            (&[2, 5], &[7], [2, 3, 5, 7], (5, 0)),
            (&[5], &[2, 7], [2, 3, 5, 7], (0, 7)),
            (&[2, 5], &[2, 7], [2, 3, 5, 7], (5, 7)),
            (&[1, 5], &[2, 7], [2, 3, 5, 7], (0, 7)),
            (&[1, 5], &[1, 7], [1, 3, 5, 7], (0, 0)),
            (&[0, 5], &[1, 7], [0, 3, 5, 7], (5, 0)),
            (&[0], &[0, 0], [0, 3, 0, 0], (0, 0)),
        ] {
            let g = BiasGeometry::new(3, query, key).unwrap();
            assert_eq!(g.output_shape(), shape);
            assert_eq!((g.query_step, g.key_step), steps);
        }
    }

    #[test]
    fn names_are_sizes() {
        let of = |query: &[&'static str], key: &[&'static str]| bias_shape(&"1", &"n", query, key);
        assert_eq!(of(&["q"], &["k"]), Some(["1", "n", "q", "k"]));
        assert_eq!(of(&["b", "q"], &["k"]), Some(["b", "n", "q", "k"]));
        assert_eq!(of(&["1", "q"], &["b", "k"]), Some(["b", "n", "q", "k"]));
        assert_eq!(of(&["b", "q"], &["b", "k"]), Some(["b", "n", "q", "k"]));
        assert_eq!(of(&["b", "q"], &["c", "k"]), None);
        assert_eq!(of(&[], &["k"]), None);
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        for (query, key, words) in [
            (
                &[2, 5][..],
                &[3, 7][..],
                "query_positions [2, 5] and key_positions [3, 7] have batches of 2 and 3",
            ),
            (&[], &[7], "query_positions [] has rank 0, expected 1 or 2"),
            (&[5], &[1, 2, 7], "key_positions [1, 2, 7] has rank 3"),
            (&[usize::MAX], &[2], "more elements than can be addressed"),
            (&[0, 2], &[2, 2], "batches of 0 and 2"),
        ] {
            let text = BiasGeometry::new(3, query, key).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
