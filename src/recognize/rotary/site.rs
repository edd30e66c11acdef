//! A rotary site.

use phasor_ops::contract::rotary::RotaryAttributes;

use crate::onnx::DataType;
use crate::recognize::site::Family;
use crate::recognize::{TableInput, TableUse};

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

/// Where the angles of a site come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// What a rotary embedding adds to its site: `y = rotate(x, cos, sin)`.
#[derive(Clone, Debug)]
pub struct Rotary {
    /// The tensor that is rotated; of the type and the shape of `y`.
    pub x: String,
    /// The tensor that the channels of `x` come from, `x` itself or an earlier one: every path from the channels to `y` begins
    /// there.
    pub origin: String,
    /// Element type of `origin`: a cast may lie between it and `x`.
    pub origin_dtype: DataType,
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
    /// Whether the node rotates by the negated angle.
    pub inverse: bool,
    /// Whether both channels of each pair have the same cosine and sine. If not, only tables of full width can hold them.
    pub even: bool,
    /// Element type of the tables.
    pub table_dtype: DataType,
    /// Size of the last axis of the tables: `rotary_dim` or half of it.
    pub table_width: usize,
    /// Where the angles come from.
    pub angles: AngleSource,
    /// Constant factor on cos and sin (attention scaling of YaRN and longrope); 1 where there is none.
    pub amplitude: f64,
    /// The table that cos and sin can be computed into from positions and frequencies.
    pub table: Option<TableUse>,
}

impl Rotary {
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

impl Family for Rotary {
    fn operands(&self) -> Vec<&str> {
        vec![&self.x, &self.cos.value, &self.sin.value]
    }

    fn tensors(&self) -> Vec<&str> {
        let used = self.table.iter().flat_map(TableUse::sources);
        let named = [&self.x[..], &self.origin, &self.cos.value, &self.sin.value].into_iter();
        let sources = self.sources.iter().map(String::as_str);
        named.chain(sources).chain(used).collect()
    }

    fn table(&self) -> Option<&TableUse> {
        self.table.as_ref()
    }

    fn forget_table(&mut self) {
        self.table = None;
    }
}
