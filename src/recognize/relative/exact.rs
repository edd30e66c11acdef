//! Positions whose difference is a distance exactly, for an operator that has no table to shift.

use crate::onnx::{DataType, ValueId};
use crate::recognize::Positions;
use crate::recognize::kit::step::Step;
use crate::symbolic::element::Indices;
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::{Shape, Value};

use super::positions::{Place, Sides, Wired};
use super::search::Search;

impl Search<'_, '_> {
    /// Finds positions whose difference is `of`, without a shift: known positions take it up.
    pub(super) fn exact_positions(
        &mut self,
        place: Place<'_>,
        of: PolyId,
        sides: Sides,
    ) -> Option<Wired> {
        let is_known = |side: &Positions| matches!(side, Positions::Known(_));
        let serves =
            |wired: &Wired| wired.shift == 0 || is_known(&wired.query) || is_known(&wired.key);
        let Some(mut wired) = self.wired(place, of, sides, serves) else {
            return self.counted_back(place, of, sides);
        };
        let Wired { query, key, shift } = &mut wired;
        let (numbers, by) = match (query, key) {
            (Positions::Known(numbers), _) => (numbers, -*shift),
            (_, Positions::Known(numbers)) => (numbers, *shift),
            _ => return Some(wired),
        };
        numbers.iter_mut().for_each(|number| *number += by);
        *shift = 0;
        Some(wired)
    }

    /// Keys that are counted back from one query whose position is made: an integer of the graph and a known number, added or
    /// subtracted.
    fn counted_back(&mut self, place: Place<'_>, of: PolyId, sides: Sides) -> Option<Wired> {
        if sides.query.is_some() {
            return None;
        }
        let (key, _, rest) = self.split(of, sides)?;
        let values = self.positional(place.behind);
        let keys = self.candidates(place, &values, Some(sides.key), sides.batch, key);
        let key = keys.into_iter().min_by_key(|candidate| candidate.cost)?;
        let query = self.it.arena.sub(key.beyond, rest).ok()?;
        if !self.it.arena.fits(query, DataType::I64) {
            return None;
        }
        let query = values.iter().find_map(|&id| self.made(id, query))?;
        Some(Wired {
            query,
            key: key.positions,
            shift: 0,
        })
    }

    /// A position that is computed from an integer of the graph.
    fn made(&mut self, id: ValueId, position: PolyId) -> Option<Positions> {
        let value = self.it.value(id).ok()?;
        let is_single = (0..value.rank()).all(|axis| value.is_unit(axis));
        if value.dtype != DataType::I64 || !is_single {
            return None;
        }
        let at = Indices::from_elem(PolyId::ZERO, value.rank());
        let element = self.elements.element(self.it, id, &at);
        let arena = &mut self.it.arena;
        let more = arena.sub(position, element).ok()?;
        let sum = arena.add(position, element).ok()?;
        let step = match (arena.as_integer(more), arena.as_integer(sum)) {
            (Some(number), _) => Step::Plus(vec![number]),
            (_, Some(number)) => Step::From(number),
            _ => return None,
        };
        let rank = value.rank().max(1);
        let shape = Shape::from_elem(PolyId::ONE, rank);
        let made = Value::enumerated(DataType::I64, shape, vec![position]);
        let name = self.it.index().name(id).to_owned();
        let mut maker = self.context.maker.borrow_mut();
        Some(Positions::Value {
            name: maker.make(step, &[&name], &made),
            dtype: DataType::I64,
            axes: Vec::new(),
            rank,
        })
    }
}
