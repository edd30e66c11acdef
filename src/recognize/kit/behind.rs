//! The values that a rotated tensor is computed from, beside the tensor that is rotated.
//!
//! What a site reads must be among them: a tensor that is equal to one of them by proof alone is never run where the site is
//! confirmed, and whatever the proof does not know would be lost.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::onnx::names;
use crate::onnx::proto::NodeProto;
use crate::symbolic::Interpreter;
use crate::symbolic::value::Loss;

use super::flow::{self, Kind};
use super::order::Order;

/// Most values looked at behind a site; a rotation with its angles has about 60 nodes.
const MAX_VALUES: usize = 4000;

/// The values behind a rotated tensor.
pub(in crate::recognize) struct Behind {
    /// In the order they exist.
    values: Vec<ValueId>,
    /// The values and the stops.
    set: FxHashSet<ValueId>,
    /// Values whose numbers reach the tensor through sums in which terms cancel.
    cancelled: FxHashSet<ValueId>,
    /// Those, and values whose numbers are rounded to a narrower type than the tensor's.
    lost: FxHashSet<ValueId>,
}

impl Behind {
    /// All values that `y` is computed from, and not through `stops`; `None` where they are too many. Sizes are no numbers of a
    /// tensor.
    pub(in crate::recognize) fn of(
        it: &Interpreter<'_>,
        order: &Order,
        y: ValueId,
        stops: &[ValueId],
    ) -> Option<Behind> {
        let mut set = FxHashSet::default();
        let mut queue = vec![y];
        let mut values = Vec::new();
        while let Some(value) = queue.pop() {
            for input in read(it, value) {
                if set.insert(input) && !stops.contains(&input) {
                    values.push(input);
                    queue.push(input);
                }
            }
            if values.len() > MAX_VALUES {
                return None;
            }
        }
        values.retain(|&value| order.is_before(value, y));
        order.sort(&mut values);
        let before = |loses: &dyn Fn(ValueId) -> bool| {
            let mut lost = FxHashSet::default();
            for &value in [y].iter().chain(values.iter().rev()) {
                if lost.contains(&value) || loses(value) {
                    lost.extend(read(it, value));
                }
            }
            lost
        };
        let cancels = |value| it.loss(value) == Some(Loss::Cancelled);
        let cancelled = before(&cancels);
        let lost = before(&|value| cancels(value) || is_narrower(it, value, y));
        Some(Behind {
            values,
            set,
            cancelled,
            lost,
        })
    }

    /// The values, without the stops, in the order they exist.
    pub(in crate::recognize) fn values(&self) -> &[ValueId] {
        &self.values
    }

    /// Whether a value is computed with on the way to a sum in which terms cancel.
    pub(in crate::recognize) fn cancels(&self, value: ValueId) -> bool {
        self.cancelled.contains(&value)
    }

    /// Whether the tensor is computed from a value, or from a stop, and no number is lost between the two.
    pub(in crate::recognize) fn hands_on(&self, value: ValueId) -> bool {
        self.set.contains(&value) && !self.lost.contains(&value)
    }
}

/// Whether a value is of a float type that lacks numbers of the type of `y`.
fn is_narrower(it: &Interpreter<'_>, value: ValueId, y: ValueId) -> bool {
    let dtype = |id: ValueId| it.known(id).map(|value| value.dtype);
    dtype(value).zip(dtype(y)).is_some_and(|(own, whole)| {
        own.is_float() && whole.is_float() && !own.holds_floats_of(whole)
    })
}

/// The values whose numbers the producer of a value reads.
pub(in crate::recognize) fn read(it: &Interpreter<'_>, value: ValueId) -> SmallVec<[ValueId; 4]> {
    let index = it.index();
    let Some((node, _)) = index.producer(value) else {
        return SmallVec::new();
    };
    let node = &it.file.graph().node[node];
    if measures(node) {
        return SmallVec::new();
    }
    let names = node.input.iter().map(String::as_str);
    let captured = names::captured(node);
    let all = names.chain(captured.iter().copied());
    all.filter(|name| !name.is_empty())
        .filter_map(|name| index.id(name))
        .collect()
}

fn measures(node: &NodeProto) -> bool {
    matches!(node.domain(), "" | "ai.onnx") && matches!(node.op_type(), "Shape" | "Size")
}

/// The tensors that `x` is a rearrangement of, itself included: back to the one that was computed.
pub(in crate::recognize) fn rearranged(it: &Interpreter<'_>, x: ValueId) -> FxHashSet<ValueId> {
    let index = it.index();
    let mut found = FxHashSet::default();
    let mut queue = vec![x];
    while let Some(value) = queue.pop() {
        if !found.insert(value) || found.len() > MAX_VALUES {
            continue;
        }
        let Some((node, _)) = index.producer(value) else {
            continue;
        };
        let node = &it.file.graph().node[node];
        if let Kind::Moves(moved) = flow::kind(node) {
            let names = moved.iter().filter_map(|&at| node.input.get(at));
            let values = names.filter_map(|name| index.id(name));
            // Constants are nobody's own.
            queue.extend(values.filter(|&id| it.file.constant(id).is_none()));
        }
    }
    found
}

/// Whether one of `values` is computed from one of `sources`.
pub(in crate::recognize) fn depends(
    it: &Interpreter<'_>,
    order: &Order,
    values: &[ValueId],
    sources: &FxHashSet<ValueId>,
) -> bool {
    let earliest = |a: ValueId, b: ValueId| if order.is_before(b, a) { b } else { a };
    let Some(first) = sources.iter().copied().reduce(earliest) else {
        return false;
    };
    let mut seen = FxHashSet::default();
    let mut queue = values.to_vec();
    while let Some(value) = queue.pop() {
        if sources.contains(&value) {
            return true;
        }
        // Nothing that exists before all sources is computed from one.
        if !order.is_before(value, first) && seen.insert(value) {
            queue.extend(read(it, value));
        }
    }
    false
}

/// Whether a tensor is what a dense layer computes, rearranged and with a bias added: there an infinite element of the layer's
/// input makes the whole row infinite or NaN.
pub(in crate::recognize) fn is_dense(it: &Interpreter<'_>, x: ValueId) -> bool {
    let index = it.index();
    let mut value = x;
    // Every step goes to an earlier node of an acyclic graph.
    loop {
        let Some((node, _)) = index.producer(value) else {
            return false;
        };
        let node = &it.file.graph().node[node];
        let next = match (node.op_type(), flow::kind(node)) {
            ("MatMul" | "Gemm" | "Conv" | "MatMulInteger" | "QLinearMatMul", kind)
                if !matches!(kind, Kind::Other) =>
            {
                return true;
            }
            ("Concat", _) => return false,
            (_, Kind::Moves(moved)) => moved.first().copied(),
            (_, Kind::Adds) => {
                let mut inputs = 0..node.input.len();
                let varies = |&at: &usize| {
                    let id = index.id(&node.input[at]);
                    id.is_some_and(|id| it.file.constant(id).is_none())
                };
                let varying = inputs.find(varies);
                varying.filter(|_| inputs.all(|at| !varies(&at)))
            }
            _ => None,
        };
        let name = next.and_then(|at| node.input.get(at));
        match name.and_then(|name| index.id(name)) {
            Some(earlier) => value = earlier,
            None => return false,
        }
    }
}
