//! Scores that are gathered by the distance between query and key.

use crate::recognize::kit::miss::Miss;
use crate::recognize::{Kind, RelativeGather, Scores, Stage};
use crate::symbolic::poly::PolyId;

use super::GATHER_PAGE;
use super::distance;
use super::fit;
use super::lut;
use super::positions::Sides;
use super::search::{Found, Lookup, Search};

/// Reads a tensor as gathered scores; `None` if it is nothing like that.
pub(super) fn read(search: &mut Search<'_, '_>, lookup: &Lookup) -> Option<Found> {
    let rank = lookup.own.rank();
    if rank < 2 || lookup.data.rank() != rank {
        return None;
    }
    let column = rank - 1;
    let axes = search.axes_of(lookup, column);
    let [(first, query), (last, key)] = axes[..] else {
        return None;
    };
    if (first, last) != (rank - 2, rank - 1) {
        return None;
    }
    let behind = search.behind(lookup.y, &[lookup.from.value])?;
    // The axes before are the same, and one of the last two goes along.
    for axis in 0..rank - 2 {
        let sizes = (lookup.own.shape[axis], lookup.data.shape[axis]);
        if lookup.from.indices[axis] != lookup.at[axis] || !search.are_equal(sizes, &behind) {
            return None;
        }
    }
    let row = lookup.from.indices[rank - 2];
    let by_key = match row {
        row if row == PolyId::of_atom(query) => false,
        row if row == PolyId::of_atom(key) => true,
        _ => return None,
    };
    let rows = lookup.own.shape[if by_key { rank - 1 } else { rank - 2 }];
    if !search.are_equal((lookup.data.shape[rank - 2], rows), &behind) {
        return None;
    }
    let sides = Sides {
        query: Some(query),
        key,
        batch: None,
    };
    let index = lookup.from.indices[column];
    if distance::is_place(&mut search.it.arena, index) {
        return None;
    }
    let readings = distance::readings(&mut search.it.arena, index, sides.query, key);
    let miss = |stage, reason: String| Miss::new(GATHER_PAGE.id, stage, lookup.y, reason);
    if readings.is_empty() {
        let reason = distance::overflow(&mut search.it.arena, index, sides.query, key)?;
        return Some(Err(miss(Stage::Distance, reason)));
    }
    let data = (lookup.from.value, column);
    let at = (GATHER_PAGE.id, lookup);
    let fitted = fit::first(
        search,
        at,
        &behind,
        (&readings, sides),
        |search, reading, wired| lut::lut(search, data, &behind, reading, wired.shift),
    );
    let scores = search.it.index().name(lookup.from.value).to_owned();
    Some(fitted.map(|(wired, lut)| {
        Kind::RelativeGather(RelativeGather {
            scores: Scores::Tensor(scores),
            lut,
            query: wired.query,
            key: wired.key,
            by_key,
        })
    }))
}
