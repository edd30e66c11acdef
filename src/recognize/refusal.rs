//! A near miss: a place that was left alone, how far it came, and what stopped it.

use serde::Serialize;

use crate::symbolic::Stop;

/// What stands for a rule in what is said of the search itself.
pub const SEARCH: &str = "search";

/// A step on the way to a fused node. The page of a rule lists its stages in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The graph can be read, and the budget allows to look at it.
    Search,
    /// Cosines and sines are multiplied into a tensor.
    Angles,
    /// Sums of two channels of one tensor, in the pairs of a layout.
    Pairs,
    /// Coefficients that are cosine and sine of one angle.
    Proof,
    /// Tensors of the graph that hold the cosines and sines.
    Tables,
    /// Agreement on random numbers.
    Confirmation,
    /// An operator of the target that can express the site.
    Target,
}

impl Stage {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Search => "search",
            Stage::Angles => "angles",
            Stage::Pairs => "pairs",
            Stage::Proof => "proof",
            Stage::Tables => "tables",
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
    /// Its operator, with the domain where that is not ONNX's own.
    pub operator: String,
    /// The value it computes.
    pub value: String,
    /// Why that is not followed.
    pub reason: Stop,
}

/// A place that came near and was left alone.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Identifier of the rule that came near, or [`SEARCH`].
    pub rule: &'static str,
    /// The stage that it did not pass.
    pub stage: Stage,
    /// Name of the node that stopped it.
    pub node: String,
    /// The value looked at.
    pub value: String,
    /// The condition that failed, in a sentence without a full stop.
    pub reason: String,
    /// What a user can do about it.
    pub hint: Option<String>,
    /// The first value on the way there that the analysis could not follow, where that is the cause.
    pub lost: Option<Lost>,
}
