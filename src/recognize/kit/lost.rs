//! Where the interpreter lost track: from a value that tells nothing upstream to the first node that was not followed.

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::recognize::Lost;
use crate::symbolic::{Interpreter, Stop, Stopped};

use super::miss::node_name;

/// The node that `value` became unknown at; `None` where its producer was followed.
pub(in crate::recognize) fn at(it: &Interpreter<'_>, value: ValueId) -> Option<Lost> {
    let (node, _) = it.index().producer(value)?;
    let mut stopped = *of(it, node)?;
    // Every step goes to an earlier node of an acyclic graph.
    while stopped.reason == Stop::UnknownRank {
        let Some(earlier) = unknown_input(it, stopped.node) else {
            break;
        };
        stopped = earlier;
    }
    Some(describe(it, &stopped))
}

/// What stopped a node, if it was not followed.
pub(in crate::recognize) fn of<'a>(it: &'a Interpreter<'_>, node: usize) -> Option<&'a Stopped> {
    // Nodes stop in the order in which they are visited.
    let rank = |stopped: &Stopped| it.index().rank(stopped.node);
    let first = it
        .stopped
        .partition_point(|stopped| rank(stopped) < it.index().rank(node));
    it.stopped.get(first).filter(|stopped| stopped.node == node)
}

/// Whether a node stopped for what comes together in it, a sum that no rotation has, and not because it is unknown.
pub(in crate::recognize) fn is_symptom(stopped: &Stopped) -> bool {
    stopped.reason == Stop::UnrelatedSum
}

fn unknown_input(it: &Interpreter<'_>, node: usize) -> Option<Stopped> {
    let index = it.index();
    let inputs = it.file.graph().node[node].input.iter();
    inputs
        .filter_map(|name| index.id(name))
        .filter(|&id| it.known(id).is_none())
        .filter_map(|id| index.producer(id))
        .find_map(|(node, _)| of(it, node).copied())
}

fn describe(it: &Interpreter<'_>, stopped: &Stopped) -> Lost {
    let node = &it.file.graph().node[stopped.node];
    Lost {
        node: node_name(it, stopped.node),
        operator: node.qualified(),
        value: node.output.first().cloned().unwrap_or_default(),
        reason: match reads_unread(it, node) {
            true => Stop::UnreadConstant,
            false => stopped.reason,
        },
    }
}

/// Whether the node reads a constant whose data file is missing or damaged.
fn reads_unread(it: &Interpreter<'_>, node: &NodeProto) -> bool {
    let mut constants = node
        .input
        .iter()
        .filter_map(|name| it.file.constant(it.index().id(name)?));
    constants.any(|at| it.file.tensor(&it.file.graph().initializer[at]).is_err())
}

/// Operators that tools for quantisation bring into a graph.
const QUANTISERS: [&str; 3] = [
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
];

/// What to do about a node that is not followed.
pub(in crate::recognize) fn hint(lost: &Lost) -> &'static str {
    match lost.reason {
        Stop::UnknownRank => {
            "give the model shapes: `onnx.shape_inference.infer_shapes`, or an export with static ranks"
        }
        Stop::UnreadConstant => "put the model's data files beside it",
        _ if lost.operator.contains("::") => {
            "fuse before other tools bring operators of their own into the graph, or declare the shapes of what they compute (`value_info`)"
        }
        Stop::UnknownOperator if QUANTISERS.contains(&&lost.operator[..]) => {
            "fuse the model before it is quantised"
        }
        Stop::UnknownOperator => {
            "export or simplify the model so that this operator stands neither between the angles and the rotation nor inside it"
        }
        Stop::DropoutInTraining => {
            "export the model for inference (`model.eval()` in PyTorch), or make `training_mode` a constant false"
        }
        Stop::SqueezeOfAnyAxis => "give Squeeze its axes",
        Stop::ReshapeMixesChannels => {
            "exchange axes by Transpose, and let a Reshape split or join neighbours only"
        }
        Stop::EinsumEllipses => {
            "the model is invalid: ONNX asks for ellipses of one rank. Write out the axes, or reshape the operand"
        }
        Stop::EinsumEllipsis => "ONNX allows one ellipsis in a term of an equation",
        Stop::SumOverOpaqueAxis
        | Stop::ConcatAlongOpaqueAxis
        | Stop::RepeatOfOpaqueAxis
        | Stop::IndexIntoOpaqueAxes
        | Stop::ScatterIntoOpaqueAxes
        | Stop::UpdatesVary => {
            "give the axis a fixed size, at least where it has the channels: `python -m onnxruntime.tools.make_dynamic_shape_fixed` does"
        }
        Stop::ScatterNotConstant => {
            "make the indices constants: the channels that are written must be known"
        }
        Stop::BoundOfUnknownSign => {
            "make the bound a constant: the channels that are cut must be known"
        }
        _ => "please report the model: this spelling is not followed",
    }
}
