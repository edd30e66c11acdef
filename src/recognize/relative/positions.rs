//! Tensors of the graph that hold the positions of queries and keys.

use rustc_hash::FxHashSet;

use crate::onnx::{DataType, ValueId};
use crate::recognize::Positions;
use crate::recognize::kit::sized;
use crate::symbolic::element::{Elements, Indices};
use crate::symbolic::poly::{Atom, AtomId, PolyId};

use super::distance::Distance;
use super::search::{Lookup, Search};

/// Longest list of positions that is written into the model.
const MAX_KNOWN: i64 = 4096;

/// The coordinates between which a distance lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides {
    /// That of the query; `None` where there is one query.
    pub query: Option<AtomId>,
    /// That of the key.
    pub key: AtomId,
    /// That of the batch, if positions have one.
    pub batch: Option<AtomId>,
}

/// Positions of queries and keys whose difference is the distance less `shift`.
pub(super) struct Wired {
    pub query: Positions,
    pub key: Positions,
    pub shift: i64,
}

/// Positions that may serve for one side: what is read, what its elements are beyond the wanted ones, and how well it serves.
pub(super) struct Candidate {
    pub positions: Positions,
    pub beyond: PolyId,
    pub cost: usize,
}

/// Where positions are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'b> {
    /// The tensor that depends on them.
    pub y: ValueId,
    /// The tensor of which it has elements, or that holds its slopes.
    pub from: ValueId,
    /// The values that `y` is computed from up to that one.
    pub behind: &'b [ValueId],
}

impl Search<'_, '_> {
    /// Finds the positions of a distance among the tensors that `y` is computed from without the `data`, along which they may be
    /// counted.
    pub(super) fn positions(
        &mut self,
        lookup: &Lookup,
        behind: &[ValueId],
        reading: &Distance,
        sides: Sides,
    ) -> Option<Wired> {
        let place = Place {
            y: lookup.y,
            from: lookup.from.value,
            behind,
        };
        self.wired(place, reading.of, sides, |_| true)
    }

    /// The best positions of a distance that `serves` accepts.
    pub(super) fn wired(
        &mut self,
        place: Place<'_>,
        of: PolyId,
        sides: Sides,
        serves: impl Fn(&Wired) -> bool,
    ) -> Option<Wired> {
        let (key, query, rest) = self.split(of, sides)?;
        let values = self.positional(place.behind);
        let keys = self.candidates(place, &values, Some(sides.key), sides.batch, key);
        let queries = self.candidates(place, &values, sides.query, sides.batch, query);
        let mut best: Option<(usize, Wired)> = None;
        for k in &keys {
            for q in &queries {
                let cost = k.cost + q.cost;
                if best.as_ref().is_some_and(|(known, _)| *known <= cost) {
                    continue;
                }
                let arena = &mut self.it.arena;
                let difference = arena.sub(k.beyond, q.beyond);
                let Ok(difference) = difference.and_then(|d| arena.sub(d, rest)) else {
                    continue;
                };
                let Some(shift) = arena.as_integer(difference) else {
                    continue;
                };
                let wired = Wired {
                    query: q.positions.clone(),
                    key: k.positions.clone(),
                    shift: -shift,
                };
                if serves(&wired) {
                    best = Some((cost, wired));
                }
            }
        }
        best.map(|(_, wired)| wired)
    }

    /// A distance as the position of the key, less that of the query, and a number for all.
    pub(super) fn split(&mut self, of: PolyId, sides: Sides) -> Option<(PolyId, PolyId, PolyId)> {
        let arena = &mut self.it.arena;
        let (mut key, mut query, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for term in arena.terms(of).to_vec() {
            let one = arena.sum_of(vec![term]);
            if arena.depends_on(one, sides.key) {
                key.push(term);
            } else if sides.query.is_some_and(|q| arena.depends_on(one, q)) {
                query.push(term);
            } else {
                rest.push(term);
            }
        }
        let query = arena.sum_of(query);
        Some((
            arena.sum_of(key),
            arena.scale(query, -1.0),
            arena.sum_of(rest),
        ))
    }

    /// The values of numbers among these with at most two axes longer than 1.
    pub(super) fn positional(&mut self, values: &[ValueId]) -> Vec<ValueId> {
        let mut seen = FxHashSet::default();
        let values = values.iter().copied().filter(|&id| {
            let Some(value) = self.it.known(id) else {
                return false;
            };
            let numeric = value.dtype.is_integer() || value.dtype == DataType::F32;
            numeric && value.long_axes().count() <= 2 && seen.insert(id)
        });
        values.collect()
    }

    /// What may serve as positions whose element is `wanted` at this coordinate.
    pub(super) fn candidates(
        &mut self,
        place: Place<'_>,
        values: &[ValueId],
        along: Option<AtomId>,
        batch: Option<AtomId>,
        wanted: PolyId,
    ) -> Vec<Candidate> {
        let batch = batch.filter(|&batch| self.it.arena.depends_on(wanted, batch));
        let wanted_axes: Vec<AtomId> = batch.into_iter().chain(along).collect();
        let mut all: Vec<Candidate> = Vec::new();
        all.extend(self.known(along, batch, wanted));
        for &id in values {
            all.extend(self.value(id, &wanted_axes, wanted));
        }
        if let Some(along) = along.filter(|_| batch.is_none()) {
            all.extend(self.counted(place, values, along, wanted));
        }
        all
    }

    /// Numbers known beforehand.
    fn known(
        &mut self,
        along: Option<AtomId>,
        batch: Option<AtomId>,
        wanted: PolyId,
    ) -> Option<Candidate> {
        let arena = &mut self.it.arena;
        if batch.is_some() {
            return None;
        }
        let Some(along) = along else {
            return Some(Candidate {
                positions: Positions::Known(vec![0]),
                beyond: arena.scale(wanted, -1.0),
                cost: 0,
            });
        };
        let Atom::Coordinate { size, .. } = *arena.atom_of(along) else {
            return None;
        };
        let count = arena.as_integer(size).filter(|&n| n <= MAX_KNOWN)?;
        let beyond = arena.sub(PolyId::of_atom(along), wanted).ok()?;
        (arena.coordinates_of(beyond).is_empty()).then(|| Candidate {
            positions: Positions::Known((0..count).collect()),
            beyond,
            cost: 0,
        })
    }

    /// A tensor of the graph.
    fn value(&mut self, id: ValueId, wanted_axes: &[AtomId], wanted: PolyId) -> Option<Candidate> {
        let value = self.it.value(id).ok()?;
        let long: Vec<usize> = value.long_axes().collect();
        if long.len() != wanted_axes.len() {
            return None;
        }
        let mut at = Indices::from_elem(PolyId::ZERO, value.rank());
        for (&axis, &coordinate) in long.iter().zip(wanted_axes) {
            let Atom::Coordinate { size, .. } = *self.it.arena.atom_of(coordinate) else {
                return None;
            };
            if Elements::size(self.it, value.shape[axis]) != size {
                return None;
            }
            at[axis] = PolyId::of_atom(coordinate);
        }
        let element = self.elements.element(self.it, id, &at);
        let arena = &mut self.it.arena;
        let whole = arena.range(element).whole;
        let beyond = arena.sub(element, wanted).ok().filter(|_| whole)?;
        if !arena.coordinates_of(beyond).is_empty() {
            return None;
        }
        let plain = value.rank() == wanted_axes.len() && value.dtype == DataType::I64;
        Some(Candidate {
            positions: Positions::Value {
                name: self.it.index().name(id).to_owned(),
                dtype: value.dtype,
                axes: long,
                rank: value.rank(),
            },
            beyond,
            cost: if plain { 1 } else { 3 },
        })
    }

    /// The places along an axis of a tensor, if need be of an input of the graph.
    fn counted(
        &mut self,
        place: Place<'_>,
        values: &[ValueId],
        along: AtomId,
        wanted: PolyId,
    ) -> Option<Candidate> {
        let counted = PolyId::of_atom(along);
        let beyond = self.it.arena.sub(counted, wanted).ok()?;
        if !self.it.arena.coordinates_of(beyond).is_empty() {
            return None;
        }
        let Atom::Coordinate { size, .. } = *self.it.arena.atom_of(along) else {
            return None;
        };
        let behind = [place.from].into_iter().chain(values.iter().copied());
        let behind: Vec<ValueId> = behind.collect();
        let (tensor, axis) = sized::find(self.it, &self.context.order, place.y, &behind, size)?;
        Some(Candidate {
            positions: Positions::Counted {
                tensor: self.it.index().name(tensor).to_owned(),
                axis,
            },
            beyond,
            cost: 5,
        })
    }
}
