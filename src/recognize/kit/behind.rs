//! The values that an encoded tensor is computed from, up to the tensor that is encoded.
//!
//! A site may read only values among them. Another tensor may have the same polynomial, but polynomials are exact over the reals:
//! what lies between the two (a rounding, a wrap, an index that counts from the end) would be skipped by the fused node, and no
//! probe would run it.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::onnx::names;

use crate::symbolic::Interpreter;
use crate::symbolic::value::Loss;

use super::flow::{self, Effect};
use super::order::Order;

/// How many values are looked at behind a site; a rotation with its angles has about 60 nodes.
const MAX_VALUES: usize = 4000;

/// The values behind an encoded tensor.
pub(in crate::recognize) struct Behind {
    /// The values without the stops, in the order they exist.
    values: Vec<ValueId>,
    /// The values and the stops that they are computed from.
    set: FxHashSet<ValueId>,
    /// Values that reach the tensor through a sum in which terms cancel: `(x + w) - w` has the rounding of `w`, or is NaN.
    cancelled: FxHashSet<ValueId>,
    /// These, and values that reach it through a narrower type than the tensor's: `Cast(Cast(x, f16), f32)` is not `x`.
    lost: FxHashSet<ValueId>,
}

impl Behind {
    /// All values that `y` is computed from on paths that do not pass through `stops`; `None` if there are too many. Reading the
    /// shape of a tensor does not count: its numbers are not read.
    pub(in crate::recognize) fn of(
        it: &Interpreter<'_>,
        order: &Order,
        y: ValueId,
        stops: &[ValueId],
    ) -> Option<Behind> {
        Behind::except(it, order, y, stops, &|_| false)
    }

    /// The same, where what some nodes lose is lost by the node that takes their place as well.
    pub(in crate::recognize) fn except(
        it: &Interpreter<'_>,
        order: &Order,
        y: ValueId,
        stops: &[ValueId],
        shared: &dyn Fn(ValueId) -> bool,
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
        // From the last value to the first: what a loss reads is lost, and so is whatever that reads. A value with another path
        // to `y` counts as lost too, since the node that reads it would take the place of both paths.
        let before = |loses: &dyn Fn(ValueId) -> bool| {
            let mut lost = FxHashSet::default();
            for &value in [y].iter().chain(values.iter().rev()) {
                if lost.contains(&value) || loses(value) {
                    lost.extend(read(it, value));
                }
            }
            lost
        };
        let cancels = |value| it.loss(value) == Some(Loss::Cancelled) && !shared(value);
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

    /// Whether a value reaches the tensor through a sum in which terms cancel.
    pub(in crate::recognize) fn cancels(&self, value: ValueId) -> bool {
        self.cancelled.contains(&value)
    }

    /// Whether the tensor is computed from this value (or stop).
    pub(in crate::recognize) fn reads(&self, value: ValueId) -> bool {
        self.set.contains(&value)
    }

    /// Whether the tensor is computed from this value (or stop) and no number is lost between the two.
    pub(in crate::recognize) fn hands_on(&self, value: ValueId) -> bool {
        self.set.contains(&value) && !self.lost.contains(&value)
    }
}

/// Whether the value's float type lacks numbers that the type of `y` has.
fn is_narrower(it: &Interpreter<'_>, value: ValueId, y: ValueId) -> bool {
    let dtype = |id: ValueId| it.known(id).map(|value| value.dtype);
    dtype(value).zip(dtype(y)).is_some_and(|(own, whole)| {
        own.is_float() && whole.is_float() && !own.holds_floats_of(whole)
    })
}

/// The values whose numbers the producer of a value reads, in its bodies too.
pub(in crate::recognize) fn read(it: &Interpreter<'_>, value: ValueId) -> SmallVec<[ValueId; 4]> {
    let index = it.index();
    let Some((node, _)) = index.producer(value) else {
        return SmallVec::new();
    };
    let node = &it.file.graph().node[node];
    if node.is_onnx("Shape") || node.is_onnx("Size") {
        return SmallVec::new();
    }
    let names = node.input.iter().map(String::as_str);
    let captured = names::captured(node);
    let all = names.chain(captured.iter().copied());
    all.filter(|name| !name.is_empty())
        .filter_map(|name| index.id(name))
        .collect()
}

/// The tensors that `x` is a rearrangement of, itself included, back to the one that was computed.
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
        if let Effect::Moves(moved) = flow::effect(node) {
            let names = moved.iter().filter_map(|&at| node.input.get(at));
            let values = names.filter_map(|name| index.id(name));
            // A table that shares a constant with `x`, such as a padding of zeros, is not computed from `x`.
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
        // A value that exists before all sources cannot be computed from one.
        if !order.is_before(value, first) && seen.insert(value) {
            queue.extend(read(it, value));
        }
    }
    false
}

/// Whether a tensor is the output of a dense layer, rearranged and with a bias added. An infinite element of the layer's input
/// has made the whole row infinite or NaN already, so an operator that spreads it no further hides nothing. Joined outputs
/// (`Concat`) do not count: one row then holds channels of two layers, of which only one may be infinite.
pub(in crate::recognize) fn is_dense(it: &Interpreter<'_>, x: ValueId) -> bool {
    let index = it.index();
    let mut value = x;
    // Every step goes to an earlier node of an acyclic graph.
    loop {
        let Some((node, _)) = index.producer(value) else {
            return false;
        };
        let node = &it.file.graph().node[node];
        let next = match (node.op_type(), flow::effect(node)) {
            ("MatMul" | "Gemm" | "Conv" | "MatMulInteger" | "QLinearMatMul", kind)
                if !matches!(kind, Effect::Other) =>
            {
                return true;
            }
            ("Concat", _) => return false,
            (_, Effect::Moves(moved)) => moved.first().copied(),
            (_, Effect::Adds) => {
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

#[cfg(test)]
mod tests;
