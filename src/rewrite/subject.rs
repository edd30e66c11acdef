//! What rewriting starts from, and what a family hands back beside its nodes.

use rustc_hash::FxHashMap;

use crate::facts::{Dim, Facts};
use crate::onnx::ModelFile;
use crate::recognize::{AngleTable, Selection};

use phasor_ops::contract::Call;

/// The operator set to rewrite to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `ai.phasor::RotaryEmbedding`, with its function body in the model.
    #[default]
    Phasor,
    /// As [`Target::Phasor`], but two sites of a layer that share their tables become one `ai.phasor::RotaryEmbeddingPair` if
    /// nothing forbids it.
    PhasorPairs,
    /// `RotaryEmbedding` and `MultiHeadAttention` of `com.microsoft`, which ONNX Runtime has built in.
    Contrib,
    /// `RotaryEmbedding` and `Attention` of `ai.onnx`, in models of opset `ONNX_OPSET` or newer.
    Onnx,
}

/// A difference from the graph that operators of other sets may make, if their user accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Queries that see no key may get another result.
    HiddenRows,
}

/// How sites are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writing<'a> {
    /// The operator set.
    pub target: Target,
    /// The rules whose sites are written as standard nodes, whatever the target.
    pub plain: &'a [&'static str],
    /// What may be another result than that of the graph.
    pub accept: &'a [Accepted],
}

impl From<Target> for Writing<'_> {
    fn from(target: Target) -> Self {
        Writing {
            target,
            ..Writing::default()
        }
    }
}

/// The model to rewrite, and what is known of it.
pub struct Subject<'a> {
    /// The model.
    pub file: &'a ModelFile,
    /// Facts of its values.
    pub facts: &'a Facts,
    /// Symbolic shapes of the sites' tensors.
    pub shapes: &'a FxHashMap<String, Vec<Dim>>,
    /// The rules that may be applied.
    pub rules: &'a Selection,
    /// Tables that sites can read instead of the graph's own.
    pub tables: &'a [AngleTable],
    /// How its sites are written.
    pub writing: Writing<'a>,
}

/// A new node of one of our operators.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// The operator.
    pub operator: &'static str,
    /// What the function body must serve: the node's attributes and what is known of its inputs.
    pub call: Call,
}
