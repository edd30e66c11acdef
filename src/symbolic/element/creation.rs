//! Operators that make numbers from sizes.

use crate::symbolic::function::Function;
use crate::symbolic::interpreter::normal_axis;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::{Pause, Query};

/// Numbers the coordinates of sums apart from those of tensors.
const SUMMED: u32 = 1 << 16;

pub(super) fn range(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let start = query.ask_scalar(visit.input(0)?)?;
    let step = query.ask_scalar(visit.input(2)?)?;
    let index = *query.at.first().ok_or(Stop::IndexRank)?;
    let mut algebra = query.algebra();
    let moved = algebra.mul(step, index, own.dtype);
    Ok(algebra.add(start, moved, own.dtype))
}

pub(super) fn constant_of_shape(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
) -> Result<PolyId, Pause> {
    let Some(fill) = visit.node.tensor("value") else {
        return Ok(PolyId::ZERO);
    };
    let tensor = query
        .it
        .file
        .tensor(fill)
        .map_err(|_| Stop::FillUnreadable)?;
    if tensor.len() != 1 {
        return Err(Stop::FillEmpty.into());
    }
    let number = crate::symbolic::constants::element(&mut query.it.arena, &tensor, 0);
    Ok(number.ok_or(Stop::FillNotFinite)?)
}

pub(super) fn shape(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let from = query.value(visit.input(0)?)?;
    let start = visit.node.int("start").unwrap_or(0);
    let start = match start < 0 {
        true => start + from.rank() as i64,
        false => start,
    };
    let index = *query.at.first().ok_or(Stop::IndexRank)?;
    let at = query.it.arena.as_integer(index);
    let at = at.ok_or(Stop::IndexNotConstant)?;
    let axis = usize::try_from(start.max(0) + at).ok();
    let size = axis.and_then(|axis| from.shape.get(axis));
    Ok(*size.ok_or(Stop::IndexOutOfRange)?)
}

/// A running sum of what does not vary along the axis.
pub(super) fn cum_sum(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let input = visit.input(0)?;
    let flag = |name: &str| visit.node.int(name).unwrap_or(0) != 0;
    let axis = query
        .it
        .integers(visit.input(1)?)
        .ok_or(Stop::DynamicAxes)?;
    let [axis] = axis[..] else {
        return Err(Stop::DynamicAxes.into());
    };
    let axis = normal_axis(axis, own.rank())?;
    if flag("reverse") {
        return Err(Stop::UnknownOperator.into());
    }
    let arena = &mut query.it.arena;
    let any = arena.coordinate(SUMMED + axis as u32, own.shape[axis]);
    let mut at = query.at.clone();
    at[axis] = any;
    let element = query.ask(input, &at)?;
    let arena = &mut query.it.arena;
    if arena
        .as_atom(any)
        .is_some_and(|any| arena.depends_on(element, any))
    {
        return Err(Stop::SumOfUnknownLength.into());
    }
    let count = match flag("exclusive") {
        true => query.at[axis],
        false => arena.add(query.at[axis], PolyId::ONE)?,
    };
    let sum = arena.mul(element, count)?;
    match query.algebra().holds(sum, own.dtype) {
        true => Ok(sum),
        false => Err(Stop::IntegerOverflow.into()),
    }
}

pub(super) fn trilu(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let diagonal = match visit.optional(1) {
        Some(k) => query.ask_scalar(k)?,
        None => PolyId::ZERO,
    };
    let [.., row, column] = query.at[..] else {
        return Err(Stop::IndexRank.into());
    };
    let at = query.at.clone();
    let element = query.ask(visit.input(0)?, &at)?;
    let mut algebra = query.algebra();
    let border = algebra.arena.add(row, diagonal)?;
    let kept = match visit.node.int("upper").unwrap_or(1) != 0 {
        true => algebra.apply(Function::LessOrEqual, &[border, column]),
        false => algebra.apply(Function::LessOrEqual, &[column, border]),
    };
    Ok(algebra.apply(Function::Where, &[kept, element, PolyId::ZERO]))
}
