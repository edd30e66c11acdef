//! Where to look: tensors at which data stops moving, and products of matrices, and what one element of each is.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::ValueId;
use crate::recognize::kit::Context;
use crate::recognize::kit::behind::Behind;
use crate::recognize::kit::miss::{Miss, node_name};
use crate::recognize::{Analysis, Kind, Proof, RelativeGather, Scores, Site};
use crate::symbolic::element::{Access, Elements, Indices};
use crate::symbolic::poly::{Atom, AtomId, PolyId};
use crate::symbolic::value::Value;
use crate::symbolic::{Interpreter, Work, dims, display};

use super::{alibi, bias, contraction, gather, linear};

/// How far up a chain of movements is looked for the tensor that an operator can give.
pub(super) const MAX_CHAIN: usize = 16;

/// Most tensors to which the elements of one are followed.
const MAX_SOURCES: usize = 8;

/// What looking at one element costs, in steps of the budget.
const STEP: u64 = 256;

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

/// Finds the relative sites of an interpreted graph.
pub(in crate::recognize) fn find<'a>(
    it: &mut Interpreter<'a>,
    context: &Context<'a>,
    analysis: &mut Analysis,
) {
    let mut elements = Elements::default();
    let mut search = Search {
        it,
        elements: &mut elements,
        context,
        sized: Vec::new(),
        at: Indices::new(),
    };
    let mut tried = FxHashSet::default();
    let mut sites: FxHashMap<ValueId, Site> = FxHashMap::default();
    'ends: for &end in context.order.computed() {
        if !search.is_end(end) {
            continue;
        }
        let mut value = end;
        let mut nearest = None;
        for _ in 0..MAX_CHAIN {
            if !tried.insert(value) {
                break;
            }
            let looked_at = search.elements.steps;
            if search.it.budget.is_spent(Work::Recognising) {
                let node = search.it.index().producer(value);
                search.it.gave_up = search.it.gave_up.or(node.map(|(node, _)| node));
                break 'ends;
            }
            match search.read(value) {
                Some(Ok(kind)) => {
                    nearest = None;
                    sites.extend(search.site(value, kind).map(|site| (value, site)));
                    break;
                }
                Some(Err(miss)) => nearest = Some(miss),
                None => {}
            }
            let steps = 1 + search.elements.steps - looked_at;
            search.it.budget.spend(Work::Recognising, steps * STEP);
            match search.moved_from(value) {
                Some(earlier) => value = earlier,
                None => break,
            }
        }
        analysis
            .refusals
            .extend(nearest.map(|miss: Miss| miss.refusal(search.it)));
    }
    // What is moved on from a site reads it.
    for &value in context.order.computed() {
        let mut earlier =
            std::iter::successors(search.moved_from(value), |&v| search.moved_from(v));
        if sites.contains_key(&value) && !earlier.any(|earlier| sites.contains_key(&earlier)) {
            analysis.sites.push(sites[&value].clone());
        }
    }
    for (value, axis, size) in std::mem::take(&mut search.sized) {
        let Some(known) = search.it.known(value) else {
            continue;
        };
        let mut shape = known.shape.clone();
        shape[axis] = size;
        let shape = shape.iter().map(|&p| dims::dim(&search.it.arena, p));
        let name = search.it.index().name(value).to_owned();
        analysis.shapes.insert(name, shape.collect());
    }
}

impl Search<'_, '_> {
    /// Whether a tensor of floats is a product or moved to its place, and something other than a movement reads it.
    fn is_end(&mut self, value: ValueId) -> bool {
        let is_float = self.it.known(value).is_some_and(|v| v.dtype.is_float());
        let is_made = self.moved_from(value).is_some()
            || self.is_product(value)
            || alibi::is_product(self, value);
        if !is_float || !is_made {
            return false;
        }
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let readers = index.consumers(value).iter();
        let mut readers = readers.map(|&(node, _)| graph.node[node].op_type());
        index.is_output(value) || index.captured(value) || readers.any(|op| !is_movement(op))
    }

    fn is_product(&self, value: ValueId) -> bool {
        let node = self.it.index().producer(value);
        let node = node.map(|(node, _)| &self.it.file.graph().node[node]);
        node.is_some_and(|node| node.is_onnx("MatMul") || node.is_onnx("Einsum"))
    }

    /// The tensor whose elements the node of this one moves, with their sign or without.
    pub(super) fn moved_from(&self, value: ValueId) -> Option<ValueId> {
        let (node, _) = self.it.index().producer(value)?;
        let node = &self.it.file.graph().node[node];
        let moves = node.is_standard() && is_movement(node.op_type());
        let name = node.input.first().filter(|_| moves)?;
        self.it.index().id(name)
    }

    /// The site that a tensor is, or why it is none, if it depends on a distance at all.
    fn read(&mut self, y: ValueId) -> Option<Found> {
        let lookup = self.lookup(y);
        let found = lookup
            .as_ref()
            .and_then(|lookup| {
                self.looked_up(lookup)
                    .or_else(|| linear::read(self, lookup))
            })
            .or_else(|| contraction::read(self, y))
            .or_else(|| alibi::read(self, y));
        match found {
            Some(Ok(_)) => found,
            _ => {
                let nearer = self.nearer(y, lookup.map(|lookup| lookup.from.value));
                match nearer {
                    Some(Ok(_)) => nearer,
                    _ => found.or(nearer),
                }
            }
        }
    }

    fn looked_up(&mut self, lookup: &Lookup) -> Option<Found> {
        bias::read(self, lookup).or_else(|| gather::read(self, lookup))
    }

    /// The same with elements that are followed no further than to the tensors that the nodes on the way take elements from, such as
    /// a table that is computed. They may be followed beyond, to `known`.
    fn nearer(&mut self, y: ValueId, known: Option<ValueId>) -> Option<Found> {
        let mut nearest = None;
        for end in self.sources(y) {
            if known == Some(end) {
                continue;
            }
            let shorter = Elements::up_to(end, self.elements.steps);
            let farthest = std::mem::replace(self.elements, shorter);
            let lookup = self.lookup(y);
            let lookup = lookup.filter(|lookup| Some(lookup.from.value) != known);
            let found = lookup.and_then(|lookup| self.looked_up(&lookup));
            let steps = self.elements.steps;
            *self.elements = farthest;
            self.elements.steps = steps;
            match found {
                Some(Ok(_)) => return found,
                miss => nearest = nearest.or(miss),
            }
        }
        nearest
    }

    /// The tensors that the nodes before this one pick elements from, or join, and the one that the first of them moves.
    fn sources(&self, y: ValueId) -> Vec<ValueId> {
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

    /// The tensor that the elements of this one are copied from, if it is one of the same type.
    fn lookup(&mut self, y: ValueId) -> Option<Lookup> {
        let own = self.it.value(y).ok()?;
        let at = Elements::coordinates(self.it, y)?;
        let element = self.elements.element(self.it, y, &at);
        self.at.clone_from(&at);
        let from = Elements::access(self.it, element)?;
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

    fn site(&self, y: ValueId, kind: Kind) -> Option<Site> {
        let (node, _) = self.it.index().producer(y)?;
        let own = self.it.known(y)?;
        let rule = match &kind {
            Kind::RelativeBias(_) => super::BIAS_PAGE.id,
            Kind::Alibi(_) => super::ALIBI_PAGE.id,
            _ => super::GATHER_PAGE.id,
        };
        Some(Site {
            rule,
            node,
            node_name: node_name(self.it, node),
            y: self.it.index().name(y).to_owned(),
            dtype: own.dtype,
            shape: display::shape(&self.it.arena, &own.shape),
            proof: match &kind {
                Kind::RelativeGather(RelativeGather {
                    scores: Scores::Product(_),
                    ..
                }) => Proof::Reassociated,
                _ => Proof::Exact,
            },
            assumes_finite: false,
            kind,
        })
    }

    /// The values that a tensor is computed from, up to those whose elements it has.
    pub(super) fn behind(&self, y: ValueId, stops: &[ValueId]) -> Option<Vec<ValueId>> {
        let behind = Behind::of(self.it, &self.context.order, y, stops)?;
        Some(behind.values().to_vec())
    }

    /// Whether a value is a constant of the model.
    pub(super) fn is_constant(&self, id: ValueId) -> bool {
        let (index, graph) = (self.it.index(), self.it.file.graph());
        let is_made = |(node, _): (usize, usize)| graph.node[node].is_onnx("Constant");
        self.it.file.constant(id).is_some() || index.producer(id).is_some_and(is_made)
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
