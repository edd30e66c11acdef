//! The result of recognition: proven sites and near misses.

use rustc_hash::FxHashMap;

use crate::facts::Dim;
use crate::onnx::DataType;

use super::{
    Alibi, AngleTable, Attention, Made, Refusal, RelativeBias, RelativeGather, Rotary, Sinusoidal,
    Source, Stage, TableUse,
};

/// One position encoding of the graph: what all families have in common, and the part of its own family.
#[derive(Clone, Debug)]
pub struct Site {
    /// Identifier of the rule that proved it.
    pub rule: &'static str,
    /// Position in `graph.node` of the node that produces `y`, or of the one that reads it if it is a constant.
    pub node: usize,
    /// Name of that node, or of its output if it has none.
    pub node_name: String,
    /// The encoded tensor.
    pub y: String,
    /// Element type of `y`.
    pub dtype: DataType,
    /// Symbolic shape of `y`, for people.
    pub shape: String,
    /// What is proven.
    pub proof: Proof,
    /// Whether it holds for finite inputs only: the graph multiplies some by 0, which makes NaN of infinite ones.
    pub assumes_finite: bool,
    /// The part of its family.
    pub kind: Kind,
}

/// The families. The list is closed on purpose: the compiler then names what a new family lacks in confirmation, rewriting and
/// reports.
#[derive(Clone, Debug)]
#[cfg_attr(test, allow(clippy::large_enum_variant))]
pub enum Kind {
    /// `y = rotate(x, cos, sin)`.
    Rotary(Rotary),
    /// `y[n, i, j] = table[lut[key[j] - query[i]], n]`.
    RelativeBias(RelativeBias),
    /// `y[..., i, j] = scores[..., i, lut[key[j] - query[i]]]`.
    RelativeGather(RelativeGather),
    /// `y[n, i, j] = slopes[n] * (key[j] - query[i])`.
    Alibi(Alibi),
    /// `y = embedding(positions, frequencies)`.
    Sinusoidal(Sinusoidal),
    /// `y = softmax(mask(scale * q kᵀ + bias)) v`.
    Attention(Attention),
    /// `y = x + x`, which shows what a family needs.
    #[cfg(test)]
    Toy(super::toy::Toy),
}

/// What is proven of a site. In every class the graph computes the operator's formula exactly, over the reals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Every pair is turned by cos and sin of one angle, or by table rows with `c² + s²` constant.
    Rotation,
    /// The same formula with tables of unknown origin (graph inputs, learned tables), or with one angle a channel.
    Linear,
    /// Every element is copied from where the formula says, is the slope times the distance that it says, or is computed in the
    /// steps that the operator takes.
    Exact,
    /// Every element is a sum of the products that the formula says, which another kernel may add in another order.
    Reassociated,
    /// The graph computes the formula with other roundings on the way.
    Formula,
}

impl Proof {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Rotation => "rotation",
            Proof::Linear => "linear",
            Proof::Exact => "exact",
            Proof::Reassociated => "reassociated",
            Proof::Formula => "formula",
        }
    }
}

/// A value of the graph that is broadcast against a tensor, once unit axes are inserted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableInput {
    /// Name of the graph's value.
    pub value: String,
    /// Axes to unsqueeze (positions in the result), ascending; empty if the value broadcasts as it is.
    pub unsqueeze: Vec<usize>,
}

impl Site {
    /// The rotary part; `None` for another family.
    pub fn rotary(&self) -> Option<&Rotary> {
        match &self.kind {
            Kind::Rotary(rotary) => Some(rotary),
            Kind::RelativeBias(_)
            | Kind::RelativeGather(_)
            | Kind::Alibi(_)
            | Kind::Sinusoidal(_)
            | Kind::Attention(_) => None,
            #[cfg(test)]
            Kind::Toy(_) => None,
        }
    }

    /// What is proven and assumed, in the words of reports.
    pub fn proven(&self) -> String {
        match self.assumes_finite {
            true => format!("{} of finite x", self.proof.as_str()),
            false => self.proof.as_str().to_owned(),
        }
    }

    /// Its refusal at a later stage: it is proven, and something else stands against fusing it.
    pub fn refused(&self, stage: Stage, reason: impl Into<String>, hint: &str) -> Refusal {
        Refusal {
            rule: self.rule,
            stage,
            node: self.node_name.clone(),
            value: self.y.clone(),
            reason: reason.into(),
            hint: Some(hint.to_owned()),
            lost: None,
        }
    }

    /// Whether `y` is a constant, which the node of the site reads.
    pub fn reads_constant(&self) -> bool {
        let Kind::Sinusoidal(sinusoidal) = &self.kind else {
            return false;
        };
        let table = sinusoidal.table.as_ref();
        table.is_some_and(|table| table.value == self.y)
    }

    /// Why it is left unless its rule is requested: the graph holds what the operator computes.
    pub fn on_request(&self) -> Option<Refusal> {
        let Kind::Sinusoidal(sinusoidal) = &self.kind else {
            return None;
        };
        let table = sinusoidal.table.as_ref()?;
        let (rows, width) = (table.rows, sinusoidal.width);
        let bytes = self.dtype.byte_len(rows * width)?;
        let reason = format!(
            "the {rows} rows of the constant `{}` are sinusoids, which are computed only on request",
            table.value
        );
        let mut hint = format!("`--tables-to-compute` saves the {bytes} bytes of the table");
        if !matches!(sinusoidal.positions.source, Source::Known(_)) {
            hint += ", and goes on beyond its last row";
        }
        Some(self.refused(Stage::Tables, reason, &hint))
    }

    /// Whether the operator computes angles exactly, instead of rounding them as the graph does; for operators that compute any.
    pub fn set_precise(&mut self, precise: bool) {
        if let Kind::Sinusoidal(sinusoidal) = &mut self.kind {
            sinusoidal.attributes.precise = precise;
        }
    }

    /// The tensors that the operator reads, in the order of its inputs.
    pub fn operands(&self) -> Vec<&str> {
        self.kind.family().operands()
    }

    /// Every tensor of the graph that the site names, except `y`.
    pub fn tensors(&self) -> Vec<&str> {
        self.kind.family().tensors()
    }

    /// The table of angles that the site can read instead of the graph's own tables.
    pub fn table(&self) -> Option<&TableUse> {
        self.kind.family().table()
    }

    /// Makes the site read the graph's own tables.
    pub fn forget_table(&mut self) {
        self.kind.family_mut().forget_table();
    }
}

/// What scopes and reports ask of a site without knowing its family.
pub(super) trait Family {
    /// The tensors that the operator reads, in the order of its inputs.
    fn operands(&self) -> Vec<&str>;

    /// Every tensor of the graph that the site names, except `y`.
    fn tensors(&self) -> Vec<&str> {
        self.operands()
    }

    /// The table of angles that the site can read instead of the graph's own tables.
    fn table(&self) -> Option<&TableUse> {
        None
    }

    /// Makes the site read the graph's own tables.
    fn forget_table(&mut self) {}
}

impl Kind {
    fn family(&self) -> &dyn Family {
        match self {
            Kind::Rotary(rotary) => rotary,
            Kind::RelativeBias(bias) => bias,
            Kind::RelativeGather(gather) => gather,
            Kind::Alibi(alibi) => alibi,
            Kind::Sinusoidal(sinusoidal) => sinusoidal,
            Kind::Attention(attention) => attention,
            #[cfg(test)]
            Kind::Toy(toy) => toy,
        }
    }

    fn family_mut(&mut self) -> &mut dyn Family {
        match self {
            Kind::Rotary(rotary) => rotary,
            Kind::RelativeBias(bias) => bias,
            Kind::RelativeGather(gather) => gather,
            Kind::Alibi(alibi) => alibi,
            Kind::Sinusoidal(sinusoidal) => sinusoidal,
            Kind::Attention(attention) => attention,
            #[cfg(test)]
            Kind::Toy(toy) => toy,
        }
    }
}

/// Everything that recognition found in a model.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// Proven sites, in graph order.
    pub sites: Vec<Site>,
    /// Near misses, in the order in which they were found.
    pub refusals: Vec<Refusal>,
    /// Tables of angles that are positions times frequencies.
    pub tables: Vec<AngleTable>,
    /// Values that sites name and the graph does not hold.
    pub made: Made,
    /// The first node that was not looked at because the budget had run out.
    pub gave_up: Option<usize>,
    /// Symbolic shapes, by name, of the tensors that a cut of the graph starts from or reads the size of.
    pub shapes: FxHashMap<String, Vec<Dim>>,
}
