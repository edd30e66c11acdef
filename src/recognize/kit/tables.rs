//! The graph's own tensors that hold the cosines and sines of a rotation.
//!
//! A tensor serves if its last axis holds one coefficient a pair, or one a channel, in the layout of the input; if the rotated
//! tensor is computed from it; and if, after unit axes are inserted, it broadcasts against it with every root along
//! the same axis.

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

/// Most axes of a rotated tensor: the ways to lay a table along it grow as 2 to the rank.
const MAX_RANK: usize = 8;

/// Tensors by the first element they hold, before they are broadcast.
///
/// Axes before the last that are told apart are also indexed in their opaque form: a table folded to a constant follows
/// positions that are opaque in the rotated tensor.
pub(in crate::recognize) struct Tables {
    by_first: FxHashMap<PolyId, Vec<(ValueId, Rc<Value>)>>,
}

/// The cosines or the sines of a rotation, as a table may hold them; one row for each enumerated position before the channels.
pub(in crate::recognize) struct Wanted {
    /// One a pair, where it is the same for both channels.
    half: Option<Vec<Vec<PolyId>>>,
    /// One a channel, in the input's layout.
    full: Vec<Vec<PolyId>>,
}

impl Wanted {
    /// Rows of one coefficient a pair, where that is enough, and of one a channel.
    pub(in crate::recognize) fn new(
        half: Option<Vec<Vec<PolyId>>>,
        full: Vec<Vec<PolyId>>,
    ) -> Wanted {
        Wanted { half, full }
    }

    /// The widths that tables of both may have, the narrow one first.
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
pub(in crate::recognize) struct Found {
    /// The graph's value and the axes to insert.
    pub input: TableInput,
    /// Its element type.
    pub dtype: DataType,
    /// Size of its last axis.
    pub width: usize,
    /// Its other sizes, along the axes of the rotated tensor.
    pub rows: Shape,
    /// The graph's tensors that it is, or is made of.
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

    /// Tables for a rotation of `y` that it is computed from, both of one type and width: the narrowest that need the fewest
    /// inserted axes.
    pub(in crate::recognize) fn find(
        &self,
        it: &mut Interpreter<'_>,
        (cosines, sines): (&Wanted, &Wanted),
        (y, behind): (&Value, &Behind),
    ) -> Option<(Found, Found)> {
        let cosines = self.candidates(it, cosines, (y, behind));
        let sines = self.candidates(it, sines, (y, behind));
        let rank = |f: &Found| (f.width, f.input.unsqueeze.len(), f.dtype.bits());
        cosines
            .iter()
            .flat_map(|c| sines.iter().map(move |s| (c, s)))
            .filter(|(c, s)| c.dtype == s.dtype && c.width == s.width)
            .min_by_key(|(c, s)| (rank(c), rank(s)))
            .map(|(c, s)| (c.clone(), s.clone()))
    }

    fn candidates(
        &self,
        it: &mut Interpreter<'_>,
        wanted: &Wanted,
        (y, behind): (&Value, &Behind),
    ) -> Vec<Found> {
        let first = wanted.full.first().and_then(|row| row.first());
        let first = first.and_then(|&first| unstretched(&mut it.arena, first).ok());
        let Some(first) = first else {
            return Vec::new();
        };
        let mut found: Vec<Found> = Vec::new();
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
                found.push(Found {
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

/// The value with every axis before the last opaque, where one of them is told apart and follows a rule.
fn opaque_form(it: &mut Interpreter<'_>, value: &Value) -> Option<Value> {
    let last = value.rank() - 1;
    let told_apart = |axis: &usize| value.enumerated[*axis] && !value.is_unit(*axis);
    let axes: SmallVec<[usize; 6]> = (0..last).filter(told_apart).collect();
    if axes.is_empty() {
        return None;
    }
    axes.into_iter().try_fold(value.clone(), |value, axis| {
        value.with_opaque(&mut it.arena, &mut it.tables, axis).ok()
    })
}

/// Whether the rotated tensor has the sizes that `x` and the rows of the tables broadcast to, and no others.
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

/// Whether the operator takes tables of this type for `y`: its own or float.
pub(in crate::recognize) fn may_serve(dtype: DataType, y: &Value) -> bool {
    dtype == y.dtype || (dtype == DataType::F32 && y.dtype != DataType::F64)
}

/// How a table lies along a rotated tensor.
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
            // Leading axes are inserted by broadcasting itself.
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

/// All ways to lay the axes of a table along those of a tensor in order, the last along the last; plain broadcasting first.
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

/// The table as it broadcasts to the tensor.
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

/// Whether every root of the table lies along the same axis of the tensor, and no axis is longer than the tensor's.
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
        // Positions are the same expression whatever the length; any other root fixes it.
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
