//! The shape rule of `Attention`.

use super::INPUTS;
use crate::contract::spec::names;
use crate::contract::tensor::shape_size;
use crate::contract::{ContractError, shape_text};
use std::ops::Range;

use super::AttentionAttributes;

/// The sizes of one call, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionGeometry {
    /// `B`.
    pub batch: usize,
    /// `N`.
    pub heads: usize,
    /// `H`: heads of keys and values. Head `n` reads number `n div group()`.
    pub key_heads: usize,
    /// `S`.
    pub queries: usize,
    /// `T`.
    pub keys: usize,
    /// Whether `K` has one key where there are several: it counts for all.
    pub one_key: bool,
    /// `D`: channels of a query and of a key.
    pub channels: usize,
    /// `E`: channels of a value.
    pub values: usize,
    /// Where `bias` has the elements of the scores.
    pub bias: Planes,
    /// Where `mask` has them.
    pub mask: Planes,
}

/// A tensor that broadcasts to `[B, N, S, T]`: how far a step along each axis moves in it, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planes {
    /// The steps of the four axes; 0 along those that it lacks or has one element of.
    pub steps: [usize; 4],
}

impl AttentionGeometry {
    /// Checks the shapes of the inputs, in the order of [`INPUTS`], against each other.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(inputs: [&[usize]; 5]) -> Result<Self, ContractError> {
        Self::of(names(&INPUTS), inputs)
    }

    /// As [`AttentionGeometry::new`], of inputs with other names.
    ///
    /// # Errors
    /// As there.
    pub(in crate::contract) fn of(
        names: [&str; 5],
        inputs: [&[usize]; 5],
    ) -> Result<Self, ContractError> {
        let [q, k, v, bias, mask] = names;
        let [q_sizes, k_sizes, v_sizes] = [0, 1, 2].map(|i| of_rank_4(names[i], inputs[i]));
        let (q_sizes, k_sizes, v_sizes) = (q_sizes?, k_sizes?, v_sizes?);
        let [batch, heads, queries, channels] = q_sizes;
        let [_, key_heads, own_keys, _] = k_sizes;
        let lasts = [3, 4].map(|i| inputs[i].last().copied());
        let named = [Some(own_keys)].into_iter().chain(lasts).zip([1, 3, 4]);
        let mut lengths = named.filter_map(|(length, input)| Some((length?, input)));
        // The input that says how many keys there are.
        let (keys, told) = lengths.find(|(length, _)| *length != 1).unwrap_or((1, 1));
        let values = v_sizes[3];
        for (name, sizes, axis, like, expected) in [
            (k, k_sizes, 0, 0, batch),
            (v, v_sizes, 0, 0, batch),
            (k, k_sizes, 3, 0, channels),
            (v, v_sizes, 1, 1, key_heads),
            (v, v_sizes, 2, told, keys),
        ] {
            if sizes[axis] != expected {
                return Err(ContractError::Shape(format!(
                    "axis {axis} of {name} {} is {}, expected {expected}, as in {} {}",
                    shape_text(&sizes),
                    sizes[axis],
                    names[like],
                    shape_text(inputs[like]),
                )));
            }
        }
        if heads.checked_rem(key_heads).unwrap_or(heads) != 0 {
            return Err(ContractError::Shape(format!(
                "{q} {} has {heads} heads, expected a multiple of the {key_heads} heads of {k} {}",
                shape_text(&q_sizes),
                shape_text(&k_sizes),
            )));
        }
        let scores = [batch, heads, queries, keys];
        let output = [batch, heads, queries, values];
        let all_keys = [batch, key_heads, keys, channels];
        for shape in [q_sizes, k_sizes, all_keys, v_sizes, scores, output] {
            if shape_size(&shape).is_none() {
                return Err(ContractError::Shape(format!(
                    "a tensor of shape {} has more elements than can be addressed",
                    shape_text(&shape)
                )));
            }
        }
        Ok(Self {
            batch,
            heads,
            key_heads,
            queries,
            keys,
            one_key: own_keys != keys,
            channels,
            values,
            bias: Planes::new(bias, inputs[3], &scores)?,
            mask: Planes::new(mask, inputs[4], &scores)?,
        })
    }

    /// Number of the key in `K` with which score `j` of a row is made.
    pub fn key(&self, j: usize) -> usize {
        if self.one_key { 0 } else { j }
    }

    /// Number of keys in `K`.
    pub fn own_keys(&self) -> usize {
        if self.one_key { 1 } else { self.keys }
    }

    /// Shape of the output.
    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.queries, self.values]
    }

    /// Heads that read the same key head, at least 1.
    pub fn group(&self) -> usize {
        self.heads.checked_div(self.key_heads).unwrap_or(1).max(1)
    }

    /// Whether `bias` or `mask` can hide a key from one query and not from another, or from none.
    fn tells_apart(&self) -> bool {
        [self.bias, self.mask].iter().any(|planes| {
            let [_, _, query, key] = planes.steps;
            key != 0 && (query != 0 || self.queries == 1)
        })
    }

    /// Rows of scores that are made with the same keys.
    pub fn shared(&self) -> usize {
        self.group() * self.queries
    }

    /// The keys that query `i` may see by the promises of `attributes`. Where `S` is larger than `T`, a query before the first key
    /// has none. Without a bias or mask that could keep a promise there is none.
    pub fn promised(&self, attributes: &AttentionAttributes, i: usize) -> Range<usize> {
        if !self.tells_apart() {
            return 0..self.keys;
        }
        let AttentionAttributes {
            causal,
            window_left,
            window_right,
            ..
        } = *attributes;
        // The key at the place of the query is number `at - queries`.
        let at = i.saturating_add(self.keys);
        let from_start = |at: usize| at.saturating_sub(self.queries).min(self.keys);
        let right = if causal { Some(0) } else { None };
        let right = right.into_iter().chain(window_right).min();
        let end = right.map_or(self.keys, |right| {
            from_start(at.saturating_add(right).saturating_add(1))
        });
        let start = window_left.map_or(0, |left| from_start(at.saturating_sub(left)));
        start.min(end)..end
    }
}

impl Planes {
    fn new(name: &str, shape: &[usize], scores: &[usize; 4]) -> Result<Self, ContractError> {
        let refuse = || {
            Err(ContractError::Shape(format!(
                "{name} {} does not broadcast to the scores {}",
                shape_text(shape),
                shape_text(scores)
            )))
        };
        let Some(skip) = scores.len().checked_sub(shape.len()) else {
            return refuse();
        };
        let mut steps = [0; 4];
        let mut step = 1usize;
        for (axis, &size) in shape.iter().enumerate().rev() {
            if size != 1 && size != scores[skip + axis] {
                return refuse();
            }
            if size != 1 {
                steps[skip + axis] = step;
            }
            // No more than the scores have, which are addressable, or nothing.
            step = step.saturating_mul(size);
        }
        Ok(Self { steps })
    }

    /// Where the row of scores of query `i` in head `n` of batch `b` begins.
    #[inline(always)]
    pub fn row(&self, b: usize, n: usize, i: usize) -> usize {
        b * self.steps[0] + n * self.steps[1] + i * self.steps[2]
    }

    /// Whether all rows of a batch are one.
    pub fn one_row(&self) -> bool {
        self.steps[1] == 0 && self.steps[2] == 0
    }
}

pub(in crate::contract) fn of_rank_4(
    name: &str,
    shape: &[usize],
) -> Result<[usize; 4], ContractError> {
    shape.try_into().map_err(|_| {
        ContractError::Shape(format!(
            "{name} {} has rank {}, expected 4",
            shape_text(shape),
            shape.len()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: &[usize] = &[2, 6, 5, 8];
    const K: &[usize] = &[2, 3, 7, 8];
    const V: &[usize] = &[2, 3, 7, 4];

    #[test]
    fn heads_share_keys() {
        let g = AttentionGeometry::new([Q, K, V, &[1], &[]]).unwrap();
        assert_eq!(g.output_shape(), [2, 6, 5, 4]);
        assert_eq!((g.group(), g.keys, g.channels), (2, 7, 8));
        assert_eq!((g.bias, g.mask), (Planes::default(), Planes::default()));
        let none =
            AttentionGeometry::new([&[2, 0, 5, 8], &[2, 0, 7, 8], &[2, 0, 7, 4], &[1], &[1]]);
        assert_eq!(none.unwrap().group(), 1);
        let none = AttentionGeometry::new([&[2, 0, 5, 8], K, V, &[1], &[1]]);
        assert_eq!(none.unwrap().group(), 1);
    }

    #[test]
    fn one_key_counts_for_all_that_a_bias_or_mask_tells() {
        let one = &[2, 3, 1, 8];
        let many = [&[7][..], &[2, 1, 5, 7]];
        for (bias, mask) in [(many[0], &[1][..]), (&[1], many[1]), (many[1], many[0])] {
            let g = AttentionGeometry::new([Q, one, V, bias, mask]).unwrap();
            assert_eq!((g.keys, g.own_keys(), g.key(6)), (7, 1, 0));
        }
        let g = AttentionGeometry::new([Q, K, V, &[7], &[1]]).unwrap();
        assert_eq!((g.own_keys(), g.key(6)), (7, 6));
        let single = AttentionGeometry::new([Q, one, &[2, 3, 1, 4], &[1], &[1]]).unwrap();
        assert_eq!((single.keys, single.own_keys()), (1, 1));
        // `V` has no value for a key that only a bias or mask tells of.
        let short = &[2, 3, 1, 4][..];
        for (v, mask, words) in [
            (
                V,
                &[1][..],
                "axis 2 of V [2, 3, 7, 4] is 7, expected 1, as in K [2, 3, 1, 8]",
            ),
            (
                short,
                &[7],
                "axis 2 of V [2, 3, 1, 4] is 1, expected 7, as in mask [7]",
            ),
        ] {
            let refused = AttentionGeometry::new([Q, one, v, &[1], mask]);
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn biases_broadcast() {
        for (bias, steps) in [
            (&[][..], [0; 4]),
            (&[7], [0, 0, 0, 1]),
            (&[5, 1], [0, 0, 1, 0]),
            (&[6, 5, 7], [0, 35, 7, 1]),
            (&[2, 1, 1, 7], [7, 0, 0, 1]),
            (&[2, 6, 5, 7], [210, 35, 7, 1]),
        ] {
            let g = AttentionGeometry::new([Q, K, V, bias, &[1]]).unwrap();
            assert_eq!(g.bias.steps, steps, "{bias:?}");
            assert_eq!(g.bias.row(1, 2, 3), steps[0] + 2 * steps[1] + 3 * steps[2]);
        }
    }

    #[test]
    fn promises_are_ranges_of_keys() {
        let g = |queries, keys| {
            let (shape, mask) = ([1, 1, keys, 1], [queries, keys]);
            AttentionGeometry::new([&[1, 1, queries, 1], &shape, &shape, &[1], &mask]).unwrap()
        };
        let with = |causal, window_left, window_right| AttentionAttributes {
            causal,
            window_left,
            window_right,
            ..Default::default()
        };
        let (all, causal) = (with(false, None, None), with(true, None, None));
        let (window, both) = (with(false, Some(2), Some(1)), with(true, Some(2), Some(1)));
        assert_eq!(g(3, 5).promised(&all, 1), 0..5);
        assert_eq!(g(3, 5).promised(&causal, 0), 0..3);
        assert_eq!(g(3, 5).promised(&causal, 2), 0..5);
        assert_eq!(g(3, 5).promised(&window, 0), 0..4);
        assert_eq!(g(3, 5).promised(&window, 2), 2..5);
        assert_eq!(g(3, 5).promised(&both, 1), 1..4);
        assert_eq!(g(5, 3).promised(&causal, 1), 0..0);
        assert_eq!(g(5, 3).promised(&causal, 2), 0..1);
        assert_eq!(g(9, 3).promised(&with(false, Some(0), Some(0)), 8), 2..3);
        assert_eq!(g(9, 3).promised(&with(false, Some(9), Some(9)), 8), 0..3);
        assert_eq!(g(2, 0).promised(&causal, 1), 0..0);
        let far = with(false, Some(usize::MAX), Some(usize::MAX));
        assert_eq!(g(3, 5).promised(&far, 1), 0..5);
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        for (inputs, words) in [
            (
                [&Q[1..], K, V, &[1], &[1]],
                "Q [6, 5, 8] has rank 3, expected 4",
            ),
            ([Q, &[], V, &[1], &[1]], "K [] has rank 0, expected 4"),
            ([Q, K, &[1; 5], &[1], &[1]], "V [1, 1, 1, 1, 1] has rank 5"),
            (
                [Q, &[2, 3, 7, 9], V, &[1], &[1]],
                "axis 3 of K [2, 3, 7, 9] is 9, expected 8, as in Q [2, 6, 5, 8]",
            ),
            (
                [Q, &[1, 3, 7, 8], V, &[1], &[1]],
                "axis 0 of K [1, 3, 7, 8] is 1, expected 2, as in Q",
            ),
            (
                [Q, K, &[2, 3, 6, 4], &[1], &[1]],
                "axis 2 of V [2, 3, 6, 4] is 6, expected 7, as in K [2, 3, 7, 8]",
            ),
            (
                [Q, K, &[2, 1, 7, 4], &[1], &[1]],
                "axis 1 of V [2, 1, 7, 4] is 1, expected 3, as in K",
            ),
            (
                [Q, &[2, 4, 7, 8], &[2, 4, 7, 4], &[1], &[1]],
                "Q [2, 6, 5, 8] has 6 heads, expected a multiple of the 4 heads of K [2, 4, 7, 8]",
            ),
            (
                [Q, &[2, 0, 7, 8], &[2, 0, 7, 4], &[1], &[1]],
                "expected a multiple of the 0 heads",
            ),
            (
                [Q, K, V, &[6, 7], &[1]],
                "bias [6, 7] does not broadcast to the scores [2, 6, 5, 7]",
            ),
            ([Q, K, V, &[1, 2, 6, 5, 7], &[1]], "bias [1, 2, 6, 5, 7]"),
            ([Q, K, V, &[1], &[2, 6, 5, 0]], "mask [2, 6, 5, 0] does not"),
            (
                [
                    &[1, 1, usize::MAX, 0],
                    &[1, 1, 2, 0],
                    &[1, 1, 2, 0],
                    &[1],
                    &[1],
                ],
                "more elements than can be addressed",
            ),
        ] {
            let text = AttentionGeometry::new(inputs).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
