//! Shapes that a graph asks of tensors which are needless once an attention is there.
//!
//! Exporters cut a mask to the number of keys by the shape of keys that are repeated for each head, and so keep the copies. What their
//! shape is follows from that of the keys: a node that asks for it is replaced by one that asks for the shape of the keys, or of the
//! tensors that keys are put together from.

use std::cmp::{Ordering, Reverse};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::Dim;
use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, Tensor, ValueId};
use crate::rewrite::draft::{Draft, Op};

/// The axis of keys.
pub(super) const KEYS: i64 = 2;

/// Nodes between an operand and the attention at most; views of the keys and their shapes take some tens.
const MOST_BETWEEN: usize = 256;

/// An attention, as what it reads is looked at.
pub(super) struct Sizes<'a> {
    /// The node that it ends with.
    pub end: usize,
    /// The tensors of the site: what the new node reads is made of them.
    pub needed: FxHashSet<ValueId>,
    /// Shapes of values by name.
    pub shapes: &'a FxHashMap<String, Vec<Dim>>,
}

/// The nodes before an attention that ask for the shape of an operand, or of what is computed from it, and are needed.
pub(super) struct Measured<'a> {
    shape: &'a [Dim],
    /// Whether nothing else of the operand is needed before the attention.
    let_go: bool,
    /// The nodes, in the order of the graph, and what they give.
    asked: Vec<(usize, Vec<Size>)>,
}

/// A size that a node gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    /// That of an axis of the operand.
    Axis(i64),
    /// A number.
    Known(i64),
}

impl<'a> Sizes<'a> {
    /// What is asked of `operand`; `None` where too much hangs on it.
    pub(super) fn measured(&self, draft: &Draft<'_>, operand: &'a str) -> Option<Measured<'a>> {
        let index = draft.file.index();
        let value = index.id(operand)?;
        let shape = &self.shapes.get(operand)?[..];
        let mut reached: Vec<usize> = self.reached(draft, value)?.into_iter().collect();
        // Readers first.
        reached.sort_unstable_by_key(|&at| Reverse(index.rank(at)));
        let mut live = FxHashSet::default();
        let mut asked = Vec::new();
        for at in reached {
            let node = &draft.file.graph().node[at];
            if !self.is_live(draft, node, &live) {
                continue;
            }
            match self.sizes(node, shape).filter(|_| !draft.is_removed(at)) {
                Some(sizes) => asked.push((at, sizes)),
                None => drop(live.insert(at)),
            }
        }
        asked.reverse();
        let mut readers = index.consumers(value).iter();
        let let_go = !readers.any(|(reader, _)| live.contains(reader));
        Some(Measured {
            shape,
            let_go,
            asked,
        })
    }

    /// Whether a node stands before the attention. What depends on what counts, not the order of the list, which need not be sorted.
    pub(super) fn is_before(&self, draft: &Draft<'_>, node: usize) -> bool {
        self.place(draft, node) == Ordering::Less
    }

    /// Whether a node stands behind the attention.
    pub(super) fn is_behind(&self, draft: &Draft<'_>, node: usize) -> bool {
        self.place(draft, node) == Ordering::Greater
    }

    fn place(&self, draft: &Draft<'_>, node: usize) -> Ordering {
        let index = draft.file.index();
        index.rank(node).cmp(&index.rank(self.end))
    }

    /// The nodes before the attention to which a value leads.
    fn reached(&self, draft: &Draft<'_>, value: ValueId) -> Option<FxHashSet<usize>> {
        let (file, index) = (draft.file, draft.file.index());
        let mut seen = FxHashSet::default();
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            for &(reader, _) in index.consumers(value) {
                if self.is_before(draft, reader) && seen.insert(reader) {
                    let outputs = file.graph().node[reader].output.iter();
                    open.extend(outputs.filter_map(|name| index.id(name)));
                }
            }
            if seen.len() > MOST_BETWEEN {
                return None;
            }
        }
        Some(seen)
    }

    /// Whether anybody needs what a node computes once the attention is there.
    fn is_live(&self, draft: &Draft<'_>, node: &NodeProto, live: &FxHashSet<usize>) -> bool {
        let index = draft.file.index();
        let mut outputs = node.output.iter().filter_map(|name| index.id(name));
        outputs.any(|value| {
            let mut readers = index.consumers(value).iter();
            index.is_output(value)
                || index.captured(value)
                || self.needed.contains(&value)
                // What nobody needed before stays where it is.
                || readers.len() == 0
                || readers.any(|&(reader, _)| self.is_behind(draft, reader) || live.contains(&reader))
        })
    }

    /// What a node gives that asks for a shape, each size one of `shape` or a number.
    fn sizes(&self, node: &NodeProto, shape: &[Dim]) -> Option<Vec<Size>> {
        let asked = self.shapes.get(node.input.first()?)?;
        if !node.is_onnx("Shape") {
            return None;
        }
        let rank = i64::try_from(asked.len()).ok()?;
        let given = |name: &str| node.attribute(name).and_then(|a| a.i);
        let place = |at: i64| if at < 0 { at + rank } else { at }.clamp(0, rank);
        let [start, end] = [given("start").unwrap_or(0), given("end").unwrap_or(rank)].map(place);
        // The axis of the same number, if it is one.
        let size = |at: i64| {
            let dim = asked.get(usize::try_from(at).ok()?)?;
            let same = |axis: &i64| usize::try_from(*axis).is_ok_and(|a| shape.get(a) == Some(dim));
            let axes = [at].into_iter().chain(0..i64::try_from(shape.len()).ok()?);
            let axis = axes.filter(|_| !dim.is_unknown()).find(same);
            axis.map(Size::Axis).or(dim.known().map(Size::Known))
        };
        (start..end.max(start)).map(size).collect()
    }
}

impl Measured<'_> {
    /// Whether nothing of the operand is needed before the attention but its shape.
    pub(super) fn is_let_go(&self) -> bool {
        self.let_go
    }

    /// Leaves out the nodes that ask for the shape of `operand` itself.
    pub(super) fn of_others(mut self, draft: &Draft<'_>, operand: &str) -> Self {
        let nodes = &draft.file.graph().node;
        self.asked.retain(|(at, _)| nodes[*at].input[0] != operand);
        self
    }

    /// Gives each node the sizes of the operand, which is put together from `parts` along the keys.
    pub(super) fn respell(&self, draft: &mut Draft<'_>, parts: &[&String]) {
        let axes: Vec<Size> = (0..).map(Size::Axis).take(self.shape.len()).collect();
        let mut whole: Option<String> = None;
        for (at, sizes) in &self.asked {
            // It may hang on keys and values alike.
            if draft.is_removed(*at) {
                continue;
            }
            let whole = whole.get_or_insert_with(|| {
                let op = shape_of(draft, *at, parts, self.shape.len());
                draft.own(*at, "phasor_shape", op)
            });
            let op = if *sizes == axes {
                Op::new("Identity", [whole.clone()])
            } else {
                picked(draft, *at, whole, sizes)
            };
            draft.replace(*at, op);
        }
    }
}

/// The shape of a tensor that is put together from `parts`.
fn shape_of<'a>(draft: &mut Draft<'_>, at: usize, parts: &[&String], rank: usize) -> Op<'a> {
    let of = |part: &String| Op::new("Shape", [part.clone()]);
    let Some((last, first)) = parts.split_last() else {
        return Op::new("Shape", []);
    };
    let mut sum = of(last);
    for part in first {
        let along: Vec<i64> = (0..)
            .map(|axis| i64::from(axis == KEYS))
            .take(rank)
            .collect();
        let along = draft.list(&along);
        let (part, rest) = (of(part), sum);
        let part = draft.own(at, "phasor_part_shape", part);
        let part = draft.own(at, "phasor_part_keys", Op::new("Mul", [part, along]));
        let rest = draft.own(at, "phasor_rest_shape", rest);
        sum = Op::new("Add", [part, rest]);
    }
    sum
}

/// These sizes, by the shape that has the axes.
fn picked<'a>(draft: &mut Draft<'_>, at: usize, shape: &str, sizes: &[Size]) -> Op<'a> {
    let axes = sizes.iter().map(|size| match size {
        Size::Axis(axis) => *axis,
        Size::Known(_) => 0,
    });
    let axes = draft.list(&axes.collect::<Vec<i64>>());
    let gather = Op::new("Gather", [shape.to_owned(), axes]);
    let known = |size: &Size| match size {
        Size::Axis(_) => None,
        Size::Known(number) => Some(*number),
    };
    if sizes.iter().all(|size| known(size).is_none()) {
        return gather;
    }
    let numbers: Vec<i64> = sizes.iter().map(|size| known(size).unwrap_or(0)).collect();
    let numbers = draft.list(&numbers);
    let chosen: Vec<f64> = sizes
        .iter()
        .map(|size| f64::from(u8::from(known(size).is_some())))
        .collect();
    let chosen = Tensor::from_f64_as(DataType::Bool, &[chosen.len()], &chosen);
    let chosen = draft.constant("phasor_known_sizes", &chosen);
    let gathered = draft.own(at, "phasor_sizes", gather);
    Op::new("Where", [chosen, numbers, gathered])
}
