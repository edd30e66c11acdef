//! The row or column of each distance, as a lookup table.
//!
//! An operator's table is finite, and a distance beyond it takes the entry at that end. So an index is a table if it is proven to be one
//! number beyond some distance on either side, or to leave the data, where the graph does not run. That is proven by intervals.

use crate::onnx::ValueId;
use crate::recognize::Lut;
use crate::symbolic::element::evaluate::{self, Rounding};
use crate::symbolic::element::interval::{Interval, interval};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, PolyId};
use crate::symbolic::range::EXACT;

use super::distance::{self, Distance};
use super::search::Search;

/// The farthest distance that a table has an entry for.
const MAX_REACH: i64 = 1 << 15;

/// The lookup table of an index into an axis of a value, with the distance counted from `shift`: entry `d` is for
/// `reading.of = d + shift`.
///
/// # Errors
/// Why there is none.
pub(super) fn lut(
    search: &mut Search<'_, '_>,
    (data, axis): (ValueId, usize),
    behind: &[ValueId],
    reading: &Distance,
    shift: i64,
) -> Result<Lut, String> {
    let shape = search.it.value(data).map(|value| value.shape.clone());
    let size = shape.ok().and_then(|shape| shape.get(axis).copied());
    let size = size.ok_or_else(|| "the size of the table is not known".to_owned())?;
    match search.it.arena.as_integer(size) {
        Some(size) if size > 0 => known(&mut search.it.arena, reading, size, shift),
        Some(_) => Err("the table is empty".to_owned()),
        None => {
            let (lut, whole) = columns(search, (size, behind), reading, shift)
                .ok_or_else(|| "the columns are not those of all distances in order".to_owned())?;
            search.sized.push((data, axis, whole));
            Ok(lut)
        }
    }
}

/// All columns of data whose size is symbolic, and how many they are.
fn columns(
    search: &mut Search<'_, '_>,
    (size, behind): (PolyId, &[ValueId]),
    reading: &Distance,
    shift: i64,
) -> Option<(Lut, PolyId)> {
    let arena = &mut search.it.arena;
    let (index, last) = clamped(arena, reading.index);
    let d = distance::distance(arena);
    let shift = arena.integer(shift);
    let difference = arena.sub(index, d).ok()?;
    let sum = arena.add(index, d).ok()?;
    for (middle, reversed) in [(difference, false), (sum, true)] {
        let arena = &mut search.it.arena;
        let counted = match reversed {
            true => arena.sub(middle, shift),
            false => arena.add(middle, shift),
        };
        let even = arena.scale(counted.ok()?, 2.0);
        let odd = arena.add(even, PolyId::ONE).ok()?;
        for (whole, is_even) in [(odd, false), (even, true)] {
            let end = search.it.arena.sub(whole, PolyId::ONE).ok()?;
            if search.are_equal((size, whole), behind) && last.is_none_or(|last| last == end) {
                let lut = Lut::Columns {
                    even: is_even,
                    reversed,
                };
                return Some((lut, whole));
            }
        }
    }
    None
}

/// An index without the clamp to 0 and a last one, and that last one.
fn clamped(arena: &Arena, index: PolyId) -> (PolyId, Option<PolyId>) {
    let parts = |p: PolyId, wanted: Function| -> Option<[PolyId; 2]> {
        match arena.atom_of(arena.as_atom(p)?) {
            Atom::Apply { function, args } if *function == wanted => args[..].try_into().ok(),
            _ => None,
        }
    };
    let from_zero = |p: PolyId| match parts(p, Function::Max)? {
        [PolyId::ZERO, inner] | [inner, PolyId::ZERO] => Some(inner),
        _ => None,
    };
    if let Some([a, b]) = parts(index, Function::Min) {
        for (inner, last) in [(a, b), (b, a)] {
            if let Some(inner) = from_zero(inner) {
                return (inner, Some(last));
            }
        }
    }
    let inner = from_zero(index).and_then(|inner| parts(inner, Function::Min));
    if let Some([a, b]) = inner {
        for (inner, last) in [(a, b), (b, a)] {
            if !distance::occurs(arena, last) {
                return (inner, Some(last));
            }
        }
    }
    (index, None)
}

fn known(arena: &mut Arena, reading: &Distance, size: i64, shift: i64) -> Result<Lut, String> {
    if let Some(left) = unknown(arena, reading.index) {
        return Err(left);
    }
    let range = arena.range(reading.of);
    let over = |low: f64, high: f64| {
        let at = |atom: &Atom| distance::is_distance(atom).then(|| Interval::new(low, high));
        interval(arena, reading.index, &at)
    };
    let greatest = defined(range.high, &|from| over(from, range.high));
    let least = -defined(-range.low, &|from| over(range.low, -from));
    // What lies outside the data stops the graph.
    let is_flat = |found: Option<Interval>| {
        found.is_some_and(|found| {
            found.point().is_some() || found.low >= size as f64 || found.high < 0.0
        })
    };
    let mut reach = 1i64;
    loop {
        let end = reach as f64;
        let above = end > greatest || is_flat(over(end, greatest));
        let below = -end < least || is_flat(over(least, -end));
        if above && below {
            break;
        }
        reach *= 2;
        if reach > MAX_REACH {
            return Err(format!(
                "the index is not proven to stay the same beyond a distance of {MAX_REACH}"
            ));
        }
    }
    let reach = reach + shift.abs();
    let mut entries = Vec::new();
    for d in -reach..=reach {
        let at = (d + shift) as f64;
        entries.push(match at < least || at > greatest {
            true => None,
            false => entry(arena, reading, at, size)?,
        });
    }
    filled(entries).ok_or_else(|| "no distance has an index inside the data".to_owned())
}

/// The farthest distance on one side for which ONNX says what the index is; `beyond` is what it can be from a distance on.
fn defined(end: f64, beyond: &dyn Fn(f64) -> Option<Interval>) -> f64 {
    let undefined = |from: i64| beyond(from as f64).is_some_and(|found| found.undefined);
    let end_of_all = end.min(EXACT) as i64;
    if end_of_all < 1 || !undefined(end_of_all) {
        return end;
    }
    // The first distance from which on all are undefined.
    let (mut defined, mut open) = (0, end_of_all);
    while open - defined > 1 {
        let middle = defined + (open - defined) / 2;
        match undefined(middle) {
            true => open = middle,
            false => defined = middle,
        }
    }
    defined as f64
}

/// The index at one distance, if it lies inside the data.
fn entry(
    arena: &Arena,
    reading: &Distance,
    distance: f64,
    size: i64,
) -> Result<Option<i64>, String> {
    let at = |atom: &Atom, _: &[f64]| distance::is_distance(atom).then_some(distance);
    let found = evaluate::number(arena, reading.index, &at);
    let index =
        found.ok_or_else(|| format!("the index at a distance of {distance} is no number"))?;
    // Engines differ in the last place of a logarithm, and in where they round to half precision: an index that depends on either
    // belongs to the engine.
    let others = [Rounding::Correct, Rounding::Single];
    let others = others.map(|way| evaluate::number_in(arena, reading.index, &at, way));
    if others != [Some(index); 2] {
        return Err(format!(
            "the index at a distance of {distance} depends on how a number is rounded"
        ));
    }
    let inside = index.fract() == 0.0 && (0.0..size as f64).contains(&index);
    Ok(inside.then_some(index as i64))
}

/// Entries with the nearest one where there is none, without those that both ends repeat.
fn filled(entries: Vec<Option<i64>>) -> Option<Lut> {
    let first = entries.iter().position(Option::is_some)?;
    let last = entries.iter().rposition(Option::is_some)?;
    let mut all: Vec<i64> = Vec::with_capacity(entries.len());
    for at in 0..entries.len() {
        let near = at.clamp(first, last);
        let before = all.last().copied();
        all.push(entries[near].or(before)?);
    }
    while all.len() > 3 && all[0] == all[1] && all[all.len() - 1] == all[all.len() - 2] {
        all.pop();
        all.remove(0);
    }
    Some(Lut::Known(all))
}

/// Why an index is no number for each distance.
fn unknown(arena: &Arena, index: PolyId) -> Option<String> {
    let Some(parts) = evaluate::parts(arena, index) else {
        return Some("the index is too long".to_owned());
    };
    for part in parts {
        for atom in evaluate::atoms(arena, part) {
            match arena.atom_of(atom) {
                Atom::Apply {
                    function: Function::Table(_),
                    ..
                }
                | Atom::Channel { .. }
                | Atom::Coordinate { .. } => {
                    return Some("the index depends on more than the distance".to_owned());
                }
                Atom::Symbol(symbol) => {
                    let name = arena.symbol_name(*symbol);
                    return Some(match name.starts_with('?') {
                        true => "the index depends on a size".to_owned(),
                        false => format!("the index depends on the size `{name}`"),
                    });
                }
                atom @ Atom::Access { .. } if !distance::is_distance(atom) => {
                    return Some("the index depends on data".to_owned());
                }
                _ => {}
            }
        }
    }
    None
}
