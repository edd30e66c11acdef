//! What the readers of relative sites share: the graph with the elements of its tensors, and what they ask of both.

use std::rc::Rc;

use crate::onnx::ValueId;
use crate::recognize::Kind;
use crate::recognize::kit::Context;
use crate::recognize::kit::behind::Behind;
use crate::recognize::kit::miss::Miss;
use crate::symbolic::Interpreter;
use crate::symbolic::element::{Access, Elements, Indices, mask};
use crate::symbolic::poly::{Atom, AtomId, PolyId};
use crate::symbolic::value::Value;

/// How far up a chain of movements is looked for the tensor that an operator can give.
pub(super) const MAX_CHAIN: usize = 16;

/// Most tensors to which the elements of one are followed.
const MAX_SOURCES: usize = 8;

/// A tensor whose elements are copied from one other tensor.
pub(super) struct Lookup {
    /// The tensor.
    pub y: ValueId,
    /// What is known of it.
    pub own: Rc<Value>,
    /// The coordinate along each of its axes, 0 along one of size 1.
    pub at: Indices,
    /// Where its element comes from.
    pub from: Access,
    /// What is known of the tensor that it comes from.
    pub data: Rc<Value>,
}

/// What looking at a graph needs.
pub(super) struct Search<'s, 'a> {
    pub it: &'s mut Interpreter<'a>,
    pub elements: &'s mut Elements,
    pub context: &'s Context<'a>,
    /// Sizes that are known better than the interpreter does, by value and axis.
    pub sized: Vec<(ValueId, usize, PolyId)>,
    /// The coordinates of the tensor that is looked at.
    pub at: Indices,
}

/// What came of one tensor.
pub(super) type Found = Result<Kind, Miss>;

impl Search<'_, '_> {
    /// The tensor whose elements the node of this one moves, with their sign or without.
    pub(super) fn moved_from(&self, value: ValueId) -> Option<ValueId> {
        let (node, _) = self.it.index().producer(value)?;
        let node = &self.it.file.graph().node[node];
        let moves = node.is_standard() && is_movement(node.op_type());
        let name = node.input.first().filter(|_| moves)?;
        self.it.index().id(name)
    }

    /// A tensor, and those that its elements are moved from, the nearest first.
    pub(super) fn chain(&self, value: ValueId) -> Vec<ValueId> {
        let chain = std::iter::successors(Some(value), |&value| self.moved_from(value));
        chain.take(MAX_CHAIN).collect()
    }

    /// The tensors that the nodes before this one pick elements from, or join, and the one that the first of them moves.
    pub(super) fn sources(&self, y: ValueId) -> Vec<ValueId> {
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let mut sources = Vec::new();
        let mut value = y;
        for _ in 0..MAX_CHAIN {
            let Some(earlier) = self.moved_from(value) else {
                break;
            };
            let (node, _) = index.producer(value).expect("a node that moves elements");
            let node = &graph.node[node];
            let inputs = match node.op_type() {
                "Gather" | "GatherElements" | "GatherND" | "Pad" => 1,
                "Concat" => node.input.len(),
                _ => 0,
            };
            let inputs = node.input.iter().take(inputs);
            sources.extend(inputs.filter_map(|name| index.id(name)));
            value = earlier;
        }
        sources.truncate(MAX_SOURCES);
        sources.push(value);
        sources.retain(|&source| source != y);
        sources
    }

    /// Whether the movements before a tensor can pick elements by distance: by an index, by a mask, by a shift (a reshape of what was padded,
    /// joined, or reshaped and cut), or from a constant. Others only pass elements on, of which a graph has many.
    fn is_picked(&self, y: ValueId) -> bool {
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let (mut value, mut reshaped, mut cut) = (y, false, false);
        for _ in 0..MAX_CHAIN {
            let Some(earlier) = self.moved_from(value) else {
                return self.it.is_constant(value) || mask::table(self.it, value).is_some();
            };
            let (node, _) = index.producer(value).expect("a node that moves elements");
            match graph.node[node].op_type() {
                "Gather" | "GatherElements" | "GatherND" => return true,
                "Concat" | "Pad" if reshaped => return true,
                "Reshape" | "Flatten" if cut => return true,
                "Reshape" | "Flatten" => reshaped = true,
                "Slice" | "Split" => cut = reshaped,
                _ => {}
            }
            value = earlier;
        }
        false
    }

    /// The tensor that the elements of this one are copied from, if it is one of the same type.
    pub(super) fn lookup(&mut self, y: ValueId) -> Option<Lookup> {
        if !self.is_picked(y) {
            return None;
        }
        let own = self.it.value(y).ok()?;
        let at = Elements::coordinates(self.it, y)?;
        let element = self.elements.element(self.it, y, &at);
        self.at.clone_from(&at);
        let mut from = Elements::access(self.it, element)?;
        // Of values that are computed alike, the one that `y` is computed from: no other can be given where it is cut out.
        let alike = |&source: &ValueId| self.it.are_alike(source, from.value);
        if let Some(own) = self.sources(y).into_iter().find(alike) {
            from.value = own;
        }
        let data = self.it.value(from.value).ok()?;
        let moved = from.value != y && data.dtype == own.dtype;
        let before = self.context.order.is_before(from.value, y);
        (moved && before).then_some(Lookup {
            y,
            own,
            at,
            from,
            data,
        })
    }

    /// The values that a tensor is computed from, up to those whose elements it has.
    pub(super) fn behind(&self, y: ValueId, stops: &[ValueId]) -> Option<Vec<ValueId>> {
        let behind = Behind::of(self.it, &self.context.order, y, stops)?;
        Some(behind.values().to_vec())
    }

    /// Whether two sizes are equal wherever the nodes of these values run, and no size is 0.
    pub(super) fn are_equal(&mut self, sizes: (PolyId, PolyId), behind: &[ValueId]) -> bool {
        let at = self.at.clone();
        self.elements.are_equal_sizes(self.it, sizes, &at, behind)
    }

    /// The coordinates of `y` that an index depends on, by axis.
    pub(super) fn axes_of(&mut self, lookup: &Lookup, slot: usize) -> Vec<(usize, AtomId)> {
        let index = lookup.from.indices[slot];
        let coordinates = self.it.arena.coordinates_of(index).to_vec();
        let axes = lookup.at.iter().enumerate();
        let axes = axes.filter_map(|(axis, &p)| Some((axis, self.it.arena.as_atom(p)?)));
        axes.filter(|(_, atom)| coordinates.contains(atom))
            .collect()
    }

    /// Whether an index is a coordinate and nothing more, and which axis of `y` it runs along.
    pub(super) fn plain(&self, lookup: &Lookup, slot: usize) -> Option<usize> {
        let atom = self.it.arena.as_atom(lookup.from.indices[slot])?;
        if !matches!(self.it.arena.atom_of(atom), Atom::Coordinate { .. }) {
            return None;
        }
        let index = lookup.from.indices[slot];
        lookup.at.iter().position(|&p| p == index)
    }
}

/// Whether an operator moves the elements of its first input, or changes their sign.
pub(super) fn is_movement(op: &str) -> bool {
    matches!(
        op,
        "Identity"
            | "Neg"
            | "Transpose"
            | "Squeeze"
            | "Unsqueeze"
            | "Reshape"
            | "Flatten"
            | "Expand"
            | "Slice"
            | "Split"
            | "Gather"
            | "GatherElements"
            | "GatherND"
            | "Concat"
            | "Pad"
            | "Tile"
    )
}
