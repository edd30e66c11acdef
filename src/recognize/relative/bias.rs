//! Biases: rows of a table, looked up by the distance between query and key.

use crate::onnx::ValueId;
use crate::recognize::kit::miss::Miss;
use crate::recognize::{BiasAxis, Kind, RelativeBias, Stage};
use crate::symbolic::element::evaluate;
use crate::symbolic::poly::{Atom, AtomId, PolyId};

use super::BIAS_PAGE;
use super::distance::{self, Distance};
use super::find::{Found, Lookup, MAX_CHAIN, Search, is_movement};
use super::lut;
use super::positions::Sides;

/// The slot of the table's rows, and of its columns.
const ROWS: usize = 0;
const COLUMNS: usize = 1;

/// Reads a tensor as a bias; `None` if it is nothing like one.
pub(super) fn read(search: &mut Search<'_, '_>, lookup: &Lookup) -> Option<Found> {
    if lookup.data.rank() != 2 || is_multiplied(search, lookup.y) {
        return None;
    }
    let axes = search.axes_of(lookup, ROWS);
    let head = search.plain(lookup, COLUMNS);
    let is_head = head.is_some() || lookup.data.is_unit(COLUMNS);
    if !is_head || axes.iter().any(|&(axis, _)| Some(axis) == head) {
        return None;
    }
    let sides = sides(&axes)?;
    if let Some(static_) = constant(search, lookup, &axes) {
        return Some(Err(static_));
    }
    let index = lookup.from.indices[ROWS];
    if distance::is_place(&mut search.it.arena, index) {
        return None;
    }
    let readings = distance::readings(&mut search.it.arena, index, sides.query, sides.key);
    if readings.is_empty() || sides.query.is_none() && is_affine(search, &readings) {
        return None;
    }
    Some(fitted(search, lookup, head, sides, &readings))
}

/// A miss for a bias that no input reaches: a runtime folds it into one constant.
fn constant(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    axes: &[(usize, AtomId)],
) -> Option<Miss> {
    let arena = &mut search.it.arena;
    let fixed = lookup
        .own
        .shape
        .iter()
        .all(|&size| arena.as_integer(size).is_some());
    let parts = evaluate::parts(arena, lookup.from.indices[ROWS])?;
    let atoms = parts.iter().flat_map(|&part| evaluate::atoms(arena, part));
    let mut read: Vec<ValueId> = vec![lookup.from.value];
    for atom in atoms {
        match arena.atom_of(atom) {
            Atom::Access { value, .. } => read.push(ValueId(*value)),
            Atom::Symbol(_) | Atom::Channel { .. } => return None,
            _ => {}
        }
    }
    let is_static = fixed && axes.len() > 1 && read.iter().all(|&id| search.is_constant(id));
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

/// Whether an index is the distance itself, or a multiple: with one query that is a slice.
fn is_affine(search: &mut Search<'_, '_>, readings: &[Distance]) -> bool {
    let arena = &mut search.it.arena;
    let d = distance::distance(arena);
    readings.iter().any(|reading| {
        let terms = arena.terms(reading.index).to_vec();
        let own = arena.terms(d)[0].mono;
        terms.iter().all(|term| {
            term.mono == own || {
                let one = arena.sum_of(vec![*term]);
                arena.as_constant(one).is_some()
            }
        })
    })
}

fn fitted(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    head: Option<usize>,
    sides: Sides,
    readings: &[Distance],
) -> Found {
    let miss = |stage, reason: String| Miss::new(BIAS_PAGE.id, stage, lookup.y, reason);
    let layout = layout(search, &lookup.at, head, sides).ok_or_else(|| {
        let reason = "its axes are not those of heads, queries and keys";
        miss(Stage::Distance, reason.to_owned())
    })?;
    let heads = search.it.arena.as_integer(lookup.data.shape[COLUMNS]);
    let heads = heads.and_then(|heads| usize::try_from(heads).ok());
    let columns = lookup.data.shape[COLUMNS];
    let whole = head.is_none_or(|axis| lookup.own.shape[axis] == columns);
    let Some(heads) = heads.filter(|_| whole) else {
        let reason = "the number of heads is not known";
        return Err(miss(Stage::Distance, reason.to_owned()));
    };
    let Some(behind) = search.behind(lookup.y, &[lookup.from.value]) else {
        let reason = "too many values lie behind it";
        return Err(miss(Stage::Positions, reason.to_owned()));
    };
    let mut failure = None;
    for reading in readings {
        let Some(wired) = search.positions(lookup, &behind, reading, sides) else {
            let reason = "no tensors of the graph hold the positions of queries and keys";
            failure = failure.or(Some(miss(Stage::Positions, reason.to_owned())));
            continue;
        };
        let data = (lookup.from.value, ROWS);
        match lut::lut(search, data, &behind, reading, wired.shift) {
            Ok(lut) => {
                return Ok(Kind::RelativeBias(RelativeBias {
                    table: search.it.index().name(lookup.from.value).to_owned(),
                    heads,
                    lut,
                    query: wired.query,
                    key: wired.key,
                    layout,
                }));
            }
            Err(reason) => failure = Some(miss(Stage::Lut, reason)),
        }
    }
    Err(failure.unwrap_or_else(|| miss(Stage::Distance, "no distance".to_owned())))
}

/// What lies along every axis of a tensor with these coordinates; `None` if an axis is none of these.
pub(super) fn layout(
    search: &Search<'_, '_>,
    at: &[PolyId],
    head: Option<usize>,
    sides: Sides,
) -> Option<Vec<BiasAxis>> {
    let axes = at.iter().enumerate();
    axes.map(|(axis, &at)| {
        if at == PolyId::ZERO {
            return Some(BiasAxis::Unit);
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
