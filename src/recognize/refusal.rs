//! A near miss: a part of the graph that was left as it is, how far it got, and what stopped it.

use serde::Serialize;

use crate::symbolic::Stop;

/// Stands for a rule where a refusal is about the search itself.
pub const SEARCH: &str = "search";

/// A step on the way to a fused node. The page of a rule lists its stages in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The graph can be read, and the budget suffices.
    Search,
    /// A tensor is multiplied by cosines and sines.
    Angles,
    /// Its channels are added up in the pairs of a layout.
    Pairs,
    /// An index, or a bias, is a function of the distance between a query and a key.
    Distance,
    /// The row or column of each distance is known.
    Lut,
    /// Tensors of the graph hold the positions: of queries and keys, or of the rows of an embedding.
    Positions,
    /// The coefficients are proven to be cosine and sine of one angle.
    Proof,
    /// Tensors of the graph hold the cosines and sines.
    Tables,
    /// A softmax over keys weighs values, and nothing else reads it.
    Probabilities,
    /// What the softmax reads is the product of queries and keys.
    Scores,
    /// What is added to scores, or hides keys, lies along batch, heads, queries and keys.
    Mask,
    /// Tensors of the graph hold queries, keys and values.
    Operands,
    /// The site agrees with the operator on random numbers.
    Confirmation,
    /// The target has an operator that can express the site.
    Target,
}

impl Stage {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Search => "search",
            Stage::Angles => "angles",
            Stage::Pairs => "pairs",
            Stage::Distance => "distance",
            Stage::Lut => "lut",
            Stage::Positions => "positions",
            Stage::Proof => "proof",
            Stage::Tables => "tables",
            Stage::Probabilities => "probabilities",
            Stage::Scores => "scores",
            Stage::Mask => "mask",
            Stage::Operands => "operands",
            Stage::Confirmation => "confirmation",
            Stage::Target => "target",
        }
    }
}

/// Where the analysis lost track of a value on the way to a near miss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Name of the node.
    pub node: String,
    /// Its operator, with the domain if that is not ONNX's own.
    pub operator: String,
    /// The value it computes.
    pub value: String,
    /// Why the analysis does not follow it.
    pub reason: Stop,
}

/// A part of the graph that nearly matched a rule and was left as it is.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Identifier of the rule, or [`SEARCH`].
    pub rule: &'static str,
    /// The stage that it did not pass.
    pub stage: Stage,
    /// Name of the node that stopped it.
    pub node: String,
    /// The value that was tried.
    pub value: String,
    /// The condition that failed, in a sentence without a full stop.
    pub reason: String,
    /// What a user can do about it.
    pub hint: Option<String>,
    /// The first node that the analysis could not follow, if that is the cause.
    pub lost: Option<Lost>,
}
