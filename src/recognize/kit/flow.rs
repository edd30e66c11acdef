//! What operators do to tensors, in a few words: enough to follow angles and products through nodes that the interpreter does not
//! follow.

use smallvec::{SmallVec, smallvec};

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::Interpreter;

/// What a node does to the tensors it reads.
pub(in crate::recognize) enum Effect {
    /// Rearranges the elements of these inputs, or changes their signs or type.
    Moves(SmallVec<[usize; 2]>),
    /// Multiplies (or divides) its two inputs element by element.
    Multiplies,
    /// Adds (or subtracts) its inputs element by element.
    Adds,
    /// Takes a cosine or a sine.
    Trigonometric,
    /// Sums over an axis or normalises: no element of the result belongs to a single element of an input.
    Mixes,
    /// Anything else.
    Other,
}

/// What a node does to the tensors it reads.
pub(in crate::recognize) fn effect(node: &NodeProto) -> Effect {
    if !node.is_standard() {
        return Effect::Other;
    }
    match node.op_type() {
        "Identity" | "Cast" | "CastLike" | "Reshape" | "Transpose" | "Unsqueeze" | "Squeeze"
        | "Expand" | "Slice" | "Split" | "Gather" | "GatherElements" | "GatherND" | "Neg"
        | "Flatten" | "Tile" | "Dropout" | "Pad" | "ReverseSequence" => Effect::Moves(smallvec![0]),
        "Concat" => Effect::Moves((0..node.input.len()).collect()),
        "Where" => Effect::Moves(smallvec![1, 2]),
        "ScatterND" | "ScatterElements" => Effect::Moves(smallvec![0, 2]),
        "Mul" | "Div" => Effect::Multiplies,
        "Add" | "Sub" | "Sum" => Effect::Adds,
        "Cos" | "Sin" => Effect::Trigonometric,
        "MatMul"
        | "Gemm"
        | "Conv"
        | "ConvTranspose"
        | "Einsum"
        | "Softmax"
        | "LogSoftmax"
        | "LayerNormalization"
        | "RMSNormalization"
        | "BatchNormalization"
        | "GroupNormalization"
        | "InstanceNormalization"
        | "LpNormalization"
        | "MatMulInteger"
        | "QLinearMatMul"
        | "CumSum"
        | "Attention"
        | "LSTM"
        | "GRU"
        | "RNN"
        | "If"
        | "Loop"
        | "Scan"
        | "Shape"
        | "Size"
        | "TopK"
        | "ArgMax"
        | "ArgMin"
        | "DFT"
        | "STFT" => Effect::Mixes,
        op if op.starts_with("Reduce") || op.contains("Pool") => Effect::Mixes,
        _ => Effect::Other,
    }
}

/// The values that a node reads, each with its position among the inputs.
pub(in crate::recognize) fn inputs<'a>(
    it: &'a Interpreter<'_>,
    node: &'a NodeProto,
) -> impl Iterator<Item = (usize, ValueId)> + use<'a> {
    let index = it.index();
    node.input.iter().enumerate().filter_map(move |(k, name)| {
        index
            .id(name)
            .filter(|_| !name.is_empty())
            .map(|id| (k, id))
    })
}

/// Whether a value holds float activations, which depend on more than positions and constants.
pub(in crate::recognize) fn is_activation(it: &Interpreter<'_>, value: ValueId) -> bool {
    if it.index().initializer(value).is_some() {
        return false;
    }
    match it.known(value) {
        Some(known) => {
            known.dtype.is_float()
                && known
                    .live_roots(&it.arena)
                    .iter()
                    .any(|&root| it.arena.root_of(root).is_activation())
        }
        None => it.index().producer(value).is_some(),
    }
}
