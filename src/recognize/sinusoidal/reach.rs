//! The values in which sines and cosines come together: what is made of both by moving elements, by constants, and by sums and
//! products among themselves.
//!
//! This is a bound of the search, no part of the proof: elements of these values are read, and nothing else.

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::recognize::kit::flow::{Effect, effect, inputs};
use crate::symbolic::Interpreter;

/// From which functions a value is made.
#[derive(Clone, Copy, Default, PartialEq)]
struct Made {
    sines: bool,
    cosines: bool,
}

impl Made {
    fn either(self) -> bool {
        self.sines || self.cosines
    }

    fn both(self) -> bool {
        self.sines && self.cosines
    }

    fn and(self, other: Made) -> Made {
        Made {
            sines: self.sines || other.sines,
            cosines: self.cosines || other.cosines,
        }
    }
}

/// What is made of sines and cosines.
pub(super) struct Reach {
    /// By value.
    made: Vec<Made>,
}

impl Reach {
    pub(super) fn of(it: &Interpreter<'_>) -> Reach {
        let (index, graph) = (it.index(), it.file.graph());
        let mut made = vec![Made::default(); index.len()];
        for &at in index.order() {
            let node = &graph.node[at];
            let own = of_node(it, node, &made);
            if !own.either() {
                continue;
            }
            for output in node.output.iter().filter_map(|name| index.id(name)) {
                made[output.index()] = own;
            }
        }
        Reach { made }
    }

    /// Whether there is any value made of both.
    pub(super) fn any(&self) -> bool {
        self.made.iter().any(|made| made.both())
    }

    /// Whether a value is made of both.
    pub(super) fn is_of_both(&self, value: ValueId) -> bool {
        self.made[value.index()].both()
    }

    /// Whether all that is read of a value is read in another one.
    pub(super) fn leads_only(&self, it: &Interpreter<'_>, from: ValueId, to: ValueId) -> bool {
        let mut open = vec![from];
        while let Some(value) = open.pop() {
            match self.next(it, value) {
                _ if value == to => {}
                Some(next) => open.extend(next),
                None => return false,
            }
        }
        true
    }

    /// The values made of a value by one node; `None` if its numbers are read in another way too, or are an output of the graph.
    fn next(&self, it: &Interpreter<'_>, value: ValueId) -> Option<Vec<ValueId>> {
        let (index, graph) = (it.index(), it.file.graph());
        if index.is_output(value) || index.captured(value) {
            return None;
        }
        let mut next = Vec::new();
        for &(node, _) in index.consumers(value) {
            let node = &graph.node[node];
            if node.op_type() == "Shape" {
                continue;
            }
            for output in node.output.iter().filter_map(|name| index.id(name)) {
                if !self.made[output.index()].either() {
                    return None;
                }
                next.push(output);
            }
        }
        Some(next)
    }

    /// Whether one value is made of another.
    pub(super) fn leads(&self, it: &Interpreter<'_>, from: ValueId, to: ValueId) -> bool {
        let mut open = vec![to];
        let mut seen = rustc_hash::FxHashSet::default();
        while let Some(value) = open.pop() {
            if value == from {
                return true;
            }
            let Some((node, _)) = it.index().producer(value) else {
                continue;
            };
            let read = inputs(it, &it.file.graph().node[node]).map(|(_, id)| id);
            let made = read.filter(|id| self.made[id.index()].either());
            open.extend(made.filter(|&id| seen.insert(id)));
        }
        false
    }
}

fn of_node(it: &Interpreter<'_>, node: &NodeProto, made: &[Made]) -> Made {
    if !node.is_standard() {
        return Made::default();
    }
    match node.op_type() {
        "Sin" => {
            return Made {
                sines: true,
                cosines: false,
            };
        }
        "Cos" => {
            return Made {
                sines: false,
                cosines: true,
            };
        }
        _ => {}
    }
    let of = |id: ValueId| made[id.index()];
    let read: Vec<(usize, ValueId)> = inputs(it, node).collect();
    let all = |slots: &[usize]| {
        let own = read.iter().filter(|(slot, _)| slots.contains(slot));
        own.fold(Made::default(), |sum, &(_, id)| sum.and(of(id)))
    };
    match effect(node) {
        Effect::Moves(slots) => all(&slots),
        Effect::Multiplies | Effect::Adds => among(it, &read, made),
        _ if matches!(node.op_type(), "MatMul" | "Einsum") => among(it, &read, made),
        _ => Made::default(),
    }
}

/// What a sum or product is made of, if all operands are made of sines and cosines, or constant.
fn among(it: &Interpreter<'_>, read: &[(usize, ValueId)], made: &[Made]) -> Made {
    let known = |id: ValueId| made[id.index()].either() || it.file.constant(id).is_some();
    match read.iter().all(|&(_, id)| known(id)) {
        true => read
            .iter()
            .fold(Made::default(), |sum, &(_, id)| sum.and(made[id.index()])),
        false => Made::default(),
    }
}
