//! Slice and Split.
//!
//! On an enumerated axis elements are picked. On an opaque axis a position is replaced by `start + step · position`, and any
//! other root is renamed by what was cut: two tensors cut alike stay equal.

use smallvec::SmallVec;

use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::root::Restructure;
use crate::symbolic::value::{Value, split as around};
use crate::symbolic::visit::Visit;

use super::Outputs;

pub(super) fn slice(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let mut a = (*it.value(visit.input(0)?)?).clone();
    let ends = bounds(it, visit, "ends", 2)?;
    let starts = starts(it, visit, a.rank())?;
    if ends.len() != starts.len() {
        return Err(Stop::BoundsLength);
    }
    for ((axis, start, step), end) in starts.into_iter().zip(ends) {
        a = cut(it, a, axis, start, end, step)?;
    }
    Ok(a)
}

/// The axes that a Slice node cuts, with where it starts and by which step, of an input of `rank` axes.
pub(in crate::symbolic) fn starts(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    rank: usize,
) -> Result<Vec<(usize, PolyId, i64)>, Stop> {
    let starts = bounds(it, visit, "starts", 1)?;
    let axes = it
        .ints_of(visit, "axes", 3)?
        .unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = it
        .ints_of(visit, "steps", 4)?
        .unwrap_or_else(|| vec![1; starts.len()]);
    if [axes.len(), steps.len()] != [starts.len(); 2] {
        return Err(Stop::BoundsLength);
    }
    let cuts = axes.into_iter().zip(starts).zip(steps);
    cuts.map(|((axis, start), step)| Ok((normal_axis(axis, rank)?, start, step)))
        .collect()
}

fn bounds(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    attribute: &str,
    input: usize,
) -> Result<Vec<PolyId>, Stop> {
    match visit.node.ints(attribute) {
        Some(list) => Ok(list.iter().map(|&v| it.arena.integer(v)).collect()),
        None => it.elements(visit.input(input)?).ok_or(Stop::UnknownBounds),
    }
}

fn cut(
    it: &mut Interpreter<'_>,
    a: Value,
    axis: usize,
    start: PolyId,
    end: PolyId,
    step: i64,
) -> Result<Value, Stop> {
    let dim = a.shape[axis];
    let size = it.arena.as_integer(dim);
    let bounds = (it.arena.as_integer(start), it.arena.as_integer(end));
    if let (Some(n), Some(from), Some(to)) = (size, bounds.0, bounds.1) {
        let (first, count) = span(n, from, to, step)?;
        if (first, count, step) == (0, n, 1) {
            return Ok(a);
        }
        if a.enumerated[axis] {
            return pick(it, &a, axis, &positions(n, from, to, step)?);
        }
        let (first, length) = (it.arena.integer(first), it.arena.integer(count));
        return sliced(it, a, axis, first, step, length);
    }
    if step < 1 {
        return Err(Stop::ReversedUnknownSize);
    }
    let first = absolute(it, start, dim)?;
    let last = absolute(it, end, dim)?;
    let last = it.arena.least(last, dim);
    if step == 1 && first == PolyId::ZERO && last == dim {
        return Ok(a);
    }
    if a.enumerated[axis] && !a.is_unit(axis) {
        let opaque = a.with_opaque(&mut it.arena, &mut it.tables, axis)?;
        return cut(it, opaque, axis, start, end, step);
    }
    if a.enumerated[axis] {
        return Err(Stop::UnitAxisCut);
    }
    let mut length = if last == dim && it.arena.range(start).high < 0.0 {
        // The last ones, as many as there are.
        let wanted = it.arena.scale(start, -1.0);
        it.arena.least(wanted, dim)
    } else {
        // Where the start lies at or beyond the end there is nothing, wherever it is.
        let distance = it.arena.sub(last, first)?;
        it.arena.greatest(PolyId::ZERO, distance)
    };
    if step > 1 {
        let (stride, short) = (it.arena.integer(step), it.arena.integer(step - 1));
        let reached = it.arena.add(length, short)?;
        length = it.arena.integer_quotient(reached, stride);
    }
    sliced(it, a, axis, first, step, length)
}

/// A bound counted from the start of an axis of size `dim`, not below 0.
fn absolute(it: &mut Interpreter<'_>, bound: PolyId, dim: PolyId) -> Result<PolyId, Stop> {
    let range = it.arena.range(bound);
    if range.low >= 0.0 {
        return Ok(bound);
    }
    if range.high >= 0.0 {
        return Err(Stop::BoundOfUnknownSign);
    }
    let counted = it.arena.add(bound, dim)?;
    Ok(it.arena.greatest(PolyId::ZERO, counted))
}

/// Cuts an opaque axis.
fn sliced(
    it: &mut Interpreter<'_>,
    mut a: Value,
    axis: usize,
    start: PolyId,
    step: i64,
    length: PolyId,
) -> Result<Value, Stop> {
    for (root, axes) in a.alignment.clone() {
        let Some(k) = axes.iter().position(|&at| at as usize == axis) else {
            continue;
        };
        if it.arena.is_iota(root) {
            let position = it.arena.channel(root, 0);
            let scaled = it.arena.scale(position, step as f64);
            let moved = it.arena.add(start, scaled)?;
            if moved != position {
                let mut data = a.data.to_vec();
                for p in &mut data {
                    *p = it.arena.substitute(*p, root, moved)?;
                }
                a.data = data.into();
            }
        } else if start != PolyId::ZERO || step != 1 || a.shape[axis] != length {
            let new = it.arena.derive(
                root,
                Restructure::Slice {
                    axis: k as u8,
                    start,
                    step,
                    length,
                },
            );
            a.rename(&mut it.arena, root, new)?;
        }
    }
    a.shape[axis] = length;
    Ok(a)
}

/// First position and number of positions that constant bounds take from an axis, as ONNX clamps them.
fn span(size: i64, start: i64, end: i64, step: i64) -> Result<(i64, i64), Stop> {
    if size < 0 {
        return Err(Stop::NegativeSize);
    }
    let absolute = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    if size == 0 {
        return Ok((0, 0));
    }
    // Backwards the end may lie before the first element, the start may not.
    let (starts, ends) = match step > 0 {
        true => (0..=size, 0..=size),
        false => (0..=size - 1, -1..=size - 1),
    };
    let first = absolute(start).clamp(*starts.start(), *starts.end());
    let last = absolute(end).clamp(*ends.start(), *ends.end());
    let distance = match step {
        0 => return Err(Stop::StepZero),
        1.. => last - first,
        _ => first - last,
    };
    let stride = i64::try_from(step.unsigned_abs()).unwrap_or(i64::MAX);
    Ok((
        first,
        distance
            .max(0)
            .unsigned_abs()
            .div_ceil(stride.unsigned_abs()) as i64,
    ))
}

/// The positions that constant bounds take from an enumerated axis.
fn positions(size: i64, start: i64, end: i64, step: i64) -> Result<Vec<usize>, Stop> {
    let (first, count) = span(size, start, end, step)?;
    Ok((0..count).map(|k| (first + k * step) as usize).collect())
}

/// The elements at these positions of an enumerated axis.
pub fn pick(
    it: &mut Interpreter<'_>,
    a: &Value,
    axis: usize,
    positions: &[usize],
) -> Result<Value, Stop> {
    let extents = a.extents(&it.arena);
    let (outer, count, inner) = around(&extents, axis);
    let mut data = Vec::with_capacity(outer * positions.len() * inner);
    for o in 0..outer {
        for &k in positions {
            let at = (o * count + k) * inner;
            let run = a.data.get(at..at + inner).filter(|_| k < count);
            data.extend_from_slice(run.ok_or(Stop::PastTheEnd)?);
        }
    }
    let mut value = a.clone();
    value.shape[axis] = it.arena.integer(positions.len() as i64);
    value.data = data.into();
    Ok(value.tidy(&it.arena))
}

pub(super) fn split(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Outputs, Stop> {
    let a = it.value(visit.input(0)?)?;
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), a.rank())?;
    if let Some(sizes) = visit.optional(1).and_then(|id| it.elements(id))
        && sizes.iter().any(|&p| it.arena.as_integer(p).is_none())
    {
        return split_by(it, &a, axis, &sizes);
    }
    let sizes: Vec<i64> = match it.ints_of(visit, "split", 1)? {
        Some(sizes) => sizes,
        None => {
            let size = it
                .arena
                .as_integer(a.shape[axis])
                .ok_or(Stop::UnknownSizeSplit)?;
            let parts = visit.node.output.len().max(1) as i64;
            let chunk = (size + parts - 1) / parts;
            (0..parts)
                .map(|k| chunk.min(size - k * chunk).max(0))
                .collect()
        }
    };
    if sizes.iter().any(|&size| size < 0)
        || sizes
            .iter()
            .try_fold(0i64, |sum, &size| sum.checked_add(size))
            .is_none()
    {
        return Err(Stop::ImpossibleParts);
    }
    let mut outputs = Outputs::new();
    let mut from = 0;
    for (size, name) in sizes.into_iter().zip(&visit.node.output) {
        let piece = if a.enumerated[axis] {
            let total = a.extents(&it.arena)[axis];
            let list: Vec<usize> = (from as usize..total).take(size as usize).collect();
            pick(it, &a, axis, &list)?
        } else if axis + 1 == a.rank() && a.dtype.is_float() {
            // Channels too wide to tell apart: every part starts anew, and is told apart where it is narrow enough.
            let mut shape = a.shape.clone();
            shape[axis] = it.arena.integer(size);
            let id = it.index().id(name).ok_or(Stop::OutputWithoutName)?;
            it.fresh_piece(id, a.dtype, shape)
        } else {
            let (start, length) = (it.arena.integer(from), it.arena.integer(size));
            sliced(it, (*a).clone(), axis, start, 1, length)?
        };
        from += size;
        outputs.push(Some(piece));
    }
    Ok(outputs)
}

/// Parts of sizes that are no constants. A graph in which one is negative, or in which they are not the whole, does not run.
fn split_by(
    it: &mut Interpreter<'_>,
    a: &Value,
    axis: usize,
    sizes: &[PolyId],
) -> Result<Outputs, Stop> {
    if a.enumerated[axis] {
        return Err(Stop::ToldApartSplit);
    }
    let mut outputs = Outputs::new();
    let mut from = PolyId::ZERO;
    for &size in sizes {
        outputs.push(Some(sliced(it, a.clone(), axis, from, 1, size)?));
        from = it.arena.add(from, size)?;
    }
    Ok(outputs)
}

/// A constant index on an opaque axis: the axis is gone or has the length of the index.
pub(super) fn indexed(
    it: &mut Interpreter<'_>,
    a: &Value,
    axis: usize,
    indices: &[i64],
) -> Result<Value, Stop> {
    let mut value = a.clone();
    let size = it.arena.as_integer(a.shape[axis]);
    for (root, axes) in a.alignment.clone() {
        let Some(k) = axes.iter().position(|&at| at as usize == axis) else {
            continue;
        };
        if it.arena.is_iota(root) {
            let [index] = indices else {
                return Err(Stop::SeveralConstantRows);
            };
            let row = match size {
                Some(n) if *index < 0 => index + n,
                None if *index < 0 => return Err(Stop::RowFromUnknownEnd),
                _ => *index,
            };
            let row = it.arena.integer(row);
            let mut data = value.data.to_vec();
            for p in &mut data {
                *p = it.arena.substitute(*p, root, row)?;
            }
            value.data = data.into();
            value.alignment.retain(|(r, _)| *r != root);
        } else {
            let indices: SmallVec<[i64; 4]> = indices.into();
            let new = it.arena.derive(
                root,
                Restructure::Index {
                    axis: k as u8,
                    indices,
                },
            );
            value.rename(&mut it.arena, root, new)?;
        }
    }
    value.shape[axis] = it.arena.integer(indices.len() as i64);
    if indices.len() == 1 {
        // The axis has size 1 now: no root follows it any more.
        value.enumerated[axis] = true;
        let unfollowed = value.alignment.iter().map(|(root, axes)| {
            (
                *root,
                axes.iter()
                    .copied()
                    .filter(|&at| at as usize != axis)
                    .collect(),
            )
        });
        value.alignment = unfollowed.collect();
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
