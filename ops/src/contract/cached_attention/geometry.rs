//! The shape rule of `CachedAttention`.

use super::INPUTS;
use crate::contract::attention::AttentionGeometry;
use crate::contract::attention::geometry::of_rank_4;
use crate::contract::spec::names;
use crate::contract::{ContractError, shape_text};

/// The sizes of one call, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedGeometry {
    /// What is attended to: all keys and values.
    pub attention: AttentionGeometry,
    /// How keys are put together.
    pub keys: Joined,
    /// How values are.
    pub values: Joined,
}

/// A tensor that is put behind another along the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// `B`.
    pub batch: usize,
    /// `H`.
    pub heads: usize,
    /// Keys of a head that are cached.
    pub past: usize,
    /// Keys of a head that are new.
    pub new: usize,
    /// Elements of a key.
    pub width: usize,
}

impl CachedGeometry {
    /// Checks the shapes of the inputs, in the order of [`INPUTS`], against each other.
    ///
    /// # Errors
    /// [`ContractError::Shape`], naming the input and the sizes.
    pub fn new(inputs: [&[usize]; 7]) -> Result<Self, ContractError> {
        let [
            q_name,
            k_name,
            v_name,
            bias_name,
            mask_name,
            past_k_name,
            past_v_name,
        ] = names(&INPUTS);
        let [q, k, v, bias, mask, past_k, past_v] = inputs;
        let keys = Joined::new((k_name, k), (past_k_name, past_k))?;
        let values = Joined::new((v_name, v), (past_v_name, past_v))?;
        let [all_keys, all_values] = [(k_name, past_k_name), (v_name, past_v_name)]
            .map(|(new, past)| format!("{new} behind {past}"));
        let attention = AttentionGeometry::of(
            [q_name, &all_keys, &all_values, bias_name, mask_name],
            [q, &keys.shape(), &values.shape(), bias, mask],
        )?;
        Ok(Self {
            attention,
            keys,
            values,
        })
    }
}

impl Joined {
    fn new(
        (name, shape): (&str, &[usize]),
        (past_name, past_shape): (&str, &[usize]),
    ) -> Result<Self, ContractError> {
        let (new, past) = (of_rank_4(name, shape)?, of_rank_4(past_name, past_shape)?);
        // Concat of ONNX Runtime takes no notice of a tensor without keys, and callers have such a past before the first token.
        let one_is_empty = (past[2] == 0) != (new[2] == 0);
        for axis in [0, 1, 3] {
            if past[axis] != new[axis] && !one_is_empty {
                return Err(ContractError::Shape(format!(
                    "axis {axis} of {past_name} {} is {}, expected {}, as in {name} {}",
                    shape_text(&past),
                    past[axis],
                    new[axis],
                    shape_text(&new),
                )));
            }
        }
        let own = new[2];
        let [batch, heads, _, width] = if own == 0 { past } else { new };
        if own.checked_add(past[2]).is_none() {
            return Err(ContractError::Shape(format!(
                "{past_name} {} and {name} {} have more elements than can be addressed",
                shape_text(&past),
                shape_text(&new),
            )));
        }
        Ok(Self {
            batch,
            heads,
            past: past[2],
            new: own,
            width,
        })
    }

    /// Keys of a head.
    pub fn all(&self) -> usize {
        self.past + self.new
    }

    /// Shape of the whole.
    pub fn shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.all(), self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: &[usize] = &[2, 6, 5, 8];
    const K: &[usize] = &[2, 3, 5, 8];
    const V: &[usize] = &[2, 3, 5, 4];
    const PAST_K: &[usize] = &[2, 3, 2, 8];
    const PAST_V: &[usize] = &[2, 3, 2, 4];

    #[test]
    fn keys_are_put_behind_those_of_the_past() {
        let g = CachedGeometry::new([Q, K, V, &[7], &[1], PAST_K, PAST_V]).unwrap();
        let all = AttentionGeometry::new([Q, &[2, 3, 7, 8], &[2, 3, 7, 4], &[7], &[1]]);
        assert_eq!(g.attention, all.unwrap());
        assert_eq!(
            (g.keys.shape(), g.values.shape()),
            ([2, 3, 7, 8], [2, 3, 7, 4])
        );
        assert_eq!((g.keys.past, g.keys.new, g.keys.all()), (2, 5, 7));
        // Each by itself.
        let (v, past_v) = (&[2, 3, 1, 4], &[2, 3, 6, 4]);
        let g = CachedGeometry::new([Q, K, v, &[1], &[1], PAST_K, past_v]).unwrap();
        assert_eq!((g.keys.past, g.values.past), (2, 6));
        let none = CachedGeometry::new([Q, K, V, &[1], &[1], &[2, 3, 0, 8], &[2, 3, 0, 4]]);
        assert_eq!(none.as_ref().unwrap().attention.keys, 5);
        let other = CachedGeometry::new([Q, K, V, &[1], &[1], &[0, 3, 0, 8], &[7, 7, 0, 7]]);
        assert_eq!(other, none);
        let none_new = CachedGeometry::new([Q, &[0, 9, 0, 1], &[0; 4], &[1], &[1], K, V]);
        assert_eq!(none_new.unwrap().keys.shape(), [2, 3, 5, 8]);
        let (q, k) = (&[0, 6, 5, 8], &[0, 3, 5, 8]);
        let none = CachedGeometry::new([q, k, k, &[1], &[1], k, k]).unwrap();
        assert_eq!(none.attention.output_shape(), [0, 6, 5, 8]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_explained() {
        let most = usize::MAX;
        for (inputs, words) in [
            (
                [Q, &K[1..], V, &[1], &[1], PAST_K, PAST_V],
                "K [3, 5, 8] has rank 3, expected 4",
            ),
            (
                [Q, K, V, &[1], &[1], PAST_K, &[]],
                "past_V [] has rank 0, expected 4",
            ),
            (
                [Q, K, V, &[1], &[1], &[2, 6, 2, 8], PAST_V],
                "axis 1 of past_K [2, 6, 2, 8] is 6, expected 3, as in K [2, 3, 5, 8]",
            ),
            (
                [Q, K, V, &[1], &[1], PAST_K, &[2, 3, 4, 4]],
                "axis 2 of V behind past_V [2, 3, 9, 4] is 9, expected 7, as in K behind past_K [2, 3, 7, 8]",
            ),
            (
                [Q, K, V, &[6], &[1], PAST_K, PAST_V],
                "bias [6] does not broadcast to the scores [2, 6, 5, 7]",
            ),
            (
                [Q, K, V, &[1], &[1], &[2, 3, most, 8], PAST_V],
                "have more elements than can be addressed",
            ),
        ] {
            let text = CachedGeometry::new(inputs).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
