//! Biases that are cut from a constant table: a row for each head that rises with the distance by the same slope.
//!
//! The table is one of `AlibiBias` itself, for as many queries and keys as a model may ever have. Every element of it is compared.
//!
//! Of a row for one query, as in MPT, a `Slice` copies as many numbers as the operator would compute, and no node has to say where the
//! query is: in ONNX Runtime 1.32 on one processor with 32 heads, operator and positions take 1.3 to 1.5 times as long, at 16 to 1024
//! keys. Such a row is left. A square of queries and keys takes 0.65 of the time at 128 and 512 keys, as much at 1024, where memory is
//! the limit, and 1.6 times at 16; it saves a constant of as many numbers (`benches/cut_bias.py`).

use crate::onnx::{DataType, Tensor as Numbers};
use crate::recognize::kit::miss::Miss;
use crate::recognize::kit::step::Step;
use crate::recognize::{Alibi, Kind, Stage};
use crate::symbolic::Operation;
use crate::symbolic::element::Indices;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, PolyId};
use crate::symbolic::value::{Shape, Value};

use super::ALIBI_PAGE;
use super::alibi::{Number, Tensor, placed};
use super::positions::Place;
use super::scores;
use super::search::{Found, Lookup, Search};

/// Most elements of a table.
const MAX_ELEMENTS: usize = 1 << 22;
/// Fewest keys of a table: fewer are always in a progression.
const MIN_KEYS: usize = 3;

/// Where things lie in a table.
struct Axes {
    /// The axis of heads.
    head: usize,
    /// That of queries; `None` where there is one query.
    query: Option<usize>,
    /// That of keys.
    key: usize,
    /// The index along every axis, of which those of the others are fixed.
    at: Vec<usize>,
}

/// What a table is.
struct Progression {
    /// The key at distance 0 from the first query.
    zero: usize,
    /// The key from which the slopes are read: the next one or the one before.
    unit: usize,
    /// Whether the element there is the negative slope.
    negated: bool,
    /// Whether distances count in either direction.
    absolute: bool,
}

/// Reads a tensor as cut from such a table; `None` if it is not.
pub(super) fn read(search: &mut Search<'_, '_>, lookup: &Lookup) -> Option<Found> {
    let sizes = lookup.data.shape.iter();
    let sizes = sizes.map(|&size| usize::try_from(search.it.arena.as_integer(size)?).ok());
    let sizes: Vec<usize> = sizes.collect::<Option<_>>()?;
    if Numbers::count(&sizes).is_none_or(|count| count > MAX_ELEMENTS) {
        return None;
    }
    let (axes, head) = axes(search, lookup, &sizes)?;
    if !scores::reach(search, lookup.y) {
        return None;
    }
    let table = search.it.tensor(lookup.from.value)?;
    let found = progression(&table, lookup.own.dtype, &axes)?;
    if axes.query.is_none() {
        let reason =
            "a row for each head is cut from a constant, which costs less than computing it";
        return Some(Err(Miss::new(
            ALIBI_PAGE.id,
            Stage::Proof,
            lookup.y,
            reason,
        )));
    }
    let met = met(search, lookup, &axes);
    let at = meeting(search, lookup, met.as_ref());
    let of = distance(search, lookup, &axes, found.zero, &at, met.as_ref())?;
    let tensor = Tensor {
        y: lookup.y,
        own: &lookup.own,
        at: &at,
    };
    let number = Number {
        of,
        absolute: found.absolute,
        negated: false,
    };
    let behind = search.behind(lookup.y, &[lookup.from.value])?;
    let place = Place {
        y: lookup.y,
        from: lookup.from.value,
        behind: &behind,
    };
    let placed = match placed(search, &tensor, head, number, place)? {
        Ok(placed) => placed,
        Err(miss) => return Some(Err(miss)),
    };
    Some(Ok(Kind::Alibi(Alibi {
        slopes: slopes(search, lookup, &table, &axes, &found)?,
        slopes_rank: sizes.len(),
        negated: found.negated ^ placed.negated,
        heads: placed.heads,
        query: placed.wired.query,
        key: placed.wired.key,
        absolute: found.absolute,
        layout: placed.layout,
        met: met.is_some(),
    })))
}

/// The axes of a table of these sizes, and the axis of `y` along which heads lie: the first of which the index is a coordinate.
fn axes(search: &Search<'_, '_>, lookup: &Lookup, sizes: &[usize]) -> Option<(Axes, usize)> {
    let mut at = vec![0; sizes.len()];
    let mut moving = Vec::new();
    for (axis, &index) in lookup.from.indices.iter().enumerate() {
        match search.it.arena.as_integer(index) {
            Some(index) => at[axis] = usize::try_from(index).ok()?,
            None => moving.push(axis),
        }
    }
    let is_head = |&axis: &usize| {
        let own = search.plain(lookup, axis)?;
        (lookup.own.shape[own] == lookup.data.shape[axis]).then_some(own)
    };
    let (place, own) = moving
        .iter()
        .enumerate()
        .find_map(|(place, axis)| Some((place, is_head(axis)?)))?;
    let head = moving.remove(place);
    let (query, key) = match moving[..] {
        [key] => (None, key),
        [query, key] => (Some(query), key),
        _ => return None,
    };
    let axes = Axes {
        head,
        query,
        key,
        at,
    };
    let inside = axes.at.iter().zip(sizes).all(|(at, size)| at < size);
    (inside && sizes[key] >= MIN_KEYS).then_some((axes, own))
}

/// The progression that a table is.
fn progression(table: &Numbers, dtype: DataType, axes: &Axes) -> Option<Progression> {
    let sizes = &table.shape;
    let queries = axes.query.map_or(1, |axis| sizes[axis]);
    let (heads, keys) = (sizes[axes.head], sizes[axes.key]);
    let number = |head: usize, query: usize, key: usize| {
        let mut at = axes.at.clone();
        at[axes.head] = head;
        at[axes.key] = key;
        if let Some(axis) = axes.query {
            at[axis] = query;
        }
        let position = at.iter().zip(sizes);
        table.element(position.fold(0, |position, (&at, &size)| position * size + at))
    };
    let zero = (0..keys).find(|&key| (0..heads).all(|head| number(head, 0, key) == 0.0))?;
    let unit = if zero + 1 < keys { zero + 1 } else { zero - 1 };
    if (0..heads).all(|head| number(head, 0, unit) == 0.0) {
        return None;
    }
    let fits = |absolute: bool, negated: bool| {
        (0..heads).all(|head| {
            let unit = number(head, 0, unit);
            let slope = if negated { -unit } else { unit };
            (0..queries).all(|query| {
                (0..keys).all(|key| {
                    let distance = key as f64 - zero as f64 - query as f64;
                    let distance = if absolute { distance.abs() } else { distance };
                    let product = Operation::Mul.eval(dtype, &[slope, distance]);
                    product == Some(number(head, query, key))
                })
            })
        })
    };
    let before = unit < zero;
    let ways = [(false, before), (true, false)];
    let (absolute, negated) = ways.into_iter().find(|&(a, n)| fits(a, n))?;
    Some(Progression {
        zero,
        unit,
        negated,
        absolute,
    })
}

/// The axes of the tensor along which it moves through the table, and the axes of the table.
fn moving(search: &mut Search<'_, '_>, lookup: &Lookup, axes: &Axes) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for axis in axes.query.into_iter().chain([axes.key]) {
        let own = search.axes_of(lookup, axis);
        pairs.extend(own.into_iter().map(|(own, _)| (own, axis)));
    }
    pairs
}

/// The sizes of queries and keys, by axis of the tensor, of another tensor that an operator reads together with it, element by element.
/// They are the tensor's own, or those that a table which is long enough is cut to.
fn met(search: &mut Search<'_, '_>, lookup: &Lookup, axes: &Axes) -> Option<Vec<(usize, PolyId)>> {
    let file = search.it.file;
    let rank = lookup.own.rank();
    let moving = moving(search, lookup, axes);
    let readers = search.it.index().consumers(lookup.y).to_vec();
    for (node, _) in readers {
        let node = &file.graph().node[node];
        if !node.is_standard() || !matches!(node.op_type(), "Add" | "Sub" | "Mul" | "Div" | "Where")
        {
            continue;
        }
        for name in &node.input {
            let other = search.it.index().id(name);
            let other = other.filter(|&other| other != lookup.y);
            let Some(known) = other.and_then(|other| search.it.known(other).cloned()) else {
                continue;
            };
            let mut size = |&(own, axis): &(usize, usize)| {
                let size = known.shape[(own + known.rank()).checked_sub(rank)?];
                let (is, whole) = (lookup.own.shape[own], lookup.data.shape[axis]);
                let arena = &mut search.it.arena;
                let (_, clamped) = clamp(&mut *arena, whole, size)?;
                let cut = [
                    arena.sub(whole, clamped).ok(),
                    Some(arena.least(size, whole)),
                ];
                let fits = is == size || cut.contains(&Some(is));
                fits.then_some((own, size))
            };
            let sizes: Option<Vec<(usize, PolyId)>> = moving.iter().map(&mut size).collect();
            if sizes.is_some() {
                return sizes;
            }
        }
    }
    None
}

/// By how much an axis is longer than another, and the same where it is not less than 0.
fn clamp(arena: &mut Arena, whole: PolyId, size: PolyId) -> Option<(PolyId, PolyId)> {
    let excess = arena.sub(whole, size).ok()?;
    let ends = [PolyId::ZERO.min(excess), PolyId::ZERO.max(excess)];
    Some((excess, arena.apply(Function::Max, &ends)))
}

/// The coordinates of the tensor, with the sizes of the one that it meets.
fn meeting(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    met: Option<&Vec<(usize, PolyId)>>,
) -> Indices {
    let mut at = lookup.at.clone();
    let rank = at.len();
    for &(axis, size) in met.into_iter().flatten() {
        at[axis] = search.it.arena.coordinate((rank - 1 - axis) as u32, size);
    }
    at
}

/// The distance at which an element of the table lies, at these coordinates.
fn distance(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    axes: &Axes,
    zero: usize,
    at: &[PolyId],
    met: Option<&Vec<(usize, PolyId)>>,
) -> Option<PolyId> {
    let moving = moving(search, lookup, axes);
    let arena = &mut search.it.arena;
    let indices = &lookup.from.indices;
    let zero = arena.integer(zero as i64);
    let mut of = arena.sub(indices[axes.key], zero).ok()?;
    if let Some(query) = axes.query {
        of = arena.sub(of, indices[query]).ok()?;
    }
    for (axis, whole) in moving {
        of = replaced(arena, of, lookup.at[axis], at[axis])?;
        // Where the table has fewer keys than the tensor that it meets, the graph fails: what is cut off is never less than nothing.
        let size = met.and_then(|met| met.iter().find(|&&(own, _)| own == axis));
        if let Some(&(_, size)) = size {
            let (excess, clamped) = clamp(arena, lookup.data.shape[whole], size)?;
            of = replaced(arena, of, clamped, excess)?;
        }
    }
    Some(of)
}

/// A sum with an atom replaced where it is a term; `None` if it is left anywhere else and is a coordinate.
fn replaced(arena: &mut Arena, of: PolyId, from: PolyId, to: PolyId) -> Option<PolyId> {
    let Some(atom) = arena.as_atom(from).filter(|_| from != to) else {
        return Some(of);
    };
    let own = arena.terms(from)[0].mono;
    let term = arena
        .terms(of)
        .iter()
        .find(|term| term.mono == own)
        .copied();
    let mut sum = of;
    if let Some(term) = term {
        let change = arena.sub(to, from).ok()?;
        let change = arena.scale(change, term.coefficient);
        sum = arena.add(of, change).ok()?;
    }
    (!arena.depends_on(sum, atom)).then_some(sum)
}

/// The slopes as a part of the table.
fn slopes(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    table: &Numbers,
    axes: &Axes,
    found: &Progression,
) -> Option<String> {
    let mut at = axes.at.clone();
    at[axes.key] = found.unit;
    let others: Vec<usize> = (0..at.len()).filter(|&axis| axis != axes.head).collect();
    let each = |of: &dyn Fn(usize) -> i64| others.iter().map(|&axis| of(axis)).collect();
    let step = Step::Slice {
        axes: each(&|axis| axis as i64),
        starts: each(&|axis| at[axis] as i64),
        ends: each(&|axis| at[axis] as i64 + 1),
        steps: each(&|_| 1),
    };
    let mut shape = Shape::from_elem(PolyId::ONE, at.len());
    shape[axes.head] = lookup.data.shape[axes.head];
    let mut elements = Vec::new();
    for head in 0..table.shape[axes.head] {
        at[axes.head] = head;
        let position = at.iter().zip(&table.shape);
        let position = position.fold(0, |position, (&at, &size)| position * size + at);
        elements.push(search.it.arena.constant(table.element(position)));
    }
    let value = Value::enumerated(lookup.own.dtype, shape, elements);
    let name = search.it.index().name(lookup.from.value).to_owned();
    let mut maker = search.context.maker.borrow_mut();
    Some(maker.make(step, &[&name], &value))
}

#[cfg(test)]
mod tests;
