//! Operators that take elements by index.

use crate::symbolic::function::Function;
use crate::symbolic::interpreter::normal_axis;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::visit::Visit;

use super::{Indices, Pause, Query};

pub(super) fn gather(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let (data, indices) = (visit.input(0)?, visit.input(1)?);
    let (from, by) = (query.value(data)?, query.value(indices)?);
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), from.rank())?;
    let end = axis + by.rank();
    if query.at.len() + 1 != from.rank() + by.rank() {
        return Err(Stop::IndexRank.into());
    }
    let index: Indices = query.at[axis..end].into();
    let index = query.ask(indices, &index)?;
    let index = counted(query, index, from.shape[axis])?;
    let mut at: Indices = query.at[..axis].into();
    at.push(index);
    at.extend_from_slice(&query.at[end..]);
    query.ask(data, &at)
}

pub(super) fn gather_elements(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
) -> Result<PolyId, Pause> {
    let (data, indices) = (visit.input(0)?, visit.input(1)?);
    let from = query.value(data)?;
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), from.rank())?;
    if query.at.len() != from.rank() {
        return Err(Stop::IndexRank.into());
    }
    let mut at = query.at.clone();
    let index = query.ask(indices, &at.clone())?;
    at[axis] = counted(query, index, from.shape[axis])?;
    query.ask(data, &at)
}

pub(super) fn gather_nd(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let (data, indices) = (visit.input(0)?, visit.input(1)?);
    let (from, by) = (query.value(data)?, query.value(indices)?);
    let batch = visit.node.int("batch_dims").unwrap_or(0);
    let batch = usize::try_from(batch).map_err(|_| Stop::AxisOutOfRange)?;
    let width = by
        .shape
        .last()
        .and_then(|&dim| query.it.arena.as_integer(dim));
    let width = width.and_then(|width| usize::try_from(width).ok());
    let width = width.ok_or(Stop::IndexOfUnknownWidth)?;
    let lead = by.rank() - 1;
    if batch > lead
        || batch + width > from.rank()
        || query.at.len() + batch + width != lead + from.rank()
    {
        return Err(Stop::IndexRank.into());
    }
    let mut at: Indices = query.at[..batch].into();
    for k in 0..width {
        let mut place: Indices = query.at[..lead].into();
        place.push(query.it.arena.constant(k as f64));
        let index = query.ask(indices, &place)?;
        at.push(counted(query, index, from.shape[batch + k])?);
    }
    at.extend_from_slice(&query.at[lead..]);
    query.ask(data, &at)
}

/// An index into an axis of this size, counted from the start.
fn counted(query: &mut Query<'_, '_>, index: PolyId, size: PolyId) -> Result<PolyId, Pause> {
    let size = query.size(size);
    let mut algebra = query.algebra();
    if algebra.nonnegative(index) {
        return Ok(index);
    }
    let above = algebra.arena.add(index, PolyId::ONE)?;
    let below = algebra.arena.scale(above, -1.0);
    if algebra.nonnegative(below) {
        return Ok(algebra.arena.add(index, size)?);
    }
    Ok(algebra.apply(Function::Wrapped, &[index, size]))
}
