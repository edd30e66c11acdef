//! Which rows of a table are multiplied, and whether that costs less than what the graph does.
//!
//! Where there are as many queries as keys, both counted from one position, and the row is the distance or its opposite and a number,
//! the rows in reach are those around the row of distance 0: they are sliced when the graph runs. Elsewhere they are all that the
//! lookup table names.
//!
//! The graph multiplies a row for each key by the vector of each query, after it has copied the rows of all pairs. The operator's
//! scores are products with all rows in reach. In ONNX Runtime 1.32 on one processor, with 64 channels, 12 heads and 1023 rows in all,
//! the rows in reach take 0.26 of the graph's time for 64 queries and keys, 0.25 for 128 and 0.16 for 512, but all rows 1.6, 0.8 and
//! 0.15. With 96 heads (or batches) the graph shares each copied row among more products: the rows in reach then take 0.98 for 64,
//! 0.87 for 128 and 0.76 for 256, and all rows more than the graph up to 256. So what counts is heads times rows for each key: 12
//! heads break even at about 10 rows for each key, 96 at 2.

use crate::recognize::{Lut, Rows};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, MonoId, PolyId};

use super::super::distance::{self, Distance};
use super::super::search::{Lookup, Search};

/// Products of a head with a row that cost no more than what the graph does for a key.
const PRODUCTS: usize = 100;
/// Rows for each key that pay whatever the number of heads.
const FEW: usize = 2;
/// The number of keys where it is not known.
const KEYS: usize = 16;

/// The rows around that of distance 0, and the order of their scores, where the numbers of queries and keys are known to be equal and
/// are not known. `shift` is what the distance of the positions lacks to `reading.of`.
pub(super) fn around(
    search: &mut Search<'_, '_>,
    lookup: &Lookup,
    reading: &Distance,
    shift: i64,
    table_rows: usize,
) -> Option<(Rows, Lut)> {
    let rank = lookup.own.rank();
    let (query, key) = (lookup.at[rank - 2], lookup.at[rank - 1]);
    let [queries, keys] = [rank - 2, rank - 1].map(|axis| lookup.own.shape[axis]);
    let arena = &mut search.it.arena;
    if queries != keys || arena.as_integer(keys).is_some() {
        return None;
    }
    // The distance is that of the places, so that all of them lie within their number.
    let by = arena.integer(shift);
    let of = arena.sub(reading.of, by).ok()?;
    if arena.sub(key, query).ok()? != of {
        return None;
    }
    let (index, wraps) = unwrapped(arena, reading.index);
    let (slope, start) = line(arena, index)?;
    let middle = start + slope * shift;
    let rows = table_rows as i64;
    if !(0..rows).contains(&middle) {
        return None;
    }
    // An index below 0 counts from the end, in rows that are not around the middle one. It does not come to that if an index on
    // the other side leaves the table first, at which the graph stops.
    if wraps && 2 * middle + 1 < rows {
        return None;
    }
    let lut = Lut::Columns {
        even: false,
        reversed: slope < 0,
    };
    Some((Rows::Around { middle }, lut))
}

/// An index before one below 0 is counted from the end, and whether it is.
fn unwrapped(arena: &Arena, index: PolyId) -> (PolyId, bool) {
    match arena.as_atom(index).map(|atom| arena.atom_of(atom)) {
        Some(Atom::Apply {
            function: Function::Wrapped,
            args,
        }) => (args[0], true),
        _ => (index, false),
    }
}

/// `slope * distance + start`, with a slope of 1 or -1.
fn line(arena: &mut Arena, index: PolyId) -> Option<(i64, i64)> {
    let d = distance::distance(arena);
    let d = arena.terms(d)[0].mono;
    let (mut slope, mut start) = (0.0, 0.0);
    for term in arena.terms(index).to_vec() {
        match term.mono {
            mono if mono == d => slope = term.coefficient,
            MonoId::ONE => start = term.coefficient,
            _ => return None,
        }
    }
    let whole = f64::abs(slope) == 1.0 && start.fract() == 0.0;
    whole.then_some((slope as i64, start as i64))
}

/// The rows that a lookup table names, and the table for them.
///
/// # Errors
/// If they are so many that the graph costs less.
pub(super) fn chosen(
    search: &Search<'_, '_>,
    lookup: &Lookup,
    lut: Lut,
    table_rows: usize,
) -> Result<(Rows, Lut), String> {
    let (rows, lut) = match lut {
        Lut::Known(entries) => {
            let first = entries.iter().copied().min().unwrap_or(0);
            let last = entries.iter().copied().max().unwrap_or(0);
            let count = (last - first + 1) as usize;
            let entries = entries.iter().map(|entry| entry - first).collect();
            match count == table_rows {
                true => (Rows::All, Lut::Known(entries)),
                false => (
                    Rows::Part {
                        first: first as usize,
                        count,
                    },
                    Lut::Known(entries),
                ),
            }
        }
        lut => (Rows::All, lut),
    };
    let count = match rows {
        Rows::Part { count, .. } => count,
        Rows::All | Rows::Around { .. } => table_rows,
    };
    let arena = &search.it.arena;
    let size = |p: &PolyId| usize::try_from(arena.as_integer(*p)?).ok();
    let (lead, plane) = lookup.own.shape.split_at(lookup.own.rank() - 2);
    let heads = lead.iter().filter_map(size).fold(1, usize::saturating_mul);
    let keys = size(&plane[1]);
    let each = keys.unwrap_or(KEYS);
    let pays = count <= each.saturating_mul(FEW)
        || heads.max(1).saturating_mul(count) <= each.saturating_mul(PRODUCTS);
    match (pays, keys) {
        (true, _) => Ok((rows, lut)),
        (false, Some(keys)) => Err(format!(
            "products with {count} rows of the table cost more than those with {keys} that the graph takes for a query"
        )),
        (false, None) => Err(format!(
            "products with {count} rows of the table cost more than the graph does for few keys"
        )),
    }
}
