//! `com.microsoft::GroupQueryAttention` that rotates queries and keys itself.
//!
//! Its positions count on from the keys that are cached: sequence `b` has `seqlens_k[b] + 1` keys at the end, of which the new ones are the
//! last. Where all keys are new, they count from 0.

use crate::facts::{Dim, Facts};
use crate::onnx::DataType;
use crate::onnx::proto::NodeProto;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::relative::size;
use crate::rewrite::rotary::foreign::CONTRIB;
use crate::rewrite::rotary::foreign::sizes::Measured;

use super::rotary::{Rows, Turn, attributes, steps};
use super::{last, shape};

const QUERY: usize = 0;
const KEY: usize = 1;
const SEQUENCE_LENGTHS: usize = 5;
const TOTAL_LENGTH: usize = 6;
const COS: usize = 7;
const SIN: usize = 8;
const POSITIONS: usize = 9;

/// Whether a node is such an operator.
pub(super) fn holds(node: &NodeProto) -> bool {
    (node.domain(), node.op_type()) == (CONTRIB, "GroupQueryAttention")
        && node.int("do_rotary").unwrap_or(0) != 0
}

/// Rotates queries and keys in front of a node, which no longer does, and returns the values that hold them.
///
/// # Errors
/// What is not known of the node.
pub(super) fn spell(
    draft: &mut Draft<'_>,
    facts: &Facts,
    at: usize,
) -> Result<Vec<Vec<String>>, &'static str> {
    let file = draft.file;
    let node = &file.graph().node[at];
    let given = |slot: usize| node.input.get(slot).filter(|name| !name.is_empty());
    let heads = [node.int("num_heads"), node.int("kv_num_heads")];
    let [Some(heads @ 1..), Some(key_heads @ 1..)] = heads else {
        return Err("the numbers of heads are not known");
    };
    let (Some(cos), Some(sin)) = (given(COS), given(SIN)) else {
        return Err("it has no caches");
    };
    let width = last(facts, node, COS).ok_or("the number of frequencies is not known")?;
    let hidden = last(facts, node, QUERY).ok_or("the size of queries is not known")?;
    let packed = given(KEY).is_none();
    let all = match packed {
        true => heads + 2 * key_heads,
        false => heads,
    };
    if hidden % all != 0 {
        return Err("the size of queries is no multiple of the heads");
    }
    let channels = hidden / all;
    let lead = shape(facts, node, QUERY)
        .and_then(|shape| shape.get(..2))
        .ok_or("queries do not have three axes")?;
    // ONNX Runtime's kernel for CPUs reads only the first of them where all keys are new.
    if given(POSITIONS).is_some() {
        return Err("it has positions of its own, which hosts read in different ways");
    }
    let positions = counted(draft, facts, node, at)?;
    let mut inputs = node.input.clone();
    if packed {
        let sizes = draft.list(&[heads, key_heads, key_heads].map(|n| n * channels));
        let split = Op::new("Split", [inputs[QUERY].clone(), sizes]).with("axis", -1);
        let parts = draft.own_split(at, &format!("{}_part", inputs[QUERY]), split, 3);
        inputs.splice(0..3, parts);
    }
    let mut turned = Vec::new();
    for (slot, count) in [(QUERY, heads), (KEY, key_heads)] {
        let mut sizes = lead.to_vec();
        sizes.push(Dim::Known(count * channels));
        let turn = Turn {
            x: Measured {
                value: &inputs[slot].clone(),
                shape: &sizes,
            },
            packed: Some([count, channels]),
            cos,
            sin,
            rows: Rows::Gathered(positions.clone()),
            lead: 2,
            attributes: attributes(node.int("rotary_interleaved").unwrap_or(0) != 0, width),
        };
        let stem = format!("{}_turned", inputs[slot]);
        let (op, heads) = turn.op(draft, at);
        inputs[slot] = draft.own(at, &stem, op);
        turned.push(heads.into_iter().chain([inputs[slot].clone()]).collect());
    }
    for slot in [COS, SIN] {
        if let Some(input) = inputs.get_mut(slot) {
            input.clear();
        }
    }
    while inputs.last().is_some_and(String::is_empty) {
        inputs.pop();
    }
    let mut plain = node.clone();
    plain.input = inputs;
    plain
        .attribute
        .retain(|a| !["do_rotary", "rotary_interleaved"].contains(&a.name()));
    draft.push(at, plain);
    draft.remove(at);
    Ok(turned)
}

/// The position of every query, `[batch, sequence]`.
fn counted(
    draft: &mut Draft<'_>,
    facts: &Facts,
    node: &NodeProto,
    at: usize,
) -> Result<String, &'static str> {
    let given = |slot: usize| node.input.get(slot).filter(|name| !name.is_empty());
    let (Some(lengths), Some(total)) = (given(SEQUENCE_LENGTHS), given(TOTAL_LENGTH)) else {
        return Err("it has no sequence lengths");
    };
    let unknown = "the rank of the sequence lengths is not known";
    let rank = shape(facts, node, SEQUENCE_LENGTHS).ok_or(unknown)?.len();
    let query = &node.input[QUERY];
    let whole = |value: &str| {
        Op::new("Cast", [value.to_owned()]).with("to", DataType::I64.to_onnx().into())
    };
    let stem = "phasor_first_position";
    let new = size(draft, at, query, 1);
    let total = draft.shared(at, stem, whole(total));
    let every = draft.shared(at, stem, Op::new("Equal", [new.clone(), total]));
    let mut before = draft.shared(at, stem, whole(lengths));
    let one = draft.integers(&[], &[1]);
    before = draft.shared(at, stem, Op::new("Add", [before, one]));
    before = draft.shared(at, stem, Op::new("Sub", [before, new]));
    let zero = draft.integers(&[], &[0]);
    let mut first = draft.shared(at, stem, Op::new("Where", [every, zero, before]));
    if rank < 2 {
        let axes = draft.list(&[1]);
        first = draft.shared(at, stem, Op::new("Unsqueeze", [first, axes]));
    }
    let steps = steps(draft, at, query, 1);
    Ok(draft.shared(at, "phasor_positions", Op::new("Add", [first, steps])))
}
