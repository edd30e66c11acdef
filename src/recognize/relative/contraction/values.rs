//! Relative values: every query adds up rows of a table, each weighted by the score of the key at that row's distance.
//!
//! No operator does that, so this is a near miss. It is told in two spellings: the graph gathers a row for every query and key, by the
//! distance between them (Shaw et al.), or moves the scores from keys to distances and multiplies them by the table (VITS). As operator
//! it could save the rows that the former gathers, if models did; the latter gathers none.

use crate::onnx::ValueId;
use crate::recognize::Stage;
use crate::recognize::kit::miss::Miss;
use crate::symbolic::element::contraction::{Contraction, Factor};
use crate::symbolic::element::{Elements, Indices, evaluate};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId, Term};

use super::super::GATHER_PAGE;
use super::super::distance;
use super::super::search::Search;

/// The near miss of a sum that adds up rows of a table by distance.
pub(super) fn miss(
    search: &mut Search<'_, '_>,
    contraction: &Contraction,
    y: ValueId,
    at: &Indices,
) -> Option<Miss> {
    let [a, b] = &contraction.factors;
    let queries: Vec<AtomId> = at
        .iter()
        .filter_map(|&p| search.it.arena.as_atom(p))
        .collect();
    let (&channel, queries) = queries.split_last()?;
    let key = contraction.along;
    let found = [(a, b), (b, a)].into_iter().any(|(table, scores)| {
        let Some(row) = row(search, table, channel) else {
            return false;
        };
        queries.iter().any(|&query| {
            is_by_distance(search, row, (query, key))
                && depends(search, scores.element, [query, key])
                || row == PolyId::of_atom(key) && is_moved(search, scores, (query, key))
        })
    });
    found.then(|| {
        let reason = "every query adds up rows of a table, weighted by the scores of the keys at their distances: relative values, for \
                      which there is no operator";
        let hint = "nothing is to be done: this stays as it is, and biases and scores by distance are fused beside it";
        Miss::new(GATHER_PAGE.id, Stage::Target, y, reason).with_hint(Some(hint))
    })
}

/// The row of a factor that is the element of a table, a constant, in the column of a channel. The values that keys have themselves are
/// rows of no constant.
fn row(search: &mut Search<'_, '_>, table: &Factor, channel: AtomId) -> Option<PolyId> {
    let access = Elements::access(search.it, table.element)?;
    let &[.., row, column] = &access.indices[..] else {
        return None;
    };
    let lead = &access.indices[..access.indices.len() - 2];
    let plain = lead.iter().all(|&index| index == PolyId::ZERO);
    let plain = plain && search.it.is_constant(access.value);
    (plain && column == PolyId::of_atom(channel)).then_some(row)
}

fn depends(search: &mut Search<'_, '_>, element: PolyId, on: [AtomId; 2]) -> bool {
    on.iter()
        .all(|&atom| search.it.arena.depends_on(element, atom))
}

/// Whether an index is a function of the distance between these coordinates.
fn is_by_distance(
    search: &mut Search<'_, '_>,
    index: PolyId,
    (query, key): (AtomId, AtomId),
) -> bool {
    let arena = &mut search.it.arena;
    arena.depends_on(index, query)
        && arena.depends_on(index, key)
        && !distance::is_place(arena, index)
        && !distance::readings(arena, index, Some(query), key).is_empty()
}

/// Whether scores are moved from keys to distances: they are those with the key at this place plus that of the query, as such, or as what
/// is left of the place in a matrix without breaks between its rows.
fn is_moved(search: &mut Search<'_, '_>, scores: &Factor, sides: (AtomId, AtomId)) -> bool {
    let parts = evaluate::parts(&search.it.arena, scores.element).unwrap_or_default();
    let atoms = parts
        .iter()
        .flat_map(|&part| evaluate::atoms(&search.it.arena, part));
    let columns = atoms.filter_map(|atom| match search.it.arena.atom_of(atom) {
        Atom::Access { indices, .. } => indices.last().copied(),
        _ => None,
    });
    let columns: Vec<PolyId> = columns.collect();
    columns
        .into_iter()
        .any(|column| is_sum(&mut search.it.arena, column, sides))
}

/// Whether a column is the sum of two coordinates and a number, but for multiples of the number of columns.
fn is_sum(arena: &mut Arena, column: PolyId, (query, place): (AtomId, AtomId)) -> bool {
    let (sum, modulus) = match arena.as_atom(column).map(|atom| arena.atom_of(atom)) {
        Some(Atom::Apply {
            function: Function::Mod,
            args,
        }) => (args[0], arena.as_constant(args[1])),
        _ => (column, None),
    };
    let is_one = |coefficient: f64| match modulus {
        Some(modulus) => (coefficient - 1.0) % modulus == 0.0,
        None => coefficient == 1.0,
    };
    let sides = [query, place].map(PolyId::of_atom);
    let mut found = 0;
    for term in arena.terms(sum).to_vec() {
        let one = arena.sum_of(vec![Term {
            coefficient: 1.0,
            ..term
        }]);
        match sides.contains(&one) {
            true if is_one(term.coefficient) => found += 1,
            false if arena.coordinates_of(one).is_empty() => {}
            _ => return false,
        }
    }
    found == 2
}

#[cfg(test)]
mod tests;
