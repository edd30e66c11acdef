//! Scores that the graph computes for every query and key from a row of a table: the relative keys of Shaw et al.
//!
//! The graph gathers a row of the table for every query and key, by the distance between them, and multiplies it by the vector of the
//! query or of the key. The same products are those of every vector with every row, of which each query and key takes the one of their
//! distance. That is so if one factor of an element is `table[F(distance), c]`, and the other is `x[..., i, c]` or `x[..., j, c]`.
//!
//! Of the table only rows are multiplied that some distance leads to: [`rows`] says which, and whether that is cheaper. [`values`] tells
//! sums over keys, which are none of these.

mod rows;
#[cfg(test)]
mod tests;
mod values;

use crate::onnx::ValueId;
use crate::recognize::kit::miss::Miss;
use crate::recognize::{Kind, Product, RelativeGather, Scores, Stage};
use crate::symbolic::element::contraction::{Contraction, Factor};
use crate::symbolic::element::{Access, Elements, Indices};
use crate::symbolic::poly::{AtomId, PolyId};

use super::GATHER_PAGE;
use super::distance;
use super::fit;
use super::lut;
use super::positions::Sides;
use super::search::{Found, Lookup, Search};

/// A sum of products of which one factor is a row of a table.
struct Factors {
    /// The element of the table: row and column.
    table: Access,
    /// The other factor.
    x: Factor,
    /// The column.
    along: AtomId,
    /// The number of columns.
    terms: usize,
}

/// Reads a tensor as products with rows of a table, gathered by distance; `None` if it is nothing like that.
pub(super) fn read(search: &mut Search<'_, '_>, y: ValueId) -> Option<Found> {
    let own = search.it.value(y).ok()?;
    let rank = own.rank();
    if rank < 2 || !own.dtype.is_float() {
        return None;
    }
    let at = Elements::coordinates(search.it, y)?;
    let (query, key) = (
        search.it.arena.as_atom(at[rank - 2])?,
        search.it.arena.as_atom(at[rank - 1])?,
    );
    let element = search.elements.element(search.it, y, &at);
    let product = Elements::access(search.it, element)?;
    if search.it.value(product.value).ok()?.dtype != own.dtype {
        return None;
    }
    let contraction = search.elements.contraction(search.it, &product)?;
    let Some(factors) = factors(search, &contraction, &at, (query, key)) else {
        return values::miss(search, &contraction, y, &at).map(Err);
    };
    let data = search.it.value(factors.table.value).ok()?;
    if !search.context.order.is_before(factors.table.value, y) {
        return None;
    }
    let lookup = Lookup {
        y,
        own,
        at,
        from: factors.table.clone(),
        data,
    };
    Some(fitted(search, &lookup, &factors, (query, key)))
}

/// The factors of a contraction, if one is a row of a table that depends on both coordinates of `y` and on no other.
fn factors(
    search: &mut Search<'_, '_>,
    contraction: &Contraction,
    at: &Indices,
    (query, key): (AtomId, AtomId),
) -> Option<Factors> {
    let [a, b] = &contraction.factors;
    let terms = search.it.arena.as_integer(contraction.size)?;
    let terms = usize::try_from(terms).ok()?;
    for (table, x) in [(a, b), (b, a)] {
        let Some(table) = Elements::access(search.it, table.element) else {
            continue;
        };
        let [row, column] = table.indices[..] else {
            continue;
        };
        let along = PolyId::of_atom(contraction.along);
        if distance::is_place(&mut search.it.arena, row) {
            continue;
        }
        let found = search.it.arena.coordinates_of(row).to_vec();
        let others = at.iter().filter_map(|&p| search.it.arena.as_atom(p));
        let others = others.filter(|&atom| atom != query && atom != key);
        let is_row = found.contains(&query) && found.contains(&key);
        if column == along && is_row && !others.clone().any(|other| found.contains(&other)) {
            return Some(Factors {
                table,
                x: x.clone(),
                along: contraction.along,
                terms,
            });
        }
    }
    None
}

fn fitted(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    factors: &Factors,
    (query, key): (AtomId, AtomId),
) -> Found {
    let miss = |stage, reason: &str| Miss::new(GATHER_PAGE.id, stage, lookup.y, reason);
    let index = factors.table.indices[0];
    let readings = distance::readings(&mut search.it.arena, index, Some(query), key);
    if readings.is_empty() {
        let reason = "the row of the table depends on more than the distance between query and key";
        return Err(miss(Stage::Distance, reason));
    }
    let arena = &mut search.it.arena;
    let [of_query, of_key] = [query, key].map(|atom| arena.depends_on(factors.x.element, atom));
    if of_query && of_key {
        let reason = "what the table's rows are multiplied by depends on both query and key";
        return Err(miss(Stage::Proof, reason));
    }
    let by_key = of_key;
    let Some((x, order)) = vectors(search, lookup, factors, by_key) else {
        let reason = "no tensor of the graph has the axes of the scores, and the vectors that the rows are multiplied by";
        return Err(miss(Stage::Proof, reason));
    };
    let table_rows = search.it.arena.as_integer(lookup.data.shape[0]);
    let Some(table_rows) = table_rows.and_then(|rows| usize::try_from(rows).ok()) else {
        let reason = "the number of rows of the table is not known";
        return Err(miss(Stage::Lut, reason));
    };
    let sides = Sides {
        query: Some(query),
        key,
        batch: None,
    };
    let Some(mut behind) = search.behind(lookup.y, &[x, factors.table.value]) else {
        let reason = "too many values lie behind it";
        return Err(miss(Stage::Positions, reason));
    };
    // Positions may be counted along the vectors.
    behind.push(x);
    let data = (factors.table.value, 0);
    let at = (GATHER_PAGE.id, lookup);
    let (wired, (rows, lut)) = fit::first(
        search,
        at,
        &behind,
        (&readings, sides),
        |search, reading, wired| match rows::around(
            search,
            lookup,
            reading,
            wired.shift,
            table_rows,
        ) {
            Some(around) => Ok(around),
            None => {
                let lut = lut::lut(search, data, &behind, reading, wired.shift)?;
                rows::chosen(search, lookup, lut, table_rows)
            }
        },
    )?;
    let name = |value| search.it.index().name(value).to_owned();
    Ok(Kind::RelativeGather(RelativeGather {
        scores: Scores::Product(Product {
            x: name(x),
            order,
            table: name(factors.table.value),
            table_dtype: lookup.data.dtype,
            terms: factors.terms,
            rows,
        }),
        lut,
        query: wired.query,
        key: wired.key,
        by_key,
    }))
}

/// The tensor that holds what the rows of the table are multiplied by, and its axes in the order of those of `y`, unless they are in
/// order: the factor itself, or one whose elements it moves.
fn vectors(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    factors: &Factors,
    by_key: bool,
) -> Option<(ValueId, Vec<usize>)> {
    let rank = lookup.own.rank();
    let row = if by_key { rank - 1 } else { rank - 2 };
    let (mut shape, mut at) = (lookup.own.shape.to_vec(), lookup.at.clone());
    (shape[rank - 2], at[rank - 2]) = (lookup.own.shape[row], lookup.at[row]);
    shape[rank - 1] = search.it.arena.constant(factors.terms as f64);
    at[rank - 1] = PolyId::of_atom(factors.along);
    for value in search.chain(factors.x.value) {
        let own = search.it.value(value).ok()?;
        let fits = own.dtype == lookup.own.dtype && own.shape[..] == shape[..];
        let fits = fits && search.context.order.is_before(value, lookup.y);
        if fits && search.elements.element(search.it, value, &at) == factors.x.element {
            return Some((value, Vec::new()));
        }
    }
    let own = search.it.value(factors.x.value).ok()?;
    let is_before = search.context.order.is_before(factors.x.value, lookup.y);
    if own.dtype != lookup.own.dtype || own.rank() != rank || !is_before {
        return None;
    }
    let mut order: Vec<usize> = Vec::new();
    for (&size, &index) in shape.iter().zip(&at) {
        let mut axes = 0..rank;
        let axis = axes.find(|&axis| {
            let is_same = own.shape[axis] == size && factors.x.at[axis] == index;
            is_same && !order.contains(&axis)
        });
        order.push(axis?);
    }
    Some((factors.x.value, order))
}
