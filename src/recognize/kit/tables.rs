//! Finds tensors of the graph that hold the cosines and sines of a rotation.
//!
//! A tensor serves if
//!
//! * its last axis holds one coefficient a pair, or one a channel in the layout of the input;
//! * the rotated tensor is computed from it, without losing numbers on the way ([`Behind`]);
//! * after unit axes are inserted it broadcasts against the rotated tensor, with every root along the same axis of both.
//!
//! The last condition is what makes row `i` of the table belong to token `i`. Equal sizes are not enough: a table along the heads
//! has as many rows as the batch, if the batch happens to be the number of heads.

use std::borrow::Cow;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use crate::onnx::{DataType, ValueId};
use crate::recognize::TableInput;
use crate::symbolic::Interpreter;
use crate::symbolic::broadcast::{stretch, unstretched};
use crate::symbolic::poly::{Arena, PolyId};
use crate::symbolic::value::{Shape, Value, strides};

use super::behind::Behind;
use super::order::Order;

/// The highest rank of a rotated tensor: the ways to lay a table along its axes double with each.
const MAX_RANK: usize = 8;

/// Tensors by their first element, as it was before broadcasting.
///
/// A tensor whose leading axes are enumerated is listed in its opaque form too: the rows of a table that was folded to a constant
/// are enumerated, while positions are opaque in the rotated tensor.
pub(in crate::recognize) struct Tables {
    by_first: FxHashMap<PolyId, Vec<(ValueId, Rc<Value>)>>,
}

/// The cosines (or the sines) of a rotation as a table may hold them, one row for each enumerated position before the channels.
pub(in crate::recognize) struct Wanted {
    /// One a pair, if it is the same for both channels of every pair.
    half: Option<Vec<Vec<PolyId>>>,
    /// One a channel, in the input's layout.
    full: Vec<Vec<PolyId>>,
}

impl Wanted {
    /// From rows of one coefficient a pair, where that is enough, and rows of one a channel.
    pub(in crate::recognize) fn new(
        half: Option<Vec<Vec<PolyId>>>,
        full: Vec<Vec<PolyId>>,
    ) -> Wanted {
        Wanted { half, full }
    }

    /// The widths that tables of both may have, the narrower first.
    pub(in crate::recognize) fn widths(cosines: &Wanted, sines: &Wanted) -> SmallVec<[usize; 2]> {
        let width = |rows: &[Vec<PolyId>]| rows.first().map_or(0, Vec::len);
        let half = cosines.half.iter().zip(&sines.half);
        half.map(|(cosines, _)| width(cosines))
            .chain([width(&cosines.full)])
            .collect()
    }

    /// The rows that a table of this width must hold.
    pub(in crate::recognize) fn of_width(&self, width: usize) -> Option<&[Vec<PolyId>]> {
        let fits = |rows: &&Vec<Vec<PolyId>>| rows.first().is_some_and(|row| row.len() == width);
        let half = self.half.iter();
        half.chain([&self.full]).find(fits).map(|rows| &rows[..])
    }
}

/// A table that serves.
#[derive(Clone)]
pub(in crate::recognize) struct TableMatch {
    /// The graph's value and the axes to insert.
    pub input: TableInput,
    /// Its element type.
    pub dtype: DataType,
    /// Size of its last axis.
    pub width: usize,
    /// Its other sizes, along the axes of the rotated tensor.
    pub rows: Shape,
    /// The graph's tensors that it is or is made of.
    pub sources: SmallVec<[ValueId; 1]>,
}

impl Tables {
    /// Collects the float tensors of a graph.
    pub(in crate::recognize) fn collect(it: &mut Interpreter<'_>, order: &Order) -> Tables {
        let mut tables = Tables {
            by_first: FxHashMap::default(),
        };
        for &id in order.values() {
            let Some(value) = it
                .known(id)
                .filter(|v| v.dtype.is_float() && v.rank() > 0)
                .cloned()
            else {
                continue;
            };
            if let Some(opaque) = opaque_form(it, &value) {
                tables.insert(it, id, Rc::new(opaque));
            }
            tables.insert(it, id, value);
        }
        tables
    }

    fn insert(&mut self, it: &mut Interpreter<'_>, id: ValueId, value: Rc<Value>) {
        let first = value.data.first();
        if let Some(Ok(first)) = first.map(|&first| unstretched(&mut it.arena, first)) {
            self.by_first.entry(first).or_default().push((id, value));
        }
    }

    /// Tables for a rotation that gives `y`, both of one type and width: the narrowest, and of these the ones that need the fewest
    /// inserted axes.
    pub(in crate::recognize) fn find(
        &self,
        it: &mut Interpreter<'_>,
        (cosines, sines): (&Wanted, &Wanted),
        (y, behind): (&Value, &Behind),
    ) -> Option<(TableMatch, TableMatch)> {
        let cosines = self.candidates(it, cosines, (y, behind));
        let sines = self.candidates(it, sines, (y, behind));
        let rank = |f: &TableMatch| (f.width, f.input.unsqueeze.len(), f.dtype.bits());
        cosines
            .iter()
            .flat_map(|c| sines.iter().map(move |s| (c, s)))
            .filter(|(c, s)| c.dtype == s.dtype && c.width == s.width)
            .min_by_key(|(c, s)| (rank(c), rank(s)))
            .map(|(c, s)| (c.clone(), s.clone()))
    }

    /// The tensors that hold one of the two.
    pub(in crate::recognize) fn candidates(
        &self,
        it: &mut Interpreter<'_>,
        wanted: &Wanted,
        (y, behind): (&Value, &Behind),
    ) -> Vec<TableMatch> {
        let first = wanted.full.first().and_then(|row| row.first());
        let first = first.and_then(|&first| unstretched(&mut it.arena, first).ok());
        let Some(first) = first else {
            return Vec::new();
        };
        let mut found: Vec<TableMatch> = Vec::new();
        for (id, value) in self.by_first.get(&first).into_iter().flatten() {
            let id = *id;
            if !behind.hands_on(id) || !may_serve(value.dtype, y) {
                continue;
            }
            if let Some(Fit {
                unsqueeze,
                width,
                rows,
            }) = fits(&mut it.arena, value, y, wanted)
            {
                let input = TableInput {
                    value: it.index().name(id).to_owned(),
                    unsqueeze,
                };
                found.push(TableMatch {
                    input,
                    dtype: value.dtype,
                    width,
                    rows,
                    sources: smallvec![id],
                });
            }
        }
        found
    }
}

/// The value with all axes before the last opaque; `None` if they are already, or if the elements along one follow no rule.
fn opaque_form(it: &mut Interpreter<'_>, value: &Value) -> Option<Value> {
    let last = value.rank() - 1;
    let enumerated = |axis: &usize| value.enumerated[*axis] && !value.is_unit(*axis);
    let axes: SmallVec<[usize; 6]> = (0..last).filter(enumerated).collect();
    if axes.is_empty() {
        return None;
    }
    it.with_opaque_axes(value, &axes).ok()
}

/// Whether the rotated tensor has exactly the sizes that `x` and the rows of the tables broadcast to.
pub(in crate::recognize) fn has_sizes_of(
    arena: &mut Arena,
    y: &Value,
    x: &[PolyId],
    tables: &[&[PolyId]],
) -> bool {
    (0..y.rank() - 1).all(|axis| {
        let sizes = tables.iter().map(|rows| rows[axis]);
        let whole = sizes.fold(x[axis], |all, size| arena.broadcast_size(all, size));
        whole == y.shape[axis]
    })
}

/// Whether the operator takes tables of this type for `y`: those of its own type, or `float` unless `y` is `double`.
pub(in crate::recognize) fn may_serve(dtype: DataType, y: &Value) -> bool {
    dtype == y.dtype || (dtype == DataType::F32 && y.dtype != DataType::F64)
}

/// How a table broadcasts against a rotated tensor.
pub(in crate::recognize) struct Fit {
    /// The axes to insert so that it broadcasts.
    pub unsqueeze: Vec<usize>,
    /// Size of its last axis.
    pub width: usize,
    /// Its other sizes, along the axes of the tensor.
    pub rows: Shape,
}

/// How `table` broadcasts against `y` with the wanted coefficients.
pub(in crate::recognize) fn fits(
    arena: &mut Arena,
    table: &Value,
    y: &Value,
    wanted: &Wanted,
) -> Option<Fit> {
    let width = table.extents(arena).last().copied()?;
    if !table.enumerated[table.rank() - 1] || table.rank() > y.rank() || y.rank() > MAX_RANK {
        return None;
    }
    let rows = wanted.of_width(width)?;
    placements(table.rank(), y.rank())
        .into_iter()
        .find_map(|axes| {
            let laid = laid(arena, table, y, &axes)?;
            let placed =
                aligned(arena, &laid, y, &axes) && coefficients(arena, &laid, y, rows, &axes);
            // Broadcasting inserts leading axes by itself.
            let lead = axes.first().copied().unwrap_or(0);
            placed.then(|| {
                let unsqueeze = (lead..y.rank())
                    .filter(|axis| !axes.contains(axis))
                    .map(|axis| axis - lead)
                    .collect();
                let mut rows: Shape = SmallVec::from_elem(PolyId::ONE, y.rank());
                for (own, &axis) in axes.iter().enumerate() {
                    rows[axis] = table.shape[own];
                }
                rows.pop();
                Fit {
                    unsqueeze,
                    width,
                    rows,
                }
            })
        })
}

/// All ways to lay the axes of a table, in order, along those of a tensor, last along last. Plain broadcasting comes first: it
/// needs no `Unsqueeze`.
fn placements(table: usize, tensor: usize) -> Vec<SmallVec<[usize; 6]>> {
    let mut all: Vec<SmallVec<[usize; 6]>> = (0..1u32 << (tensor - 1))
        .filter(|mask| mask.count_ones() as usize == table - 1)
        .map(|mask| {
            (0..tensor - 1)
                .filter(|axis| mask >> axis & 1 == 1)
                .chain([tensor - 1])
                .collect()
        })
        .collect();
    all.sort_by_key(|axes| std::cmp::Reverse(axes.iter().sum::<usize>()));
    all
}

/// The table stretched to the tensor's sizes, as broadcasting would. The wanted coefficients were read off a tensor of these sizes.
fn laid<'a>(
    arena: &mut Arena,
    table: &'a Value,
    y: &Value,
    axes: &[usize],
) -> Option<Cow<'a, Value>> {
    let mut laid = Cow::Borrowed(table);
    for (own, &axis) in axes.iter().enumerate() {
        let size = y.shape[axis];
        if arena.may_stretch(table.shape[own], size) {
            stretch(arena, laid.to_mut(), own, size).ok()?;
        }
    }
    Some(laid)
}

/// Whether every root of the table lies along the same axis of the tensor, and no axis of the table is longer than the tensor's.
fn aligned(arena: &mut Arena, table: &Value, y: &Value, axes: &[usize]) -> bool {
    let live = table.live_roots(arena);
    let mut followed: SmallVec<[bool; 6]> = SmallVec::from_elem(false, table.rank());
    for root in &live {
        let (Some(mine), Some(theirs)) = (table.axes_of(*root), y.axes_of(*root)) else {
            return false;
        };
        if mine.len() != theirs.len()
            || mine
                .iter()
                .zip(theirs)
                .any(|(&m, &t)| axes[m as usize] != t as usize)
        {
            return false;
        }
        // A root fixes the length of its axis. Positions do not: element `i` is the same expression in a range of any length.
        if !arena.is_iota(*root) {
            for &m in mine {
                followed[m as usize] = true;
            }
        }
    }
    (0..table.rank() - 1).all(|axis| {
        table.is_unit(axis)
            || arena.lies_along(table.shape[axis], y.shape[axes[axis]])
            || (followed[axis] && !table.enumerated[axis])
    })
}

/// Whether the table, laid along these axes of the tensor, holds the wanted row at every enumerated position.
fn coefficients(
    arena: &Arena,
    table: &Value,
    y: &Value,
    rows: &[Vec<PolyId>],
    axes: &[usize],
) -> bool {
    let extents = y.extents(arena);
    let leading = &extents[..extents.len() - 1];
    let mine = table.extents(arena);
    let steps = strides(&mine);
    let mut row_steps: SmallVec<[usize; 6]> = SmallVec::from_elem(0, leading.len());
    for (axis, &at) in axes.iter().enumerate().take(axes.len() - 1) {
        if mine[axis] != 1 && mine[axis] != leading[at] {
            return false;
        }
        row_steps[at] = steps[axis];
    }
    rows.iter().enumerate().all(|(lead, wanted)| {
        let mut rest = lead;
        let mut row = 0;
        for axis in (0..leading.len()).rev() {
            row += rest % leading[axis] * row_steps[axis];
            rest /= leading[axis];
        }
        table.data.get(row..row + wanted.len()) == Some(&wanted[..])
    })
}

#[cfg(test)]
mod tests;
