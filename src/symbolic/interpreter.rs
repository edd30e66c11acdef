//! The state of an interpretation: the values found so far, fresh roots, and what the facts know.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use crate::facts::{Choice, Dim, Facts};
use crate::onnx::proto::NodeProto;
use crate::onnx::{DataType, GraphIndex, ModelFile, Tensor, ValueId};

use super::budget::Budget;
use super::live;
use super::numbering::Numbering;
use super::poly::{Arena, PolyId, Stop};
use super::root::RootKind;
use super::table::Tables;
use super::value::{Alignment, Caveats, Loss, Shape, Value, extents, position};
use super::visit::Visit;

/// Longest axis whose elements are told apart. Head sizes reach 256; the hidden axes of small models fit as well.
pub const MAX_CHANNELS: usize = 512;
/// Longest integer vector that is a value of its own (a shape, a set of axes).
const MAX_VECTOR: i64 = 16;
/// Most axes of a value.
const MAX_RANK: usize = u8::MAX as usize;

/// Why a node's outputs became fresh roots.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    /// Position in `graph.node`.
    pub node: usize,
    /// The reason.
    pub reason: Stop,
}

/// The abstract values of a graph.
pub struct Interpreter<'a> {
    /// The model.
    pub file: &'a ModelFile,
    facts: &'a Facts,
    /// What the analysis may cost.
    pub budget: &'a Budget,
    /// The first node that the budget did not allow to visit.
    pub gave_up: Option<usize>,
    /// Expressions that are paid for.
    pub(super) paid: u64,
    /// All expressions.
    pub arena: Arena,
    /// All constant tables.
    pub tables: Tables,
    values: Vec<Option<Rc<Value>>>,
    /// The constants that were decoded.
    pub(super) tensors: FxHashMap<ValueId, Option<Rc<Tensor>>>,
    /// The `Constant` nodes of values.
    pub(super) constants: FxHashMap<ValueId, usize>,
    /// Nodes that could not be interpreted, in order.
    pub stopped: Vec<Stopped>,
    /// What the nodes of values lost.
    losses: FxHashMap<ValueId, Loss>,
    parts: u32,
    /// Nodes that an output of the graph needs.
    live: FxHashSet<usize>,
    /// Whether the graph runs whenever the model does, as a branch need not.
    runs: bool,
    numbering: Numbering,
    /// Number of the first value: those of branches come after those of the graphs around them.
    first: u32,
    /// Number of values so far, branches included.
    numbered: u32,
}

impl<'a> Interpreter<'a> {
    /// Nothing interpreted yet.
    pub(super) fn new(
        file: &'a ModelFile,
        facts: &'a Facts,
        budget: &'a Budget,
    ) -> Interpreter<'a> {
        Interpreter {
            file,
            facts,
            budget,
            gave_up: None,
            paid: 0,
            arena: Arena::new(),
            tables: Tables::default(),
            values: vec![None; file.index().len()],
            tensors: FxHashMap::default(),
            constants: FxHashMap::default(),
            stopped: Vec::new(),
            losses: FxHashMap::default(),
            parts: 0,
            live: live::nodes(file),
            runs: true,
            numbering: Numbering::of(file),
            first: 0,
            numbered: file.index().len() as u32,
        }
    }

    /// Interprets a body of the node being visited, which `runs` with it or may not, with the expressions and tables of this graph.
    pub(super) fn within<T>(
        &mut self,
        file: &ModelFile,
        visit: &Visit<'_>,
        runs: bool,
        run: impl FnOnce(&mut Interpreter<'_>) -> T,
    ) -> T {
        let mut inner = Interpreter::new(file, self.facts, self.budget);
        let mut outputs = visit.outputs(self.index());
        inner.runs = runs && outputs.any(|id| self.is_live(id));
        inner.arena = std::mem::take(&mut self.arena);
        inner.tables = std::mem::take(&mut self.tables);
        inner.paid = self.paid;
        inner.first = self.numbered;
        inner.numbered += self.numbered;
        let result = run(&mut inner);
        self.arena = inner.arena;
        self.tables = inner.tables;
        self.paid = inner.paid;
        self.numbered = inner.numbered;
        result
    }

    /// Sets the value of an output.
    pub(super) fn set(&mut self, id: ValueId, value: Option<Value>) {
        // Axes of a value are numbered in eight bits.
        let mut value = value.filter(|value| value.rank() <= MAX_RANK);
        if let Some(value) = &mut value
            && let Some(loss) = value.caveats.loss.take()
            && value.dtype.is_float()
        {
            self.losses.insert(id, loss);
        }
        if let Some(value) = &value
            && self.is_live(id)
        {
            self.arena.note_volume(&value.shape);
        }
        self.values[id.index()] = value.map(Rc::new);
    }

    /// What the node of this value lost.
    pub fn loss(&self, id: ValueId) -> Option<Loss> {
        self.losses.get(&id).copied()
    }

    /// Whether the graph does not run without this value.
    fn is_live(&self, id: ValueId) -> bool {
        let producer = self.index().producer(id);
        self.runs && producer.is_none_or(|(node, _)| self.live.contains(&node))
    }

    /// Notes that a value is the output of a `Constant` node.
    pub(super) fn note_constant(&mut self, id: ValueId, node: usize) {
        self.constants.insert(id, node);
    }

    /// The names and uses of the graph's values.
    pub fn index(&self) -> &'a GraphIndex {
        self.file.index()
    }

    /// The value of an input of the node being visited.
    pub fn value(&mut self, id: ValueId) -> Result<Rc<Value>, Stop> {
        if let Some(value) = &self.values[id.index()] {
            return Ok(value.clone());
        }
        let made = match self.file.constant(id) {
            Some(position) => {
                let file = self.file;
                let tensor = &file.graph().initializer[position];
                self.constant_value(id, tensor)
            }
            None if self.file.index().producer(id).is_none() => {
                let name = self.file.index().name(id);
                self.facts_of(name)
                    .map(|(dtype, shape)| self.fresh(id, dtype, shape))
            }
            None => None,
        };
        self.set(id, made);
        self.values[id.index()].clone().ok_or(Stop::UnknownRank)
    }

    /// The value, if one was computed or asked for.
    pub fn known(&self, id: ValueId) -> Option<&Rc<Value>> {
        self.values[id.index()].as_ref()
    }

    /// Element type and symbolic shape that the facts know.
    pub fn facts_of(&mut self, name: &str) -> Option<(DataType, Shape)> {
        let fact = self.facts.get(name)?;
        let (dtype, dims) = (fact.dtype?, fact.shape.as_ref()?);
        let dims = dims.iter().enumerate();
        let shape = dims
            .map(|(axis, dim)| {
                let known = exact_dimension(&mut self.arena, dim);
                known.unwrap_or_else(|| self.unknown_size(name, axis))
            })
            .collect();
        Some((dtype, shape))
    }

    /// The size of an axis of which nothing is known, as a symbol of its own: values of two branches may have one name.
    pub fn unknown_size(&mut self, name: &str, axis: usize) -> PolyId {
        let scope = self.first;
        self.arena.symbol(&format!("?{scope}{name}.{axis}"))
    }

    /// Element type and symbolic shape that the facts know of an output of a node. They take no notice of sizes that are clamped or
    /// happen to be 1: where they say of an input what is not so for all sizes, their sizes of the output are not believed.
    pub fn facts_of_output(&mut self, visit: &Visit<'_>, name: &str) -> Option<(DataType, Shape)> {
        let (dtype, mut shape) = self.facts_of(name)?;
        for &id in visit.inputs.iter().flatten() {
            let input = self.index().name(id);
            // What no node computes has the sizes that are declared.
            if self.index().producer(id).is_none() {
                continue;
            }
            let Some((_, claimed)) = self.facts_of(input) else {
                continue;
            };
            let own = self.known(id)?.shape.clone();
            if own.len() != claimed.len() {
                return None;
            }
            for (axis, (&own, &claimed)) in own.iter().zip(&claimed).enumerate() {
                if own == claimed || claimed == self.unknown_size(input, axis) {
                    continue;
                }
                let fixed = self.arena.as_integer(claimed).is_some();
                for (axis, dim) in shape.iter_mut().enumerate() {
                    if fixed || self.arena.as_integer(*dim).is_none() {
                        *dim = self.unknown_size(name, axis);
                    }
                }
            }
        }
        Some((dtype, shape))
    }

    /// A fresh root for a value: the channel axis enumerated, all others opaque.
    pub fn fresh(&mut self, id: ValueId, dtype: DataType, shape: Shape) -> Value {
        // A graph in which a tensor would have a negative size does not run.
        if self.is_live(id) {
            let arena = &mut self.arena;
            let varying = shape.iter().filter(|&&dim| arena.as_integer(dim).is_none());
            let varying: Shape = varying.copied().collect();
            arena.sizes.extend(varying);
        }
        let kind = match dtype.is_float() {
            true => self.kind(id, 0),
            // Activations keep the name of the tensor that they are cut out at. What is known of the shapes of two values that
            // are computed alike may differ: they are one root where as many elements are told apart.
            false => {
                let told_apart = self.channel_axes(dtype, &shape);
                let channels: usize = extents(&self.arena, &shape, &told_apart).iter().product();
                RootKind::Fresh(self.first + self.numbering.first(id), channels as u32)
            }
        };
        self.fresh_part(kind, dtype, shape)
    }

    /// Numbers the outputs of the node being visited.
    pub(super) fn number(&mut self, node: &NodeProto, outputs: &[Option<ValueId>]) {
        let file = self.file;
        self.numbering.visit(node, outputs, file);
    }

    /// The number of the first value that is computed alike.
    pub(super) fn first_alike(&self, id: ValueId) -> u32 {
        self.numbering.first(id)
    }

    /// Whether two values are computed alike.
    pub fn are_alike(&self, a: ValueId, b: ValueId) -> bool {
        self.numbering.first(a) == self.numbering.first(b)
    }

    /// A fresh root for one of several values that a node makes from one.
    pub fn fresh_piece(&mut self, id: ValueId, dtype: DataType, shape: Shape) -> Value {
        self.parts += 1;
        self.fresh_part(self.kind(id, self.parts), dtype, shape)
    }

    fn kind(&self, id: ValueId, part: u32) -> RootKind {
        RootKind::Fresh(self.first + id.index() as u32, part)
    }

    fn fresh_part(&mut self, kind: RootKind, dtype: DataType, shape: Shape) -> Value {
        let enumerated = self.channel_axes(dtype, &shape);
        let mut count = 1;
        let mut axes = smallvec![];
        for (axis, (&dim, &told_apart)) in shape.iter().zip(&enumerated).enumerate() {
            if told_apart {
                count *= self.arena.as_integer(dim).unwrap_or(1).max(0) as u32;
            } else {
                axes.push(axis as u8);
            }
        }
        let root = self.arena.root(kind, count, dtype);
        let data = (0..count)
            .map(|index| self.arena.channel(root, index))
            .collect();
        let mut alignment = Alignment::new();
        alignment.push((root, axes));
        Value {
            dtype,
            shape,
            enumerated,
            data,
            alignment,
            caveats: Caveats::default(),
        }
    }

    /// Which axes of a fresh root are told apart: axes of size 1, the last axis that is longer, and with it an axis of
    /// pairs ([..., r/2, 2] or, in five and more dimensions, [..., 2, r/2]).
    pub fn channel_axes(&self, dtype: DataType, shape: &[PolyId]) -> SmallVec<[bool; 6]> {
        let size = |axis: usize| self.arena.as_integer(shape[axis]);
        let mut enumerated: SmallVec<[bool; 6]> =
            (0..shape.len()).map(|axis| size(axis) == Some(1)).collect();
        let mut long = (0..shape.len()).rev().filter(|&axis| size(axis) != Some(1));
        let Some(last) = long.next() else {
            return enumerated;
        };
        if !dtype.is_float() {
            enumerated[last] |=
                shape.len() == 1 && size(last).is_some_and(|n| (0..=MAX_VECTOR).contains(&n));
            return enumerated;
        }
        let Some(width) = size(last).filter(|&n| (0..=MAX_CHANNELS as i64).contains(&n)) else {
            return enumerated;
        };
        // Before a last axis of size 1, tokens may stand; in five and more dimensions, channels do.
        let is_last = last + 1 == shape.len();
        enumerated[last] = is_last || shape.len() >= 5;
        if let Some(before) = long.next().filter(|_| is_last)
            && let Some(pairs) = size(before).filter(|&n| n <= MAX_CHANNELS as i64)
            && (width == 2 || (pairs == 2 && shape.len() >= 5))
        {
            enumerated[before] = true;
        }
        enumerated
    }

    /// A list given as an attribute in old opsets and as an input in new ones.
    pub fn ints_of(
        &mut self,
        visit: &Visit<'_>,
        attribute: &str,
        input: usize,
    ) -> Result<Option<Vec<i64>>, Stop> {
        if let Some(list) = visit.node.ints(attribute) {
            return Ok(Some(list.to_vec()));
        }
        match visit.optional(input) {
            None => Ok(None),
            Some(id) => self.integers(id).map(Some).ok_or(Stop::DynamicAxes),
        }
    }
}

/// A dimension of the facts as a polynomial; `None` for one that is unknown.
fn exact_dimension(arena: &mut Arena, dim: &Dim) -> Option<PolyId> {
    match dim {
        Dim::Known(n) => Some(arena.integer(*n)),
        Dim::Symbol(name) => Some(arena.symbol(name)),
        Dim::Add(terms) => terms.iter().try_fold(PolyId::ZERO, |sum, term| {
            let term = exact_dimension(arena, term)?;
            arena.add(sum, term).ok()
        }),
        Dim::Mul(factors) => factors.iter().try_fold(PolyId::ONE, |product, factor| {
            let factor = exact_dimension(arena, factor)?;
            arena.mul(product, factor).ok()
        }),
        Dim::Div(inner, by) => {
            let inner = exact_dimension(arena, inner)?;
            // The quotients of ONNX round to zero, which is down where nothing is negative.
            let rounds_down = arena.range(inner).low >= 0.0;
            let by = arena.integer(*by);
            rounds_down.then(|| arena.integer_quotient(inner, by))
        }
        Dim::Choice(choice, parts) => {
            let parts: Vec<PolyId> = parts
                .iter()
                .map(|part| exact_dimension(arena, part))
                .collect::<Option<_>>()?;
            let (&first, rest) = parts.split_first()?;
            Some(rest.iter().fold(first, |a, &b| match choice {
                Choice::Min => arena.least(a, b),
                Choice::Max => arena.greatest(a, b),
                Choice::Broadcast => arena.broadcast_size(a, b),
            }))
        }
        Dim::Unknown => None,
    }
}

/// An axis counted from the end where negative.
pub fn normal_axis(axis: i64, rank: usize) -> Result<usize, Stop> {
    position(axis, rank).ok_or(Stop::AxisOutOfRange)
}
