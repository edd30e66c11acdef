//! Gather, GatherElements and GatherND.
//!
//! Constant indices pick elements. A dynamic index into a table is substitution: the element in row `i` of a table is a
//! function of iota, and the looked-up element is the same function of the index.

use smallvec::{SmallVec, smallvec};

use crate::symbolic::broadcast::merge;
use crate::symbolic::function::Function;
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::{Arena, PolyId, Stop};
use crate::symbolic::root::RootId;
use crate::symbolic::value::{Alignment, Shape, Value, position, row, split, strides, walk};
use crate::symbolic::visit::Visit;

use super::layout::without_axes;
use super::slicing::{indexed, pick};

/// Most elements of a looked-up value.
const MAX_LOOKUP: usize = crate::symbolic::broadcast::BUDGET;

pub(super) fn gather(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, index) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), a.rank())?;
    gathered(it, &a, &index, axis)
}

fn constants(it: &Interpreter<'_>, index: &Value) -> Option<Vec<i64>> {
    index
        .elements()?
        .iter()
        .map(|&p| it.arena.as_integer(p))
        .collect()
}

fn gathered(
    it: &mut Interpreter<'_>,
    a: &Value,
    index: &Value,
    axis: usize,
) -> Result<Value, Stop> {
    if axis >= a.rank() {
        return Err(Stop::IndexIntoScalar);
    }
    if let Some(list) = constants(it, index) {
        if a.enumerated[axis] {
            let size = a.extents(&it.arena)[axis];
            let positions: Vec<usize> = list
                .iter()
                .map(|&i| position(i, size))
                .collect::<Option<_>>()
                .ok_or(Stop::IndexOutOfRange)?;
            return with_index_axes(&pick(it, a, axis, &positions)?, index, axis);
        }
        if index.rank() <= 1 && list.len() <= 16 && (list.len() == 1 || !follows_iota(it, a, axis))
        {
            return with_index_axes(&indexed(it, a, axis, &list)?, index, axis);
        }
    }
    lookup(it, a, index, axis)
}

fn follows_iota(it: &Interpreter<'_>, a: &Value, axis: usize) -> bool {
    a.alignment
        .iter()
        .any(|(root, axes)| it.arena.is_iota(*root) && axes.iter().any(|&at| at as usize == axis))
}

/// A value whose axis `axis` runs over the index, with that axis replaced by the axes of the index.
fn with_index_axes(a: &Value, index: &Value, axis: usize) -> Result<Value, Stop> {
    match index.rank() {
        0 => without_axes(a, &[axis]),
        1 => Ok(a.clone()),
        rank => {
            let mut value = a.clone();
            value.shape.remove(axis);
            value.shape.insert_many(axis, index.shape.iter().copied());
            value.enumerated.remove(axis);
            value
                .enumerated
                .insert_many(axis, index.enumerated.iter().copied());
            value.alignment = a.with_axes_moved(&|at| {
                if at as usize > axis {
                    at + rank as u8 - 1
                } else {
                    at
                }
            });
            Ok(value)
        }
    }
}

/// A dynamic index: every element of the indexed axis as a function of the index.
fn lookup(it: &mut Interpreter<'_>, a: &Value, index: &Value, axis: usize) -> Result<Value, Stop> {
    let a = a.with_opaque(&mut it.arena, &mut it.tables, axis)?;
    let roots = along(it, &a, axis)?;
    let extents = a.extents(&it.arena);
    let (outer, _, inner) = split(&extents, axis);
    if outer * inner * index.data.len() > MAX_LOOKUP {
        return Err(Stop::LookupTooWide);
    }
    let index = &from_start(it, index, a.shape[axis]);
    let mut data = Vec::with_capacity(outer * inner * index.data.len());
    for o in 0..outer {
        for &i in index.data.iter() {
            for k in 0..inner {
                data.push(at_position(
                    &mut it.arena,
                    a.data[o * inner + k],
                    &roots,
                    i,
                )?);
            }
        }
    }
    let shift = index.rank() as u8;
    let moved = |at: u8| {
        if at as usize > axis {
            at + shift - 1
        } else {
            at
        }
    };
    let mut shape: Shape = a.shape[..axis].into();
    shape.extend_from_slice(&index.shape);
    shape.extend_from_slice(&a.shape[axis + 1..]);
    let mut enumerated: SmallVec<[bool; 6]> = a.enumerated[..axis].into();
    enumerated.extend_from_slice(&index.enumerated);
    enumerated.extend_from_slice(&a.enumerated[axis + 1..]);
    let mut alignment: Alignment = a.with_axes_moved(&moved);
    alignment.retain(|(root, _)| !roots.contains(root));
    merge(
        &mut alignment,
        &index.with_axes_moved(&|at| at + axis as u8),
    )?;
    Ok(Value {
        dtype: a.dtype,
        caveats: a.caveats.and(index.caveats),
        shape,
        enumerated,
        data: data.into(),
        alignment,
    }
    .tidy(&it.arena))
}

/// `p` at position `index` of the axis along which these roots lie. An index may hold one of them, along an axis of its own: all
/// are replaced at once.
fn at_position(
    arena: &mut Arena,
    p: PolyId,
    roots: &[RootId],
    index: PolyId,
) -> Result<PolyId, Stop> {
    let Some((&first, others)) = roots.split_first() else {
        return Ok(p);
    };
    let p = others
        .iter()
        .try_fold(p, |p, &root| arena.rename(p, root, first))?;
    arena.substitute(p, first, index)
}

/// The index with each element counted from the start of an axis of this size, as negative ones are not.
fn from_start(it: &mut Interpreter<'_>, index: &Value, size: PolyId) -> Value {
    let counted = |p: &PolyId| match it.arena.range(*p).low >= 0.0 {
        true => *p,
        false => it.arena.apply(Function::Wrapped, &[*p, size]),
    };
    let data = index.data.iter().map(counted).collect();
    Value {
        data,
        ..index.clone()
    }
}

/// The roots along an axis, all positions.
fn along(it: &Interpreter<'_>, a: &Value, axis: usize) -> Result<SmallVec<[RootId; 2]>, Stop> {
    let mut roots = SmallVec::new();
    for (root, axes) in &a.alignment {
        if axes.iter().any(|&at| at as usize == axis) {
            if !it.arena.is_iota(*root) {
                return Err(Stop::IndexIntoActivation);
            }
            roots.push(*root);
        }
    }
    Ok(roots)
}

pub(super) fn gather_elements(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, index) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    if a.rank() != index.rank() {
        return Err(Stop::IndexRank);
    }
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), a.rank())?;
    // An index may be shorter than the data along other axes, and then reads the first elements there alone.
    if (0..a.rank()).any(|k| k != axis && a.shape[k] != index.shape[k]) {
        return Err(Stop::IndexSmaller);
    }
    let dynamic = constants(it, &index).is_none();
    if !dynamic && a.enumerated[axis] {
        return picked_elements(it, &a, &index, axis);
    }
    let a = a.with_opaque(&mut it.arena, &mut it.tables, axis)?;
    let roots = along(it, &a, axis)?;
    // Along the other axes element and index stand at the same position; only enumerated or constant ones can be followed.
    let mut rows = a.clone();
    rows.shape[axis] = PolyId::ONE;
    rows.enumerated[axis] = true;
    rows.alignment.retain(|(root, _)| !roots.contains(root));
    let index = from_start(it, &index, a.shape[axis]);
    let mut value = it.elementwise(&[&rows, &index], a.dtype, &mut |arena, p| {
        at_position(arena, p[0], &roots, p[1])
    })?;
    value.shape = index.shape.clone();
    Ok(value)
}

/// GatherElements with constant indices along an enumerated axis.
fn picked_elements(
    it: &mut Interpreter<'_>,
    a: &Value,
    index: &Value,
    axis: usize,
) -> Result<Value, Stop> {
    let (source, extents) = (a.extents(&it.arena), index.extents(&it.arena));
    let (from, steps) = (strides(&source), strides(&extents));
    let mut data = Vec::with_capacity(extents.iter().product());
    let mut along_axis = from.clone();
    along_axis[axis] = 0;
    walk(&extents, &[along_axis, steps], &mut |at| {
        let i = it
            .arena
            .as_integer(index.data[at[1]])
            .ok_or(Stop::IndexNotConstant)?;
        let i = position(i, source[axis]).ok_or(Stop::IndexOutOfRange)?;
        data.push(a.data[at[0] + i * from[axis]]);
        Ok(())
    })?;
    let enumerated = (0..a.rank())
        .map(|k| index.enumerated[k] && (k == axis || a.enumerated[k]))
        .collect();
    Ok(Value {
        dtype: a.dtype,
        caveats: a.caveats,
        shape: index.shape.clone(),
        enumerated,
        data: data.into(),
        alignment: a.alignment.clone(),
    })
}

pub(super) fn gather_nd(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (a, index) = (it.value(visit.input(0)?)?, it.value(visit.input(1)?)?);
    let last = index.rank().checked_sub(1).ok_or(Stop::IndexScalar)?;
    if visit.node.int("batch_dims").unwrap_or(0) != 0 {
        return Err(Stop::IndexBatched);
    }
    // One index an element: a plain gather along the first axis.
    if index.is_unit(last) {
        let index = without_axes(&index, &[last])?;
        return gathered(it, &a, &index, 0);
    }
    let list = constants(it, &index).ok_or(Stop::SeveralDynamicIndices)?;
    let width = it
        .arena
        .as_integer(index.shape[last])
        .ok_or(Stop::IndexOfUnknownWidth)? as usize;
    if width == 0 || width > a.rank() {
        return Err(Stop::IndexWidth);
    }
    // Along an opaque axis that no root follows all elements are equal: any index takes the one there is.
    let live = a.live_roots(&it.arena);
    let varies = |axis: usize| {
        let mut roots = a.alignment.iter().filter(|(root, _)| live.contains(root));
        roots.any(|(_, axes)| axes.contains(&(axis as u8)))
    };
    if (0..width).any(|axis| !a.enumerated[axis] && varies(axis)) {
        return Err(Stop::IndexIntoOpaqueAxes);
    }
    let extents = a.extents(&it.arena);
    let inner: usize = extents[width..].iter().product();
    let mut data = Vec::new();
    for tuple in list.chunks(width) {
        let told_apart: SmallVec<[i64; 6]> = (0..width)
            .map(|axis| if a.enumerated[axis] { tuple[axis] } else { 0 })
            .collect();
        let row = row(&told_apart, &extents)?;
        data.extend_from_slice(&a.data[row * inner..(row + 1) * inner]);
    }
    let mut shape: Shape = index.shape[..last].into();
    shape.extend_from_slice(&a.shape[width..]);
    let mut enumerated: SmallVec<[bool; 6]> = smallvec![true; last];
    enumerated.extend_from_slice(&a.enumerated[width..]);
    let mut kept = (*a).clone();
    kept.alignment.retain(|(root, _)| live.contains(root));
    let alignment = kept.with_axes_moved(&|at| (at as usize + last - width) as u8);
    Ok(Value {
        dtype: a.dtype,
        caveats: a.caveats,
        shape,
        enumerated,
        data: data.into(),
        alignment,
    })
}

#[cfg(test)]
mod tests;
