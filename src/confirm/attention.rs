//! The claim of an attention: `y` is what the operator makes of queries, keys, values and mask.
//!
//! All are random, the mask too, so that a head, a query or a key that is taken for another shows. Scores stay small: between large
//! ones a softmax would choose one key, whatever the others are.

use crate::recognize::{Attention, Site};

use phasor_ops::contract::attention::CONTRACT;
use phasor_ops::contract::{Call, Dense, ElementType, Operand, View};

use super::claim::{Claim, Numbers, reference};
use super::failure::Failure;
use super::numbers::Draw;

/// Bound of queries, keys and values.
const FLOATS: f64 = 1.0;
/// Bound of what is added to the scores.
const BIAS: f64 = 2.0;
/// Roundings of the result, in units of its last place: the graph's type rounds every score, and the probability with it.
const ROUNDINGS: f64 = 32.0;
/// How many elements the tensors of a run have at most, scores included: the work is as many times the size of a head.
const ROOM: usize = 1 << 18;
/// Nothing is added.
const ZERO: Numbers<'static> = (&[0.0], &[1]);
/// Every score counts.
const ALL: Numbers<'static> = (&[1.0], &[1]);

/// The claim of this site.
pub(super) struct AttentionClaim<'a> {
    pub site: &'a Site,
    pub attention: &'a Attention,
}

impl Claim for AttentionClaim<'_> {
    fn operands(&self) -> Vec<&str> {
        self.site.operands()
    }

    /// All tensors, or queries, keys and values alone, with the mask that the graph computes.
    fn starts(&self) -> Vec<Vec<&str>> {
        let sources = &self.attention.sources;
        let mut all = vec![sources.all(), sources.operands()];
        all.dedup();
        all
    }

    fn origin(&self) -> Option<&str> {
        None
    }

    fn room(&self) -> usize {
        ROOM
    }

    fn widest(&self) -> Option<&str> {
        Some(&self.attention.sources.probabilities)
    }

    fn numbers(&self, tensor: &str) -> Draw {
        let sources = &self.attention.sources;
        if sources.mask.as_deref() == Some(tensor) {
            return Draw::Truths;
        }
        let is_bias = sources.biases.iter().any(|bias| bias == tensor);
        Draw::Floats(self.site.dtype, if is_bias { BIAS } else { FLOATS })
    }

    fn key(&self) -> String {
        let Attention { bias, mask, .. } = self.attention;
        let given = (bias.is_some(), mask.is_some());
        format!(
            "attention{:?}{given:?}{}{}",
            self.attention.attributes(),
            self.attention.turned,
            self.site.dtype
        )
    }

    fn expected(&self, operands: &[Numbers<'_>]) -> Result<Dense, Failure> {
        let &[q, k, v, ref others @ ..] = operands else {
            return Err(Failure::NotRun("a tensor is missing".to_owned()));
        };
        let mut others = others.iter().copied();
        let mut given = |is_given: bool| is_given.then(|| others.next()).flatten();
        let bias = given(self.attention.bias.is_some()).unwrap_or(ZERO);
        let mask = given(self.attention.mask.is_some()).unwrap_or(ALL);
        let inputs = [q, k, v, bias, mask].map(|(values, shape)| View { values, shape });
        let dtype = ElementType::from_onnx(self.site.dtype.to_onnx());
        let of_type = || Operand {
            dtype,
            ..Operand::default()
        };
        let call = Call {
            attributes: self.attention.attributes().values().to_vec(),
            inputs: (0..4)
                .map(|_| of_type())
                .chain([Operand::default()])
                .collect(),
        };
        let y = reference(CONTRACT, &call, &inputs)?.swap_remove(0);
        Ok(if self.attention.turned { turned(&y) } else { y })
    }

    fn tolerance(&self) -> f64 {
        ROUNDINGS * self.site.dtype.epsilon().unwrap_or_default()
    }
}

/// A tensor of four axes with the two in the middle in the other order.
fn turned(y: &Dense) -> Dense {
    let &[batch, heads, queries, width] = &y.shape[..] else {
        return y.clone();
    };
    let rows = (0..batch * queries * heads).map(|row| {
        let (head, query, batch) = (row % heads, row / heads % queries, row / heads / queries);
        ((batch * heads + head) * queries + query) * width
    });
    Dense {
        values: rows
            .flat_map(|start| y.values[start..start + width].iter().copied())
            .collect(),
        shape: vec![batch, queries, heads, width],
    }
}
