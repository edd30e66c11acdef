//! Finds near misses by the operators alone, where the abstract values show no rotation.
//!
//! Cosines and sines are followed from `Cos`, `Sin` and constant tables that look like them, through whatever rearranges or
//! rescales them, to their products with activations; and the products to where they meet. A candidate is made of
//!
//! * products that are added to one another,
//! * products of a cosine and of a sine that are concatenated, or
//! * a product that is added to another product of its tensor, in which the analysis may have lost the angle.
//!
//! A sinusoidal encoding that is added, a sine as an activation function, a basis contracted in a matrix product and a single gated
//! product are no candidates. [`mod@explain`] says what stopped a candidate.

mod explain;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::ValueId;
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Atom, PolyId};
use crate::symbolic::table::TableId;

use crate::recognize::kit::flow::{self, Effect};
use crate::recognize::kit::miss::Miss;
use explain::explain;

/// Allowed relative deviation of a table's first row from that of cosines (the peak) or sines (0).
const TOLERANCE: f64 = 2e-2;
/// How many values are searched for the origin of a tensor.
const MAX_ORIGINS: usize = 64;

/// Whether a value holds cosines, sines, or both.
#[derive(Clone, Copy, Default)]
struct CosSin {
    cos: bool,
    sin: bool,
}

impl CosSin {
    fn any(self) -> bool {
        self.cos || self.sin
    }

    fn or(self, other: CosSin) -> CosSin {
        CosSin {
            cos: self.cos || other.cos,
            sin: self.sin || other.sin,
        }
    }
}

/// A product of cosines or sines with activations.
struct Product {
    /// The cosines or sines, or what may stand for them.
    angle: ValueId,
    tensor: ValueId,
    /// Neither, if nothing is known of `angle`.
    kinds: CosSin,
}

/// Products that meet, and are no site.
struct Candidate {
    products: Vec<usize>,
    /// The value in which the last of them meet.
    end: ValueId,
    /// Whether some are added to one another.
    summed: bool,
    /// The values from the products to `end`.
    values: Vec<ValueId>,
}

/// Explains the candidates that share no value with those `accounted` for.
pub(super) fn find(it: &Interpreter<'_>, accounted: &FxHashSet<ValueId>) -> Vec<Miss> {
    let mut trace = Trace::of(it);
    let candidates = trace.candidates();
    candidates
        .into_iter()
        .filter(|candidate| {
            !candidate
                .values
                .iter()
                .any(|value| accounted.contains(value))
        })
        .map(|candidate| explain(it, &trace, &candidate))
        .collect()
}

/// The values that are an earlier one of `ends`, only rearranged and rescaled.
pub(super) fn following(it: &Interpreter<'_>, ends: &FxHashSet<ValueId>) -> FxHashSet<ValueId> {
    let index = it.index();
    let mut following = FxHashSet::default();
    for node in index.order().iter().map(|&at| &it.file.graph().node[at]) {
        if !matches!(flow::effect(node), Effect::Moves(_) | Effect::Multiplies) {
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

/// Cosines, sines and their products, followed through the graph.
struct Trace {
    angles: FxHashMap<ValueId, CosSin>,
    /// Activations that are computed from cosines and sines alone, such as the scale of an embedding that is normed.
    derived: FxHashSet<ValueId>,
    products: Vec<Product>,
    /// The product that each value comes from.
    from: FxHashMap<ValueId, usize>,
    /// Sets of products that meet, as a union-find.
    parent: Vec<usize>,
    /// For the head of each set: where the last products meet, and whether some are added.
    meeting: FxHashMap<usize, (ValueId, bool)>,
}

impl Trace {
    fn of(it: &Interpreter<'_>) -> Trace {
        let mut trace = Trace {
            angles: FxHashMap::default(),
            derived: FxHashSet::default(),
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

    /// Joins the sets of products that meet in `value`.
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
        let kind = flow::effect(node);
        self.note_derived(it, &inputs, &outputs);
        let angle = |id: ValueId| self.angles.get(&id).copied().unwrap_or_default();
        let data: Vec<ValueId> = match &kind {
            Effect::Moves(data) => inputs
                .iter()
                .filter(|(k, _)| data.contains(k))
                .map(|(_, id)| *id)
                .collect(),
            Effect::Mixes => return,
            Effect::Trigonometric => {
                let cos = node.op_type() == "Cos";
                for id in outputs {
                    self.angles.insert(id, CosSin { cos, sin: !cos });
                }
                return;
            }
            _ => inputs.iter().map(|(_, id)| *id).collect(),
        };
        let kinds = data
            .iter()
            .fold(CosSin::default(), |k, &id| k.or(angle(id)));
        let flowing: Vec<usize> = data
            .iter()
            .filter_map(|id| self.from.get(id).copied())
            .collect();
        if !kinds.any() && flowing.is_empty() {
            return;
        }
        let other = data.iter().copied().find(|&id| {
            !angle(id).any() && !self.derived.contains(&id) && flow::is_activation(it, id)
        });
        let moved = matches!(kind, Effect::Moves(_));
        if kinds.any() && (other.is_none() || moved) {
            for &id in &outputs {
                self.angles.insert(id, kinds);
            }
        }
        if let (Effect::Multiplies, true, Some(tensor), &[output]) =
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
        if matches!(kind, Effect::Adds) {
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
            Effect::Moves(_) => true,
            Effect::Adds | Effect::Multiplies | Effect::Other => all_flow,
            Effect::Mixes | Effect::Trigonometric => false,
        };
        if passes {
            for &output in &outputs {
                self.meet(output, &flowing, matches!(kind, Effect::Adds));
            }
        }
    }

    /// Notes that outputs are computed from cosines and sines alone, if they are.
    fn note_derived(
        &mut self,
        it: &Interpreter<'_>,
        inputs: &[(usize, ValueId)],
        outputs: &[ValueId],
    ) {
        let is_own = |id: &ValueId| self.angles.contains_key(id) || self.derived.contains(id);
        let mut inputs = inputs.iter().map(|(_, id)| id);
        if inputs.clone().any(is_own)
            && inputs.all(|id| is_own(id) || !flow::is_activation(it, *id))
        {
            self.derived.extend(outputs);
        }
    }

    /// Notes the other summand of a product as a product, if it is made of the same tensor: by `Mul`, or by an operator that is
    /// not known.
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
            match flow::effect(node) {
                Effect::Multiplies | Effect::Other => break node,
                Effect::Moves(_) => match sources(it, origin).first() {
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

    fn candidates(&mut self) -> Vec<Candidate> {
        let heads: Vec<usize> = (0..self.products.len()).map(|p| self.top(p)).collect();
        let mut by_head: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        for (product, &head) in heads.iter().enumerate() {
            by_head.entry(head).or_default().push(product);
        }
        let mut values: FxHashMap<usize, Vec<ValueId>> = FxHashMap::default();
        for (&value, &product) in &self.from {
            values.entry(heads[product]).or_default().push(value);
        }
        let mut candidates: Vec<Candidate> = by_head
            .into_iter()
            .filter_map(|(head, products)| {
                let &(end, summed) = self.meeting.get(&head)?;
                let kinds = products
                    .iter()
                    .fold(CosSin::default(), |k, &p| k.or(self.products[p].kinds));
                let mut values = values.remove(&head).unwrap_or_default();
                values.sort_unstable();
                (summed || (kinds.cos && kinds.sin)).then_some(Candidate {
                    products,
                    end,
                    summed,
                    values,
                })
            })
            .collect();
        candidates.sort_by_key(|candidate| candidate.end);
        candidates
    }
}

/// Whether a constant looks like rows of cosines, sines, or both from position 0 on: each column begins at its peak or at zero.
fn table_kinds(it: &Interpreter<'_>, value: ValueId) -> CosSin {
    let none = CosSin::default();
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
        kinds = kinds.or(CosSin { cos, sin });
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

/// The values that a value is computed from element by element; none if its node mixes elements or takes a cosine or a sine.
fn sources(it: &Interpreter<'_>, value: ValueId) -> Vec<ValueId> {
    let Some((node, _)) = it.index().producer(value) else {
        return Vec::new();
    };
    let node = &it.file.graph().node[node];
    let kind = flow::effect(node);
    let reads = |k: &usize| match &kind {
        Effect::Moves(data) => data.contains(k),
        Effect::Mixes | Effect::Trigonometric => false,
        _ => true,
    };
    flow::inputs(it, node)
        .filter(|(k, _)| reads(k))
        .map(|(_, id)| id)
        .collect()
}

/// The activations that a tensor is computed from element by element, itself included.
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

#[cfg(test)]
mod tests;
