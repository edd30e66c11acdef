//! Places where cosines and sines are multiplied into a tensor and the abstract values show no rotation.
//!
//! Angles are followed from `Cos`, `Sin` and constant tables that look like them through whatever rearranges or rescales
//! them, to the products with a tensor of activations; the products are followed to where they meet. Products that are added
//! to one another, or of a cosine and of a sine that are laid side by side, make a place; so does one that is added to another
//! product of its tensor, whose angle may have got lost. A sinusoidal encoding that is added, a sine that is an activation
//! function, a basis that is contracted in a matrix product and a single gated product make none.
//!
//! [`mod@explain`] then says what stopped a place.

mod explain;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::ValueId;
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Atom, PolyId};
use crate::symbolic::table::TableId;

use crate::recognize::kit::flow::{self, Kind};
use crate::recognize::kit::miss::Miss;
use explain::explain;

/// Relative deviation of a table's first row from that of cosines or sines.
const TOLERANCE: f64 = 2e-2;
/// Most values that the origin of a tensor is sought among.
const MAX_ORIGINS: usize = 64;

/// Which functions of angles a value holds.
#[derive(Clone, Copy, Default)]
struct Angles {
    cos: bool,
    sin: bool,
}

impl Angles {
    fn any(self) -> bool {
        self.cos || self.sin
    }

    fn or(self, other: Angles) -> Angles {
        Angles {
            cos: self.cos || other.cos,
            sin: self.sin || other.sin,
        }
    }
}

/// A product of angles, or of what stands in their place, and activations.
struct Product {
    angle: ValueId,
    tensor: ValueId,
    /// None where nothing is known of the angle.
    kinds: Angles,
}

/// Products that meet.
struct Place {
    products: Vec<usize>,
    /// Where the last of them meet.
    end: ValueId,
    /// Whether some are added to one another.
    summed: bool,
    /// The values from the products on.
    values: Vec<ValueId>,
}

/// Finds the places none of whose values is `accounted` for.
pub(super) fn find(it: &Interpreter<'_>, accounted: &FxHashSet<ValueId>) -> Vec<Miss> {
    let mut trace = Trace::of(it);
    let places = trace.places();
    places
        .into_iter()
        .filter(|place| !place.values.iter().any(|value| accounted.contains(value)))
        .map(|place| explain(it, &trace, &place))
        .collect()
}

/// The values that are one of `ends` before them, merely rearranged and rescaled.
pub(super) fn following(it: &Interpreter<'_>, ends: &FxHashSet<ValueId>) -> FxHashSet<ValueId> {
    let index = it.index();
    let mut following = FxHashSet::default();
    for node in index.order().iter().map(|&at| &it.file.graph().node[at]) {
        if !matches!(flow::kind(node), Kind::Moves(_) | Kind::Multiplies) {
            continue;
        }
        for output in node.output.iter().filter_map(|name| index.id(name)) {
            let from = |source| ends.contains(&source) || following.contains(&source);
            if sources(it, output).into_iter().any(from) {
                following.insert(output);
            }
        }
    }
    following
}

/// Angles and products, followed through the graph.
struct Trace {
    angles: FxHashMap<ValueId, Angles>,
    products: Vec<Product>,
    /// The product each value comes from.
    from: FxHashMap<ValueId, usize>,
    parent: Vec<usize>,
    /// For each product that heads its set: where the last meet, and whether some are added.
    meeting: FxHashMap<usize, (ValueId, bool)>,
}

impl Trace {
    fn of(it: &Interpreter<'_>) -> Trace {
        let mut trace = Trace {
            angles: FxHashMap::default(),
            products: Vec::new(),
            from: FxHashMap::default(),
            parent: Vec::new(),
            meeting: FxHashMap::default(),
        };
        for value in it.index().values() {
            if it.index().producer(value).is_none() {
                trace.note_table(it, value);
            }
        }
        for &node in it.index().order() {
            trace.visit(it, node);
        }
        trace
    }

    fn note_table(&mut self, it: &Interpreter<'_>, value: ValueId) {
        let kinds = table_kinds(it, value);
        if kinds.any() {
            self.angles.insert(value, kinds);
        }
    }

    fn top(&mut self, mut product: usize) -> usize {
        while self.parent[product] != product {
            self.parent[product] = self.parent[self.parent[product]];
            product = self.parent[product];
        }
        product
    }

    /// Products that meet in `value`.
    fn meet(&mut self, value: ValueId, products: &[usize], summed: bool) {
        let Some((&first, others)) = products.split_first() else {
            return;
        };
        let head = self.top(first);
        let mut added = summed && !others.is_empty();
        for &other in others {
            let other = self.top(other);
            if other != head {
                self.parent[other] = head;
                added |= self.meeting.remove(&other).is_some_and(|(_, added)| added);
            }
        }
        if !others.is_empty() {
            let entry = self.meeting.entry(head).or_insert((value, false));
            *entry = (value, entry.1 || added);
        }
        self.from.insert(value, head);
    }

    fn visit(&mut self, it: &Interpreter<'_>, position: usize) {
        let node = &it.file.graph().node[position];
        let inputs: Vec<(usize, ValueId)> = flow::inputs(it, node).collect();
        let outputs: Vec<ValueId> = node
            .output
            .iter()
            .filter_map(|name| it.index().id(name))
            .collect();
        let angle = |id: ValueId| self.angles.get(&id).copied().unwrap_or_default();
        let kind = flow::kind(node);
        let data: Vec<ValueId> = match &kind {
            Kind::Moves(data) => inputs
                .iter()
                .filter(|(k, _)| data.contains(k))
                .map(|(_, id)| *id)
                .collect(),
            Kind::Mixes => return,
            Kind::Trigonometric => {
                let cos = node.op_type() == "Cos";
                for id in outputs {
                    self.angles.insert(id, Angles { cos, sin: !cos });
                }
                return;
            }
            _ => inputs.iter().map(|(_, id)| *id).collect(),
        };
        let kinds = data
            .iter()
            .fold(Angles::default(), |k, &id| k.or(angle(id)));
        let flowing: Vec<usize> = data
            .iter()
            .filter_map(|id| self.from.get(id).copied())
            .collect();
        if !kinds.any() && flowing.is_empty() {
            return;
        }
        let other = data
            .iter()
            .copied()
            .find(|&id| !angle(id).any() && flow::is_activation(it, id));
        let moved = matches!(kind, Kind::Moves(_));
        if kinds.any() && (other.is_none() || moved) {
            for &id in &outputs {
                self.angles.insert(id, kinds);
            }
        }
        if let (Kind::Multiplies, true, Some(tensor), &[output]) =
            (&kind, kinds.any(), other, &outputs[..])
            && node.op_type() == "Mul"
            && let Some(&angle) = data.iter().find(|&&id| id != tensor)
        {
            let product = self.products.len();
            self.products.push(Product {
                angle,
                tensor,
                kinds,
            });
            self.parent.push(product);
            self.from.insert(output, product);
            return;
        }
        if matches!(kind, Kind::Adds) {
            for &id in &data {
                self.note_partner(it, id, &flowing);
            }
        }
        let flowing: Vec<usize> = data
            .iter()
            .filter_map(|id| self.from.get(id).copied())
            .collect();
        let all_flow = data
            .iter()
            .all(|id| self.from.contains_key(id) || !flow::is_activation(it, *id));
        let passes = match kind {
            Kind::Moves(_) => true,
            Kind::Adds | Kind::Multiplies | Kind::Other => all_flow,
            Kind::Mixes | Kind::Trigonometric => false,
        };
        if passes {
            for &output in &outputs {
                self.meet(output, &flowing, matches!(kind, Kind::Adds));
            }
        }
    }

    /// What is added to a product may be one of the same tensor, by an angle or in an operator that is not known.
    fn note_partner(&mut self, it: &Interpreter<'_>, value: ValueId, added_to: &[usize]) {
        let Some(&beside) = added_to.first().filter(|_| !self.from.contains_key(&value)) else {
            return;
        };
        let mut origin = value;
        let mut steps = 0..MAX_ORIGINS;
        let node = loop {
            let Some(_) = steps.next() else { return };
            let Some((node, _)) = it.index().producer(origin) else {
                return;
            };
            let node = &it.file.graph().node[node];
            match flow::kind(node) {
                Kind::Multiplies | Kind::Other => break node,
                Kind::Moves(_) => match sources(it, origin).first() {
                    Some(&source) => origin = source,
                    None => return,
                },
                _ => return,
            }
        };
        let operands: Vec<ValueId> = flow::inputs(it, node).map(|(_, id)| id).collect();
        let &[a, b] = &operands[..] else {
            return;
        };
        let tensor = origins(it, self.products[beside].tensor);
        let shares = |id: ValueId| !origins(it, id).is_disjoint(&tensor);
        let (tensor, angle) = match (shares(a), shares(b)) {
            (true, false) => (a, b),
            (false, true) => (b, a),
            _ => return,
        };
        let kinds = self.angles.get(&angle).copied().unwrap_or_default();
        if !kinds.any() && !flow::is_activation(it, angle) {
            return;
        }
        let product = self.products.len();
        self.products.push(Product {
            angle,
            tensor,
            kinds,
        });
        self.parent.push(product);
        self.from.insert(value, product);
    }

    fn places(&mut self) -> Vec<Place> {
        let heads: Vec<usize> = (0..self.products.len()).map(|p| self.top(p)).collect();
        let mut by_head: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        for (product, &head) in heads.iter().enumerate() {
            by_head.entry(head).or_default().push(product);
        }
        let mut values: FxHashMap<usize, Vec<ValueId>> = FxHashMap::default();
        for (&value, &product) in &self.from {
            values.entry(heads[product]).or_default().push(value);
        }
        let mut places: Vec<Place> = by_head
            .into_iter()
            .filter_map(|(head, products)| {
                let &(end, summed) = self.meeting.get(&head)?;
                let kinds = products
                    .iter()
                    .fold(Angles::default(), |k, &p| k.or(self.products[p].kinds));
                let mut values = values.remove(&head).unwrap_or_default();
                values.sort_unstable();
                (summed || (kinds.cos && kinds.sin)).then_some(Place {
                    products,
                    end,
                    summed,
                    values,
                })
            })
            .collect();
        places.sort_by_key(|place| place.end);
        places
    }
}

/// Whether a constant looks like rows of cosines, of sines, or of both, from position 0 on: each column begins at its peak or
/// at zero.
fn table_kinds(it: &Interpreter<'_>, value: ValueId) -> Angles {
    let none = Angles::default();
    let Some(known) = it
        .known(value)
        .filter(|v| v.dtype.is_float() && v.rank() >= 2 && !v.data.is_empty())
    else {
        return none;
    };
    let width = known.extents(&it.arena).last().copied().unwrap_or(0);
    if width < 2 {
        return none;
    }
    let mut kinds = none;
    let mut column = Vec::new();
    for k in 0..width {
        column.clear();
        match (table_of(it, known.data[k]), known.elements()) {
            (Some(table), _) => {
                column.extend((0..it.tables.rows(table)).map(|row| it.tables.get(table, row)));
            }
            (None, Some(elements)) => {
                let rows = elements.iter().skip(k).step_by(width);
                column.extend(rows.map_while(|&p| it.arena.as_constant(p)));
            }
            (None, None) => return none,
        }
        let peak = column.iter().fold(0.0f64, |peak, v| peak.max(v.abs()));
        let Some(&first) = column.first().filter(|_| column.len() > 1 && peak > 0.0) else {
            return none;
        };
        let (cos, sin) = (
            (peak - first).abs() <= TOLERANCE * peak,
            first.abs() <= TOLERANCE * peak,
        );
        if !cos && !sin {
            return none;
        }
        kinds = kinds.or(Angles { cos, sin });
    }
    kinds
}

fn table_of(it: &Interpreter<'_>, p: PolyId) -> Option<TableId> {
    match it.arena.atom_of(it.arena.as_atom(p)?) {
        Atom::Apply {
            function: Function::Table(table),
            ..
        } => Some(*table),
        _ => None,
    }
}

/// What a value is computed from; nothing where that mixes its elements or begins an angle.
fn sources(it: &Interpreter<'_>, value: ValueId) -> Vec<ValueId> {
    let Some((node, _)) = it.index().producer(value) else {
        return Vec::new();
    };
    let node = &it.file.graph().node[node];
    let kind = flow::kind(node);
    let reads = |k: &usize| match &kind {
        Kind::Moves(data) => data.contains(k),
        Kind::Mixes | Kind::Trigonometric => false,
        _ => true,
    };
    flow::inputs(it, node)
        .filter(|(k, _)| reads(k))
        .map(|(_, id)| id)
        .collect()
}

/// The activations that a tensor is computed from, itself included, back to where elements are mixed.
fn origins(it: &Interpreter<'_>, tensor: ValueId) -> FxHashSet<ValueId> {
    let mut found = FxHashSet::default();
    let mut open = vec![tensor];
    while let Some(value) = open.pop() {
        if found.len() < MAX_ORIGINS && flow::is_activation(it, value) && found.insert(value) {
            open.extend(sources(it, value));
        }
    }
    found
}
