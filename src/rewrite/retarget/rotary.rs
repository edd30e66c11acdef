//! `RotaryEmbedding` of `ai.onnx` and `com.microsoft`.

use crate::facts::{Dim, Facts};
use crate::onnx::proto::NodeProto;
use crate::rewrite::draft::{Draft, Op};
use crate::rewrite::rotary::foreign::sizes::Measured;
use crate::rewrite::rotary::foreign::view::Entry;
use crate::rewrite::rotary::foreign::{CONTRIB, OPERATOR};

use phasor_ops::contract::Call;
use phasor_ops::contract::rotary::{NAME, RotaryAttributes};

use super::{last, shape};
use crate::recognize::ROTARY_RULE;
use crate::rewrite::subject::NewCall;

/// Where the cosines and sines of the rows are: in the rows of caches, or in tables of their own.
pub(super) enum Rows {
    /// These rows of caches.
    Gathered(String),
    /// Tables with one row for each of the tensor's.
    Own,
}

/// A rotation of a tensor whose last axis, or last axes, are heads and channels.
pub(super) struct Turn<'a> {
    /// The tensor.
    pub x: Measured<'a>,
    /// How many heads its last axis has, and the channels of one; `None` where heads are an axis before the sequence.
    pub packed: Option<[i64; 2]>,
    pub cos: &'a str,
    pub sin: &'a str,
    pub rows: Rows,
    /// Axes of the tables in front of that of the pairs: batch and sequence, or the sequence.
    pub lead: usize,
    pub attributes: RotaryAttributes,
}

impl Turn<'_> {
    /// The rotated tensor as an operator of ours, or as a reshape of one, whose value is then named.
    pub(super) fn op(&self, draft: &mut Draft<'_>, at: usize) -> (Op<'static>, Option<String>) {
        let [cos, sin] = [self.cos, self.sin].map(|table| self.table(draft, at, table));
        let turn = |x: String| -> Op<'static> {
            let new = NewCall {
                operator: NAME,
                call: Call {
                    attributes: self.attributes.values().to_vec(),
                    inputs: Vec::new(),
                },
            };
            Op::calling(ROTARY_RULE, new, [x, cos, sin])
        };
        let Some([heads, channels]) = self.packed else {
            return (turn(self.x.value.to_owned()), None);
        };
        let exact = draft.has_exact_reshapes();
        let split = [
            Entry::Sizes(0..1),
            Entry::Sizes(1..2),
            Entry::Constant(heads),
            Entry::Constant(channels),
        ];
        let split = self.x.list(draft, at, &split);
        let x = draft.shared(
            at,
            &format!("{}_heads", self.x.value),
            Op::reshape(self.x.value.to_owned(), split, exact),
        );
        let turned = draft.own(at, &format!("{}_rotated", self.x.value), turn(x));
        let whole = [
            Entry::Sizes(0..1),
            Entry::Sizes(1..2),
            Entry::Constant(heads * channels),
        ];
        let whole = self.x.list(draft, at, &whole);
        (Op::reshape(turned.clone(), whole, exact), Some(turned))
    }

    /// A table that broadcasts against the tensor.
    fn table(&self, draft: &mut Draft<'_>, at: usize, table: &str) -> String {
        let mut value = table.to_owned();
        if let Rows::Gathered(rows) = &self.rows {
            let gather = Op::new("Gather", [value, rows.clone()]).with("axis", 0);
            value = draft.shared(at, &format!("{table}_rows"), gather);
        }
        // Heads stand behind the sequence, or between it and the batch.
        let axis = match (&self.packed, self.lead) {
            (Some(_), lead) => lead as i64,
            (None, 2) => 1,
            (None, _) => return value,
        };
        let axes = draft.list(&[axis]);
        let op = Op::new("Unsqueeze", [value, axes]);
        draft.shared(at, &format!("{table}_heads"), op)
    }
}

/// Whether a node is such an operator.
pub(super) fn holds(node: &NodeProto) -> bool {
    node.is_onnx(OPERATOR) || (node.domain(), node.op_type()) == (CONTRIB, OPERATOR)
}

/// Puts the rotation of a node in its place, and returns the values that hold what it rotates.
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
    let slots = match node.is_standard() {
        true => [1, 2, 3],
        false => [2, 3, 1],
    };
    let [cos, sin, positions] = slots;
    let flag = |name: &str| node.int(name).unwrap_or(0);
    if flag("is_packed_batching") != 0 {
        return Err("sequences of several lengths are packed into one");
    }
    let x = Measured {
        value: node.input.first().ok_or("it has no input")?,
        shape: shape(facts, node, 0).ok_or("the rank of `X` is not known")?,
    };
    let rank = |slot: usize| shape(facts, node, slot).map(<[Dim]>::len);
    let cached = rank(cos).ok_or("the rank of the cosines is not known")?;
    let width = last(facts, node, cos).ok_or("the number of frequencies is not known")?;
    let dim = flag("rotary_embedding_dim");
    let packed = match x.shape.len() {
        4 => None,
        3 => Some(heads(flag("num_heads"), dim, x.shape[2].known(), width)?),
        _ => return Err("`X` has neither three nor four axes"),
    };
    let given = node.input.get(positions).filter(|name| !name.is_empty());
    let (rows, lead) = match given {
        None if cached == 3 => (Rows::Own, 2),
        None => return Err("the caches have no positions"),
        Some(_) if cached != 2 => return Err("the caches do not have two axes"),
        Some(positions_of) => match rank(positions) {
            Some(2) => (Rows::Gathered(positions_of.clone()), 2),
            Some(1) => (Rows::Gathered(counted(draft, at, &x, positions_of)), 1),
            _ => return Err("the rank of the positions is not known"),
        },
    };
    let turn = Turn {
        x,
        packed,
        cos: &node.input[cos],
        sin: &node.input[sin],
        rows,
        lead,
        attributes: attributes(flag("interleaved") != 0, width),
    };
    let (op, turned) = turn.op(draft, at);
    draft.replace(at, op);
    let values = node.output.iter().take(1).cloned().chain(turned);
    Ok(vec![values.collect()])
}

/// The attributes of our operator for tables of `width` frequencies.
pub(super) fn attributes(interleaved: bool, width: i64) -> RotaryAttributes {
    RotaryAttributes {
        interleaved,
        rotary_dim: usize::try_from(2 * width).unwrap_or(0),
        ..RotaryAttributes::default()
    }
}

/// The heads that lie in an axis of size `hidden`, and the channels of one: all of them are rotated unless `dim` says otherwise.
fn heads(heads: i64, dim: i64, hidden: Option<i64>, width: i64) -> Result<[i64; 2], &'static str> {
    let unknown = "the number of heads is not known";
    let whole = |hidden: i64, part: i64| match part > 0 && hidden % part == 0 {
        true => Ok(hidden / part),
        false => Err(unknown),
    };
    match hidden {
        Some(hidden) if heads > 0 => Ok([heads, whole(hidden, heads)?]),
        Some(hidden) if dim == 0 => Ok([whole(hidden, 2 * width)?, 2 * width]),
        None if heads > 0 && dim == 0 => Ok([heads, 2 * width]),
        _ => Err(unknown),
    }
}

/// The positions of a sequence from the one that `first` holds on.
fn counted(draft: &mut Draft<'_>, at: usize, x: &Measured<'_>, first: &str) -> String {
    let sequence = x.shape.len() - 2;
    let sequence = if x.shape.len() == 3 { 1 } else { sequence };
    let steps = steps(draft, at, x.value, sequence);
    let add = Op::new("Add", [first.to_owned(), steps]);
    draft.shared(at, &format!("{first}_on"), add)
}

/// `0, 1, 2, ...` along an axis of a tensor.
pub(super) fn steps(draft: &mut Draft<'_>, at: usize, tensor: &str, axis: usize) -> String {
    let count = crate::rewrite::relative::size(draft, at, tensor, axis as i64);
    let (zero, one) = (draft.integers(&[], &[0]), draft.integers(&[], &[1]));
    draft.shared(at, "phasor_positions", Op::new("Range", [zero, count, one]))
}
