//! What reports show of attention.

use serde::Serialize;

use crate::recognize::{Attention, AttentionMask};

/// One attention.
#[derive(Clone, Debug, Serialize)]
pub struct AttentionReport {
    /// The graph's value that holds queries.
    pub q: String,
    /// The keys.
    pub k: String,
    /// The values.
    pub v: String,
    /// How many heads of queries share a head of keys.
    pub group: usize,
    /// What the product of query and key is multiplied by.
    pub scale: f32,
    /// `c` of `c * tanh(scores / c)`; absent without it.
    pub softcap: Option<f32>,
    /// What is added to the scores; absent where nothing is.
    pub bias: Option<String>,
    /// Which scores count; absent where all do.
    pub mask: Option<AttentionMaskReport>,
    /// Whether probabilities that are not a number count as 0.
    pub zero_nan_rows: bool,
    /// Whether keys behind the query are proven to be hidden from it.
    pub causal: bool,
    /// Farthest key before the query that may count; absent for all.
    pub window_left: Option<usize>,
    /// Farthest key behind it.
    pub window_right: Option<usize>,
}

/// A condition on scores.
#[derive(Clone, Debug, Serialize)]
pub struct AttentionMaskReport {
    /// The graph's value that is true where a score counts.
    pub value: String,
    /// The number in place of the others, as text: it may be infinite.
    pub fill: String,
}

impl From<&AttentionMask> for AttentionMaskReport {
    fn from(mask: &AttentionMask) -> Self {
        Self {
            value: mask.value.clone(),
            fill: format!("{:e}", mask.fill),
        }
    }
}

impl From<&Attention> for AttentionReport {
    fn from(attention: &Attention) -> Self {
        Self {
            q: attention.q.clone(),
            k: attention.k.clone(),
            v: attention.v.clone(),
            group: attention.group,
            scale: attention.scale,
            softcap: Some(attention.softcap).filter(|&cap| cap != 0.0),
            bias: attention.bias.clone(),
            mask: attention.mask.as_ref().map(Into::into),
            zero_nan_rows: attention.zero_nan_rows,
            causal: attention.causal,
            window_left: attention.window_left,
            window_right: attention.window_right,
        }
    }
}
