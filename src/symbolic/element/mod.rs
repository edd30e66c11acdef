//! What one generic element of a tensor is, at symbolic coordinates.
//!
//! The interpreter tells channels apart and cannot see how elements move along axes it does not tell apart. Here nothing is told apart:
//! an element is asked for at coordinates (expressions in [`Coordinate`](crate::symbolic::poly::Atom::Coordinate) atoms and sizes), and
//! followed backwards through the graph on demand. Movement of data becomes arithmetic on coordinates, so that a shift by padding,
//! reshaping and slicing is an access to the column `j - i + T`. Widths cost nothing.
//!
//! An element that is followed no further is an *access*: the element of a value of the graph at some indices. Equal accesses have
//! equal ids. Numbers are exact ([`algebra`]), shapes are those of the interpreter, and an axis that may be broadcast from one of
//! another size ends the search.

pub mod algebra;
mod bounds;
mod branch;
mod constants;
pub mod contraction;
mod creation;
mod division;
mod elementwise;
pub mod evaluate;
pub mod interval;
mod lookup;
pub mod mask;
mod movement;
mod product;
mod reshape;
mod sizes;
#[cfg(all(test, feature = "tract"))]
mod tests;

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, ValueId};

use super::interpreter::Interpreter;
use super::poly::{Atom, PolyId, Stop};
use super::value::Value;
use super::visit::Visit;

pub use algebra::Algebra;

/// The index along each axis of a tensor.
pub type Indices = SmallVec<[PolyId; 4]>;

/// Most elements that are looked at for one.
const MAX_STEPS: usize = 20_000;

/// Elements of the values of a graph.
#[derive(Default)]
pub struct Elements {
    known: FxHashMap<(ValueId, Indices), PolyId>,
    constants: constants::Constants,
    facts: sizes::Facts,
    /// Constants, and whether products with 0 are 0 for all their numbers.
    finite: FxHashMap<ValueId, bool>,
    /// A value whose elements are followed no further.
    end: Option<ValueId>,
    /// Elements looked at so far.
    pub steps: u64,
}

/// An element, as an access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The value of the graph; of several that are computed alike the first.
    pub value: ValueId,
    /// The index along each of its axes.
    pub indices: Indices,
}

/// Why an element is not known yet, or will not be.
enum Pause {
    /// Another element is needed first.
    Needs(ValueId, Indices),
    /// It is followed no further.
    Stops,
}

impl From<Stop> for Pause {
    fn from(_: Stop) -> Pause {
        Pause::Stops
    }
}

/// One element that is asked for, and what is needed to find it.
struct Query<'q, 'a> {
    it: &'q mut Interpreter<'a>,
    elements: &'q mut Elements,
    /// Where it is asked for.
    at: Indices,
}

impl Elements {
    /// Elements that are followed no further than to those of this value, after so many that were looked at.
    pub fn up_to(end: ValueId, steps: u64) -> Elements {
        Elements {
            end: Some(end),
            steps,
            ..Elements::default()
        }
    }

    /// A coordinate along every axis of a value, counted from the last; 0 where the size is 1. `None` if the rank is not known.
    pub fn coordinates(it: &mut Interpreter<'_>, value: ValueId) -> Option<Indices> {
        let shape = it.value(value).ok()?.shape.clone();
        let axes = shape.iter().zip((0..shape.len() as u32).rev());
        let index = |(&size, axis)| match sizes::positive(&mut it.arena, size) {
            PolyId::ONE => PolyId::ZERO,
            size => it.arena.coordinate(axis, size),
        };
        Some(axes.map(index).collect())
    }

    /// A size without clamps, for an axis along which there is an element.
    pub fn size(it: &mut Interpreter<'_>, size: PolyId) -> PolyId {
        sizes::positive(&mut it.arena, size)
    }

    /// Whether two sizes are equal in a graph in which the nodes of these values run, and there are elements at these coordinates.
    pub fn are_equal_sizes(
        &self,
        it: &mut Interpreter<'_>,
        (a, b): (PolyId, PolyId),
        at: &[PolyId],
        values: &[ValueId],
    ) -> bool {
        let [a, b] = [a, b].map(|size| {
            let size = Self::size(it, size);
            Algebra::at(&mut it.arena, at).unclamped(size)
        });
        let difference = it.arena.sub(a, b);
        difference.is_ok_and(|d| self.facts.are_zero(&mut it.arena, d, values))
    }

    /// The element of a value at these indices.
    pub fn element(&mut self, it: &mut Interpreter<'_>, value: ValueId, at: &[PolyId]) -> PolyId {
        let wanted = (value, settled(it, value, at));
        let mut open = vec![wanted.clone()];
        let mut steps = 0;
        while let Some((value, at)) = open.last().cloned() {
            if self.known.contains_key(&(value, at.clone())) {
                open.pop();
                continue;
            }
            steps += 1;
            self.steps += 1;
            let mut query = Query {
                it: &mut *it,
                elements: &mut *self,
                at: at.clone(),
            };
            let found = match steps > MAX_STEPS {
                true => Err(Pause::Stops),
                false => query.transfer(value),
            };
            let element = match found {
                Ok(element) => element,
                Err(Pause::Needs(value, at)) => {
                    open.push((value, at));
                    continue;
                }
                Err(Pause::Stops) => query.access(value),
            };
            self.known.insert((value, at), element);
            open.pop();
        }
        self.known[&wanted]
    }

    /// The access that an element is, if it is just one.
    pub fn access(it: &Interpreter<'_>, element: PolyId) -> Option<Access> {
        let atom = it.arena.as_atom(element)?;
        match it.arena.atom_of(atom) {
            Atom::Access { value, indices, .. } => Some(Access {
                value: ValueId(*value),
                indices: indices.clone(),
            }),
            _ => None,
        }
    }
}

/// The indices with 0 along axes of size 1.
fn settled(it: &mut Interpreter<'_>, value: ValueId, at: &[PolyId]) -> Indices {
    let known = it.value(value).ok();
    let at = at.iter().enumerate().map(|(axis, &index)| {
        let unit = known
            .as_ref()
            .is_some_and(|v| v.shape.get(axis) == Some(&PolyId::ONE));
        if unit { PolyId::ZERO } else { index }
    });
    at.collect()
}

impl<'a> Query<'_, 'a> {
    /// The element of the value that is asked for, from those of the values that it is computed from.
    fn transfer(&mut self, value: ValueId) -> Result<PolyId, Pause> {
        let own = self.value(value)?;
        if own.rank() != self.at.len() {
            return Err(Stop::IndexRank.into());
        }
        if self.elements.end == Some(value) {
            return Err(Pause::Stops);
        }
        if let Some(known) = self.known_number(&own) {
            return Ok(known);
        }
        if let Some(tensor) = constants::tensor(self, value) {
            return constants::element(self, value, tensor);
        }
        let (node, slot) = self.it.index().producer(value).ok_or(Stop::AbsentInput)?;
        let file = self.it.file;
        let node = &file.graph().node[node];
        if !node.is_standard() {
            return Err(Stop::ForeignDomain.into());
        }
        let visit = self.visit(node);
        self.operator(&visit, &own, (value, slot))
    }

    fn operator(
        &mut self,
        visit: &Visit<'_>,
        own: &Value,
        (value, slot): (ValueId, usize),
    ) -> Result<PolyId, Pause> {
        match visit.node.op_type() {
            "Transpose" => movement::transpose(self, visit),
            "Squeeze" | "Unsqueeze" => movement::unit_axes(self, visit, own),
            "Expand" => movement::expand(self, visit),
            "Tile" => movement::tile(self, visit),
            "Slice" => movement::slice(self, visit),
            "Split" => movement::split(self, visit, slot),
            "Concat" => movement::concat(self, visit),
            "Pad" => movement::pad(self, visit),
            "Reshape" | "Flatten" => reshape::reshape(self, visit, own, value),
            "Gather" => lookup::gather(self, visit),
            "GatherElements" => lookup::gather_elements(self, visit),
            "GatherND" => lookup::gather_nd(self, visit),
            "Range" => creation::range(self, visit, own),
            "Constant" => constants::number(self, value),
            "ConstantOfShape" => creation::constant_of_shape(self, visit),
            "Shape" => creation::shape(self, visit),
            "CumSum" => creation::cum_sum(self, visit, own),
            "Trilu" => creation::trilu(self, visit),
            "If" => branch::element(self, visit, slot),
            "OneHot" => mask::one_hot(self, visit),
            "MatMul" | "Einsum" => product::element(self, visit, own),
            _ => elementwise::element(self, visit, own),
        }
    }

    fn visit<'n>(&self, node: &'n NodeProto) -> Visit<'n> {
        let id = |name: &String| match name.is_empty() {
            true => None,
            false => self.it.index().id(name),
        };
        Visit {
            node,
            inputs: node.input.iter().map(id).collect(),
        }
    }

    fn value(&mut self, id: ValueId) -> Result<Rc<Value>, Stop> {
        self.it.value(id)
    }

    /// Whether another value has as many axes as this one, as the operator demands: a graph may be declared otherwise.
    fn same_rank(&self, other: &Value) -> Result<(), Stop> {
        match other.rank() == self.at.len() {
            true => Ok(()),
            false => Err(Stop::IndexRank),
        }
    }

    /// A size without the clamps that have no effect where this element exists.
    fn size(&mut self, size: PolyId) -> PolyId {
        let size = sizes::positive(&mut self.it.arena, size);
        self.algebra().unclamped(size)
    }

    /// Exact arithmetic for elements that exist where this one does.
    fn algebra(&mut self) -> Algebra<'_> {
        Algebra::at(&mut self.it.arena, &self.at)
    }

    /// The element of another value.
    fn ask(&mut self, value: ValueId, at: &[PolyId]) -> Result<PolyId, Pause> {
        let key = (value, settled(self.it, value, at));
        match self.elements.known.get(&key) {
            Some(&known) => Ok(known),
            None => Err(Pause::Needs(key.0, key.1)),
        }
    }

    /// The element of another value that is a scalar or has one element.
    fn ask_scalar(&mut self, value: ValueId) -> Result<PolyId, Pause> {
        let rank = self.value(value)?.rank();
        if (0..rank).any(|axis| !self.value(value).is_ok_and(|v| v.is_unit(axis))) {
            return Err(Stop::RangeNotScalar.into());
        }
        self.ask(value, &Indices::from_elem(PolyId::ZERO, rank))
    }

    /// The element of another value, broadcast to `rank` axes by the rules of elementwise operators. An axis of another size than
    /// that of the result may be 1 at run time, so that its index is not known.
    fn ask_broadcast(&mut self, value: ValueId, own: &Value) -> Result<PolyId, Pause> {
        let from = self.value(value)?;
        let skipped = own
            .rank()
            .checked_sub(from.rank())
            .ok_or(Stop::NoBroadcast)?;
        let mut at = Indices::new();
        for (axis, &size) in from.shape.iter().enumerate() {
            if size == PolyId::ONE {
                at.push(PolyId::ZERO);
                continue;
            }
            let (size, whole) = (self.size(size), self.size(own.shape[skipped + axis]));
            if self.it.arena.may_stretch(size, whole) {
                return Err(Stop::NoBroadcast.into());
            }
            at.push(self.at[skipped + axis]);
        }
        self.ask(value, &at)
    }

    /// This element, followed no further.
    fn access(&mut self, value: ValueId) -> PolyId {
        let dtype = self.it.known(value).map_or(DataType::F32, |v| v.dtype);
        let first = self.it.first_alike(value);
        let at = self.at.clone();
        self.it.arena.access(first, dtype, &at)
    }

    /// The element of a vector of sizes that the interpreter tells apart.
    fn known_number(&mut self, own: &Value) -> Option<PolyId> {
        if !own.dtype.is_integer() || own.rank() > 1 {
            return None;
        }
        let at = match self.at.first() {
            None => 0,
            Some(&index) => usize::try_from(self.it.arena.as_integer(index)?).ok()?,
        };
        if own.caveats.rounded || own.caveats.overflows {
            return None;
        }
        let element = *own.elements()?.get(at)?;
        let arena = &self.it.arena;
        (arena.roots_of(element).is_empty() && arena.fits(element, own.dtype)).then_some(element)
    }
}
