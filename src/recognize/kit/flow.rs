//! How operators pass tensors on, for following angles and products through a graph where abstract values give out.

use smallvec::{SmallVec, smallvec};

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::Interpreter;

/// What a node does to the tensors it reads.
pub(in crate::recognize) enum Kind {
    /// It rearranges the elements of these inputs, or changes their signs.
    Moves(SmallVec<[usize; 2]>),
    /// It multiplies (or divides) its two inputs element by element.
    Multiplies,
    /// It adds (or subtracts) its inputs element by element.
    Adds,
    /// It begins an angle: a cosine or a sine.
    Trigonometric,
    /// It sums over an axis or normalises: what comes out belongs to no single element of its inputs.
    Mixes,
    /// Anything else.
    Other,
}

/// What a node does.
pub(in crate::recognize) fn kind(node: &NodeProto) -> Kind {
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Kind::Other;
    }
    match node.op_type() {
        "Identity" | "Cast" | "CastLike" | "Reshape" | "Transpose" | "Unsqueeze" | "Squeeze"
        | "Expand" | "Slice" | "Split" | "Gather" | "GatherElements" | "GatherND" | "Neg"
        | "Flatten" | "Tile" | "Dropout" | "Pad" | "ReverseSequence" => Kind::Moves(smallvec![0]),
        "Concat" => Kind::Moves((0..node.input.len()).collect()),
        "Where" => Kind::Moves(smallvec![1, 2]),
        "ScatterND" | "ScatterElements" => Kind::Moves(smallvec![0, 2]),
        "Mul" | "Div" => Kind::Multiplies,
        "Add" | "Sub" | "Sum" => Kind::Adds,
        "Cos" | "Sin" => Kind::Trigonometric,
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
        | "STFT" => Kind::Mixes,
        op if op.starts_with("Reduce") || op.contains("Pool") => Kind::Mixes,
        _ => Kind::Other,
    }
}

/// The values at these inputs of a node.
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

/// Whether a value holds float activations: something that depends on more than positions and constants.
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
