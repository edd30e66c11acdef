//! A site of attention.

use phasor_ops::contract::attention::AttentionAttributes;

use crate::recognize::site::Family;

/// A condition on scores.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMask {
    /// Name of the graph's value that is true where a score counts.
    pub value: String,
    /// The number in place of the others.
    pub fill: f32,
}

/// A site of `Attention`: `y = softmax(mask(softcap(scale * q kᵀ) + bias)) v`.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Name of the graph's value that holds queries, `[B, N, S, D]`.
    pub q: String,
    /// Keys, `[B, H, T, D]`.
    pub k: String,
    /// Values, `[B, H, T, E]`.
    pub v: String,
    /// How many heads of queries share a head of keys: `N / H`.
    pub group: usize,
    /// What the product of query and key is multiplied by.
    pub scale: f32,
    /// `c` of `c * tanh(scores / c)`; 0 for none.
    pub softcap: f32,
    /// What is added to the scores.
    pub bias: Option<String>,
    /// Which scores count; `None` for all.
    pub mask: Option<AttentionMask>,
    /// Whether `y` has queries before heads, `[B, S, N, E]`, and so is a transpose of the operator's result.
    pub turned: bool,
    /// Whether probabilities that are not a number count as 0.
    pub zero_nan_rows: bool,
    /// Whether keys behind the query are proven to be hidden from it, both counted from the last.
    pub causal: bool,
    /// Keys farther than this before the query are proven to be hidden from it.
    pub window_left: Option<usize>,
    /// Those farther than this behind it.
    pub window_right: Option<usize>,
    /// The tensors that the graph computes `y` from. What is named above are these, or is made of them.
    pub sources: Sources,
}

/// Where an attention begins in the graph.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Queries, keys and values.
    pub operands: [String; 3],
    /// Tensors that the scores are multiplied by.
    pub factors: Vec<String>,
    /// Tensors that are added to the scores.
    pub biases: Vec<String>,
    /// What says which scores count.
    pub mask: Option<String>,
    /// The softmax of the scores.
    pub probabilities: String,
}

impl Sources {
    /// Queries, keys and values, each tensor once.
    pub fn operands(&self) -> Vec<&str> {
        once(self.operands.iter())
    }

    /// All of them, each once.
    pub fn all(&self) -> Vec<&str> {
        let operands = self.operands.iter().chain(&self.factors);
        once(operands.chain(&self.biases).chain(&self.mask))
    }
}

fn once<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for name in names {
        if !all.contains(&&name[..]) {
            all.push(name);
        }
    }
    all
}

impl Attention {
    /// The attributes of the site's node.
    pub fn attributes(&self) -> AttentionAttributes {
        AttentionAttributes {
            scale: self.scale,
            softcap: self.softcap,
            fill: self
                .mask
                .as_ref()
                .map_or(f32::NEG_INFINITY, |mask| mask.fill),
            zero_nan_rows: self.zero_nan_rows,
            causal: self.causal,
            window_left: self.window_left,
            window_right: self.window_right,
        }
    }
}

impl Family for Attention {
    fn operands(&self) -> Vec<&str> {
        let bias = self.bias.as_deref();
        let mask = self.mask.as_ref().map(|mask| &mask.value[..]);
        let all = [Some(&self.q[..]), Some(&self.k), Some(&self.v), bias, mask];
        all.into_iter().flatten().collect()
    }

    fn tensors(&self) -> Vec<&str> {
        let mut tensors = self.operands();
        tensors.extend(self.sources.all());
        tensors
    }
}
