//! What recognition says of a model: the sites it can prove, beside the near misses.

use phasor_ops::contract::rotary::RotaryAttributes;
use rustc_hash::FxHashMap;

use crate::facts::Dim;
use crate::onnx::DataType;

use super::{AngleTable, Made, Refusal, TableUse};

/// Which channels of the rotated range form a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pairing {
    /// Channel `j` pairs with `j + r/2` (GPT-NeoX, Llama).
    Half,
    /// Channel `2j` pairs with `2j + 1` (GPT-J, the RoFormer paper).
    Interleaved,
}

impl Pairing {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Pairing::Half => "half",
            Pairing::Interleaved => "interleaved",
        }
    }
}

/// How much of the site is proven. Both are exact rewrites of the operator's formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Every pair is turned by cos and sin of one angle, or by table rows with `c² + s²` constant.
    Rotation,
    /// The same formula, with tables nothing is known about (graph inputs, learned tables) or with one angle a channel.
    Linear,
}

impl Proof {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Rotation => "rotation",
            Proof::Linear => "linear",
        }
    }
}

/// Where the angles of a site come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AngleSource {
    /// cos and sin are computed in the graph from an angle.
    Computed,
    /// cos and sin are rows or slices of constant tables.
    Table,
    /// cos and sin are inputs of the model or of unknown origin.
    Given,
}

impl AngleSource {
    /// The word used in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            AngleSource::Computed => "computed",
            AngleSource::Table => "table",
            AngleSource::Given => "given",
        }
    }
}

/// A value of the graph, seen from the rotated tensor: which axes to insert before it broadcasts against it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableInput {
    /// Name of the graph's value.
    pub value: String,
    /// Axes to unsqueeze (positions in the result), ascending; empty where the value broadcasts as it is.
    pub unsqueeze: Vec<usize>,
}

/// One rotary embedding of the graph: `y = rotate(x, cos, sin)`.
#[derive(Clone, Debug)]
pub struct Site {
    /// Identifier of the rule that proved it.
    pub rule: &'static str,
    /// The tensor that is rotated.
    pub x: String,
    /// The rotated tensor.
    pub y: String,
    /// The tensor that the channels of `x` come from, `x` itself or one before it: every path from them to `y` begins there.
    pub origin: String,
    /// Element type of `origin`: a cast may lie between it and `x`.
    pub origin_dtype: DataType,
    /// Position of the node that produces `y` in `graph.node`.
    pub node: usize,
    /// Name of that node, or of its output where it has none.
    pub node_name: String,
    /// Cosine table.
    pub cos: TableInput,
    /// Sine table.
    pub sin: TableInput,
    /// The graph's tensors that the tables are, or are made of.
    pub sources: Vec<String>,
    /// Pairing of the input channels.
    pub pairing: Pairing,
    /// Pairing of the output channels.
    pub output_pairing: Pairing,
    /// Number of rotated channels.
    pub rotary_dim: usize,
    /// First rotated channel.
    pub rotary_offset: usize,
    /// Size of the last axis of `x`.
    pub head_dim: usize,
    /// Rotation by the negated angle.
    pub inverse: bool,
    /// Whether the tables give both channels of a pair the same cosine and sine; else only full width says what is meant.
    pub even: bool,
    /// Element type of `x` and `y`.
    pub dtype: DataType,
    /// Element type of the tables.
    pub table_dtype: DataType,
    /// Size of the last axis of the tables: `rotary_dim` or half of it.
    pub table_width: usize,
    /// Symbolic shape of `x`, for people.
    pub shape: String,
    /// What is proven.
    pub proof: Proof,
    /// Whether it holds for finite `x` alone: the graph multiplies channels by 0, which makes NaN of those that are infinite.
    pub assumes_finite: bool,
    /// Where the angles come from.
    pub angles: AngleSource,
    /// Constant factor on cos and sin (attention scaling of YaRN and longrope); 1 where there is none.
    pub amplitude: f64,
    /// The table that cos and sin can be computed into from positions and frequencies.
    pub table: Option<TableUse>,
}

impl Site {
    /// What is proven, with what it assumes, as reports say it.
    pub fn proven(&self) -> &'static str {
        match (self.proof, self.assumes_finite) {
            (Proof::Rotation, true) => "rotation of finite x",
            (Proof::Linear, true) => "linear of finite x",
            (proof, false) => proof.as_str(),
        }
    }

    /// The attributes of the operator that computes the site.
    pub fn attributes(&self) -> RotaryAttributes {
        let interleaved = |pairing| pairing == Pairing::Interleaved;
        RotaryAttributes {
            interleaved: interleaved(self.pairing),
            output_interleaved: (self.output_pairing != self.pairing)
                .then(|| interleaved(self.output_pairing)),
            rotary_dim: if self.rotary_dim == self.head_dim {
                0
            } else {
                self.rotary_dim
            },
            rotary_offset: self.rotary_offset,
            inverse: self.inverse,
        }
    }
}

/// Everything recognition has to say of a model.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// Proven sites, in graph order.
    pub sites: Vec<Site>,
    /// Near misses, in graph order.
    pub refusals: Vec<Refusal>,
    /// Tables of angles that are positions times frequencies.
    pub tables: Vec<AngleTable>,
    /// Values that sites name and the graph does not hold.
    pub made: Made,
    /// The first node that the budget did not allow to look at.
    pub gave_up: Option<usize>,
    /// Symbolic shapes, by name, of the tensors a cut of the graph starts from or asks for the size of.
    pub shapes: FxHashMap<String, Vec<Dim>>,
}
