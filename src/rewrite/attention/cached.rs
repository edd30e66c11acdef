//! Finds the nodes that put keys and values behind those of a cache, for an attention that can do it itself.
//!
//! A Concat is taken into the attention if nobody needs its result before the attention stands: what reads it comes later, is gone once
//! the attention is there, or asks for its shape alone.

use crate::onnx::proto::NodeProto;
use crate::rewrite::draft::Draft;

use super::shapes::{KEYS, Measured, Sizes};

/// The number of axes of keys and values.
const RANK: i64 = 4;

/// Keys and values that are put behind those of a cache.
pub(super) struct Cached {
    /// The nodes that do it.
    pub concats: [usize; 2],
    /// What they put there.
    pub new: [String; 2],
    /// Behind what.
    pub past: [String; 2],
}

/// A Concat of two tensors.
struct Joined<'a> {
    at: usize,
    past: String,
    new: String,
    measured: Measured<'a>,
}

/// The cache of an attention that reads `operands`, keys and values of four axes. Nodes that ask for the shape of what is not there
/// yet are replaced.
pub(super) fn take(
    draft: &mut Draft<'_>,
    sizes: &Sizes<'_>,
    operands: [&String; 2],
) -> Option<Cached> {
    let [keys, values] = operands.map(|operand| joined(draft, sizes, operand));
    let (keys, values) = (keys?, values?);
    if keys.at == values.at {
        return None;
    }
    for part in [&keys, &values] {
        part.measured.respell(draft, &[&part.past, &part.new]);
    }
    Some(Cached {
        concats: [keys.at, values.at],
        new: [keys.new, values.new],
        past: [keys.past, values.past],
    })
}

/// The Concat that makes `operand`.
fn joined<'a>(draft: &Draft<'_>, sizes: &Sizes<'a>, operand: &'a str) -> Option<Joined<'a>> {
    let (file, index) = (draft.file, draft.file.index());
    let value = index.id(operand)?;
    let (at, _) = index.producer(value)?;
    let is_free = sizes.is_before(draft, at) && !draft.is_removed(at);
    let [past, new] = parts(&file.graph().node[at]).filter(|_| is_free)?;
    let mut captured = index.capturers(value).iter();
    if !captured.all(|&node| sizes.is_behind(draft, node)) {
        return None;
    }
    let measured = sizes.measured(draft, operand)?;
    measured.is_let_go().then_some(Joined {
        at,
        past,
        new,
        measured,
    })
}

/// The two tensors that a node puts behind each other along the keys.
fn parts(node: &NodeProto) -> Option<[String; 2]> {
    if !node.is_onnx("Concat") {
        return None;
    }
    let axis = node.attribute("axis")?.i?;
    let inputs: &[String; 2] = node.input[..].try_into().ok()?;
    let is_along_keys = axis == KEYS || axis == KEYS - RANK;
    is_along_keys.then(|| inputs.clone())
}
