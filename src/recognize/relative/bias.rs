//! Biases: rows of a table, looked up by the distance between query and key.

use crate::onnx::ValueId;
use crate::recognize::kit::miss::Miss;
use crate::recognize::{BiasAxis, Kind, RelativeBias, Stage, TableAxes};
use crate::symbolic::element::evaluate;
use crate::symbolic::poly::{Atom, AtomId, PolyId};
use crate::symbolic::value::Value;

use super::BIAS_PAGE;
use super::distance::{self, Distance};
use super::fit;
use super::lut;
use super::positions::Sides;
use super::search::{Found, Lookup, MAX_CHAIN, Search, is_movement};

/// Reads a tensor as a bias; `None` if it is nothing like one.
pub(super) fn read(search: &mut Search<'_, '_>, lookup: &Lookup) -> Option<Found> {
    if is_multiplied(search, lookup.y) {
        return None;
    }
    let table = table(search, lookup)?;
    let axes = search.axes_of(lookup, table.row);
    let head = table.head.and_then(|slot| search.plain(lookup, slot));
    if axes.iter().any(|&(axis, _)| Some(axis) == head) {
        return None;
    }
    let sides = sides(&axes)?;
    if let Some(static_) = constant(search, lookup, &axes, table) {
        return Some(Err(static_));
    }
    let index = lookup.from.indices[table.row];
    if distance::is_place(&mut search.it.arena, index) {
        return None;
    }
    let mut readings = distance::readings(&mut search.it.arena, index, sides.query, sides.key);
    if sides.query.is_none() {
        // With one query a multiple of the distance is a slice, rows before channels are embeddings, and a key alone is no distance.
        let (key, _) = axes[0];
        if head.is_none_or(|head| head > key) {
            return None;
        }
        readings.retain(|reading| {
            distance::is_from_a_query(&mut search.it.arena, reading.of, sides.key)
                && !is_affine(search, reading)
        });
    }
    if readings.is_empty() {
        let arena = &mut search.it.arena;
        let reason = distance::overflow(arena, index, sides.query, sides.key)?;
        return Some(Err(Miss::new(
            BIAS_PAGE.id,
            Stage::Distance,
            lookup.y,
            reason,
        )));
    }
    Some(fitted(search, lookup, table, sides, &readings))
}

/// The axes of the data, if it is a table: rows, and heads that are those of a whole axis of the tensor.
fn table(search: &Search<'_, '_>, lookup: &Lookup) -> Option<TableAxes> {
    let rank = lookup.data.rank();
    let long: Vec<usize> = lookup.data.long_axes().collect();
    let (row, head) = match long[..] {
        // A vector of numbers that are computed is no table.
        [row] if rank > 1 || search.it.is_constant(lookup.from.value) => (row, None),
        [a, b] if search.plain(lookup, b).is_some() => (a, Some(b)),
        [a, b] if search.plain(lookup, a).is_some() => (b, Some(a)),
        _ => return None,
    };
    Some(TableAxes { rank, row, head })
}

/// A miss for a bias that no input reaches: a runtime folds it into one constant.
fn constant(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    axes: &[(usize, AtomId)],
    table: TableAxes,
) -> Option<Miss> {
    let arena = &mut search.it.arena;
    let fixed = lookup
        .own
        .shape
        .iter()
        .all(|&size| arena.as_integer(size).is_some());
    let parts = evaluate::parts(arena, lookup.from.indices[table.row])?;
    let atoms = parts.iter().flat_map(|&part| evaluate::atoms(arena, part));
    let mut read: Vec<ValueId> = vec![lookup.from.value];
    for atom in atoms {
        match arena.atom_of(atom) {
            Atom::Access { value, .. } => read.push(ValueId(*value)),
            Atom::Symbol(_) | Atom::Channel { .. } => return None,
            _ => {}
        }
    }
    let is_static = fixed && axes.len() > 1 && read.iter().all(|&id| search.it.is_constant(id));
    is_static.then(|| {
        let reason = "no input reaches it: the runtime folds it into a constant";
        Miss::new(BIAS_PAGE.id, Stage::Distance, lookup.y, reason)
    })
}

/// The last two axes of an index are those of queries and keys, and one before them is the batch.
pub(super) fn sides(axes: &[(usize, AtomId)]) -> Option<Sides> {
    match *axes {
        [(_, key)] => Some(Sides {
            query: None,
            key,
            batch: None,
        }),
        [(_, query), (_, key)] => Some(Sides {
            query: Some(query),
            key,
            batch: None,
        }),
        [(0, batch), (_, query), (_, key)] => Some(Sides {
            query: Some(query),
            key,
            batch: Some(batch),
        }),
        _ => None,
    }
}

/// Whether an index is a multiple of the distance, or of a function of the key, and a number.
fn is_affine(search: &mut Search<'_, '_>, reading: &Distance) -> bool {
    let arena = &mut search.it.arena;
    let d = distance::distance(arena);
    let own = arena.terms(d)[0].mono;
    let terms = arena.terms(reading.index).to_vec();
    let rest = terms.into_iter().filter(|term| term.mono != own).collect();
    let rest = arena.sum_of(rest);
    !distance::occurs(arena, rest)
}

fn fitted(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    axes: TableAxes,
    sides: Sides,
    readings: &[Distance],
) -> Found {
    let miss = |stage, reason: String| Miss::new(BIAS_PAGE.id, stage, lookup.y, reason);
    let head = axes.head.and_then(|slot| search.plain(lookup, slot));
    let layout = layout(search, (&lookup.own, &lookup.at), head, sides).ok_or_else(|| {
        let reason = "its axes are not those of heads, queries and keys";
        miss(Stage::Distance, reason.to_owned())
    })?;
    let columns = axes
        .head
        .map_or(PolyId::ONE, |slot| lookup.data.shape[slot]);
    if head.is_some_and(|axis| lookup.own.shape[axis] != columns) {
        let reason = "its heads are not all those of the table";
        return Err(miss(Stage::Distance, reason.to_owned()));
    }
    let heads = search.it.arena.as_integer(columns);
    let Some(heads) = heads
        .and_then(|heads| usize::try_from(heads).ok())
        .filter(|&heads| heads > 0)
    else {
        let reason = "the number of heads is not known";
        return Err(miss(Stage::Distance, reason.to_owned()));
    };
    let Some(behind) = search.behind(lookup.y, &[lookup.from.value]) else {
        let reason = "too many values lie behind it";
        return Err(miss(Stage::Positions, reason.to_owned()));
    };
    let data = (lookup.from.value, axes.row);
    let at = (BIAS_PAGE.id, lookup);
    let (wired, lut) = fit::first(
        search,
        at,
        &behind,
        (readings, sides),
        |search, reading, wired| lut::lut(search, data, &behind, reading, wired.shift),
    )?;
    Ok(Kind::RelativeBias(RelativeBias {
        table: search.it.index().name(lookup.from.value).to_owned(),
        axes,
        heads,
        lut,
        query: wired.query,
        key: wired.key,
        layout,
    }))
}

/// What lies along every axis of a tensor with these coordinates; `None` if an axis is none of these.
pub(super) fn layout(
    search: &Search<'_, '_>,
    (own, at): (&Value, &[PolyId]),
    head: Option<usize>,
    sides: Sides,
) -> Option<Vec<BiasAxis>> {
    let axes = at.iter().enumerate();
    axes.map(|(axis, &at)| {
        if at == PolyId::ZERO {
            // A size that is 1 where there is an element may be 0 where there is none.
            return own.is_unit(axis).then_some(BiasAxis::Unit);
        }
        let atom = search.it.arena.as_atom(at)?;
        match Some(atom) {
            _ if Some(axis) == head => Some(BiasAxis::Head),
            atom if atom == sides.query => Some(BiasAxis::Query),
            atom if atom == sides.batch => Some(BiasAxis::Batch),
            Some(atom) if atom == sides.key => Some(BiasAxis::Key),
            _ => None,
        }
    })
    .collect()
}

/// Whether products of matrices alone read a tensor, moved or converted: it holds keys or values, and no bias.
fn is_multiplied(search: &Search<'_, '_>, value: ValueId) -> bool {
    let (index, graph) = (search.it.index(), search.it.file.graph());
    let (mut open, mut products) = (vec![value], 0);
    for _ in 0..MAX_CHAIN {
        let Some(value) = open.pop() else {
            return products > 0;
        };
        for &(node, _) in index.consumers(value) {
            let node = &graph.node[node];
            match node.op_type() {
                "MatMul" | "Einsum" => products += 1,
                op if op == "Cast" || is_movement(op) => {
                    open.extend(node.output.iter().filter_map(|name| index.id(name)));
                }
                _ => return false,
            }
        }
    }
    false
}
