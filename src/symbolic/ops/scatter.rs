//! ScatterND with constant indices: elements written into a tensor whose indexed axes are told apart. Along other axes every
//! position may be named once, by itself, as exporters that write out the whole grid of indices do.

use smallvec::SmallVec;

use crate::symbolic::broadcast::merge;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::{Value, row, strides};
use crate::symbolic::visit::Visit;

use super::slicing::pick;
use super::written::{alike, operands};

pub(super) fn scatter_nd(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let [a, indices, updates] = operands(it, visit)?;
    let constant = indices
        .elements()
        .and_then(|elements| elements.iter().map(|&p| it.arena.as_integer(p)).collect());
    let Some(list): Option<Vec<i64>> = constant else {
        return over_grid(it, &a, &indices, &updates);
    };
    let last = indices.rank().checked_sub(1).ok_or(Stop::IndexScalar)?;
    let width = it
        .arena
        .as_integer(indices.shape[last])
        .ok_or(Stop::IndexOfUnknownWidth)? as usize;
    if width == 0 || width > a.rank() || !a.enumerated[..width].iter().all(|&e| e) {
        return Err(Stop::ScatterIntoOpaqueAxes);
    }
    let (mut a, mut updates) = ((*a).clone(), (*updates).clone());
    if a.rank() - width != updates.rank().saturating_sub(last) {
        return Err(Stop::UpdatesRank);
    }
    for axis in width..a.rank() {
        let at = axis + last - width;
        alike(it, &mut [(&mut a, axis), (&mut updates, at)])?;
    }
    let extents = a.extents(&it.arena);
    let inner: usize = extents[width..].iter().product();
    let mut data = a.data.to_vec();
    for (k, tuple) in list.chunks(width).enumerate() {
        let row = row(tuple, &extents)?;
        let update = updates
            .data
            .get(k * inner..(k + 1) * inner)
            .ok_or(Stop::UpdatesShape)?;
        data[row * inner..(row + 1) * inner].copy_from_slice(update);
    }
    let mut alignment = a.alignment.clone();
    if updates
        .alignment
        .iter()
        .any(|(_, axes)| axes.iter().any(|&at| (at as usize) < last))
    {
        return Err(Stop::UpdatesVary);
    }
    merge(
        &mut alignment,
        &updates.with_axes_moved(&|at| (at as usize + width - last) as u8),
    )?;
    Ok(Value {
        data: data.into(),
        alignment,
        caveats: a.caveats.and(updates.caveats),
        ..a
    })
}

/// Indices of every axis, laid along the axes that they index: constants, or the position itself.
fn over_grid(
    it: &mut Interpreter<'_>,
    a: &Value,
    indices: &Value,
    updates: &Value,
) -> Result<Value, Stop> {
    // An empty grid updates nothing.
    if indices.data.is_empty() {
        return Ok(a.clone());
    }
    let rank = a.rank();
    let width = it.arena.integer(rank as i64);
    if indices.rank() != rank + 1
        || updates.rank() != rank
        || indices.shape[rank] != width
        || !indices.enumerated[rank]
    {
        return Err(Stop::ScatterNotConstant);
    }
    // Axes along which each position is named by itself.
    let mut whole: SmallVec<[bool; 6]> = SmallVec::new();
    for axis in 0..rank {
        let component = pick(it, indices, rank, &[axis])?;
        let first = component.data[0];
        let position = component.alignment.iter().any(|(root, axes)| {
            it.arena.is_iota(*root)
                && axes[..] == [axis as u8]
                && first == it.arena.channel(*root, 0)
        });
        let constant = |&p: &PolyId| it.arena.as_integer(p).is_some();
        match component.data.iter().all(constant) {
            true => whole.push(counts_along(it, &component, axis, a, updates)),
            false
                if position
                    && component.data.iter().all(|&p| p == first)
                    && indices.shape[axis] == a.shape[axis] =>
            {
                whole.push(true)
            }
            false => return Err(Stop::ScatterNotConstant),
        }
    }
    let (mut a, mut updates) = (a.clone(), updates.clone());
    let mut indices = indices.clone();
    for axis in 0..rank {
        if whole[axis] {
            if indices.enumerated[axis] {
                indices = one_along(it, &indices, axis)?;
            }
            a = a.with_opaque(&mut it.arena, &mut it.tables, axis)?;
            updates = updates.with_opaque(&mut it.arena, &mut it.tables, axis)?;
        } else if !a.enumerated[axis] || !updates.enumerated[axis] || !indices.enumerated[axis] {
            return Err(Stop::ScatterIntoOpaqueAxes);
        }
    }
    let (extents, from) = (a.extents(&it.arena), updates.extents(&it.arena));
    let grid = indices.extents(&it.arena);
    if from[..] != grid[..rank] {
        return Err(Stop::UpdatesShape);
    }
    let mut data = a.data.to_vec();
    for (update, tuple) in updates.data.iter().zip(indices.data.chunks(rank)) {
        let place: SmallVec<[i64; 6]> = (0..rank)
            .map(|axis| match whole[axis] {
                true => Some(0),
                false => it.arena.as_integer(tuple[axis]),
            })
            .collect::<Option<_>>()
            .ok_or(Stop::ScatterNotConstant)?;
        data[row(&place, &extents)?] = *update;
    }
    a.data = data.into();
    a.caveats = a.caveats.and(updates.caveats);
    let alignment = updates.alignment.clone();
    merge(&mut a.alignment, &alignment)?;
    Ok(a)
}

/// The indices at the first position along an axis, of which those of other axes are the same at all.
fn one_along(it: &mut Interpreter<'_>, indices: &Value, axis: usize) -> Result<Value, Stop> {
    let first = pick(it, indices, axis, &[0])?;
    let width = indices.rank() - 1;
    for k in 1..indices.extents(&it.arena)[axis] {
        let other = pick(it, indices, axis, &[k])?;
        let same = |(at, (a, b)): (usize, (&PolyId, &PolyId))| at % width == axis || a == b;
        if !first.data.iter().zip(&*other.data).enumerate().all(same) {
            return Err(Stop::ScatterNotConstant);
        }
    }
    Ok(first)
}

/// Whether numbers name each position along an axis by itself, where the elements of a tensor are not told apart.
fn counts_along(
    it: &Interpreter<'_>,
    component: &Value,
    axis: usize,
    a: &Value,
    updates: &Value,
) -> bool {
    if !component.enumerated[axis] || a.enumerated[axis] && updates.enumerated[axis] {
        return false;
    }
    let extents = component.extents(&it.arena);
    let step = strides(&extents)[axis].max(1);
    let is_own = |(at, &p): (usize, &PolyId)| {
        it.arena.as_integer(p) == Some((at / step % extents[axis]) as i64)
    };
    component.shape[axis] == a.shape[axis]
        && updates.shape[axis] == a.shape[axis]
        && component.data.iter().enumerate().all(is_own)
}

#[cfg(test)]
mod tests;
