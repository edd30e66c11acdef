//! Operators that move elements along axes.

use crate::symbolic::function::Function;
use crate::symbolic::interpreter::normal_axis;
use crate::symbolic::ops::slicing;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::{Indices, Pause, Query};

pub(super) fn transpose(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let rank = query.at.len();
    let reversed: Vec<i64> = (0..rank as i64).rev().collect();
    let order = visit.node.ints("perm").unwrap_or(&reversed);
    if order.len() != rank {
        return Err(Stop::PermutationRank.into());
    }
    let mut at = Indices::from_elem(PolyId::ZERO, rank);
    for (&to, &index) in order.iter().zip(&query.at) {
        at[normal_axis(to, rank)?] = index;
    }
    query.ask(visit.input(0)?, &at)
}

/// Squeeze and Unsqueeze: the axes of other sizes than 1 keep their order.
pub(super) fn unit_axes(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let input = visit.input(0)?;
    let from = query.value(input)?;
    let axes = query.it.ints_of(visit, "axes", 1)?;
    let longer = from.rank().max(own.rank());
    let unit = |k: usize| {
        axes.as_ref()
            .map(|axes| axes.iter().any(|&axis| normal_axis(axis, longer) == Ok(k)))
    };
    let at: Indices = if visit.node.op_type() == "Unsqueeze" {
        query.same_rank(own)?;
        let kept = query.at.iter().enumerate();
        let kept = kept.filter(|&(k, _)| unit(k) == Some(false));
        kept.map(|(_, &index)| index).collect()
    } else {
        let mut own = query.at.iter();
        // Without axes, those that are known to have size 1 are gone; that the others stay is known from the rank.
        let gone = |k: usize| unit(k).unwrap_or(from.is_unit(k));
        let all = (0..longer).map(|k| match gone(k) {
            true => Some(PolyId::ZERO),
            false => own.next().copied(),
        });
        all.collect::<Option<_>>().ok_or(Stop::SqueezeOfAnyAxis)?
    };
    if at.len() != from.rank() {
        return Err(Stop::AxisOutOfRange.into());
    }
    query.ask(input, &at)
}

pub(super) fn expand(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let (input, output) = (visit.input(0)?, output(query, visit, 0)?);
    query.ask_broadcast(input, &output)
}

pub(super) fn tile(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let input = visit.input(0)?;
    let from = query.value(input)?;
    let repeats = query
        .it
        .elements(visit.input(1)?)
        .ok_or(Stop::UnknownRepeats)?;
    if repeats.len() != from.rank() || from.rank() != query.at.len() {
        return Err(Stop::RepeatsRank.into());
    }
    let mut at = query.at.clone();
    for (axis, &count) in repeats.iter().enumerate() {
        let size = query.size(from.shape[axis]);
        if count != PolyId::ONE && size != PolyId::ONE {
            let index = at[axis];
            at[axis] = query.algebra().divided(index, size).1;
        }
    }
    query.ask(input, &at)
}

pub(super) fn slice(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let input = visit.input(0)?;
    let from = query.value(input)?;
    query.same_rank(&from)?;
    let mut at = query.at.clone();
    for (axis, start, step) in slicing::starts(query.it, visit, from.rank())? {
        let size = query.size(from.shape[axis]);
        let first = match step > 0 {
            true => first(query, start, size)?,
            false => last(query, start, size)?,
        };
        let arena = &mut query.it.arena;
        let moved = arena.scale(at[axis], step as f64);
        at[axis] = arena.add(first, moved)?;
    }
    query.ask(input, &at)
}

/// Where a slice upward begins that has an element, so that its start lies before the end of the axis.
fn first(query: &mut Query<'_, '_>, start: PolyId, size: PolyId) -> Result<PolyId, Pause> {
    let mut algebra = query.algebra();
    if algebra.nonnegative(start) {
        return Ok(start);
    }
    if !is_negative(&mut algebra, start)? {
        return Err(Stop::BoundOfUnknownSign.into());
    }
    let counted = algebra.arena.add(start, size)?;
    Ok(algebra.apply(Function::Max, &[PolyId::ZERO, counted]))
}

/// Where a slice downward begins: at the end of the axis, if its start lies there or beyond.
fn last(query: &mut Query<'_, '_>, start: PolyId, size: PolyId) -> Result<PolyId, Pause> {
    let mut algebra = query.algebra();
    let end = algebra.arena.sub(size, PolyId::ONE)?;
    let start = match is_negative(&mut algebra, start)? {
        true => algebra.arena.add(start, size)?,
        false if algebra.nonnegative(start) => start,
        false => return Err(Stop::BoundOfUnknownSign.into()),
    };
    Ok(algebra.apply(Function::Min, &[start, end]))
}

fn is_negative(algebra: &mut super::Algebra<'_>, p: PolyId) -> Result<bool, Stop> {
    let above = algebra.arena.add(p, PolyId::ONE)?;
    let below = algebra.arena.scale(above, -1.0);
    Ok(algebra.nonnegative(below))
}

pub(super) fn split(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    slot: usize,
) -> Result<PolyId, Pause> {
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), query.at.len())?;
    let mut at = query.at.clone();
    for before in 0..slot {
        let part = output(query, visit, before)?;
        query.same_rank(&part)?;
        at[axis] = query.it.arena.add(at[axis], part.shape[axis])?;
    }
    query.ask(visit.input(0)?, &at)
}

pub(super) fn concat(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let axis = visit.node.int("axis").ok_or(Stop::ConcatWithoutAxis)?;
    let axis = normal_axis(axis, query.at.len())?;
    // The pieces in which the element may lie, each with where it ends.
    let mut candidates = Vec::new();
    let (mut rest, mut end) = (query.at[axis], PolyId::ZERO);
    for slot in 0..visit.inputs.len() {
        let piece = visit.input(slot)?;
        let known = query.value(piece)?;
        query.same_rank(&known)?;
        let size = query.size(known.shape[axis]);
        end = query.it.arena.add(end, size)?;
        let beyond = query.it.arena.sub(rest, size)?;
        let mut at = query.at.clone();
        at[axis] = rest;
        let mut algebra = query.algebra();
        if !algebra.nonnegative(beyond) {
            candidates.push((piece, at, end));
            if is_negative(&mut algebra, beyond)? {
                break;
            }
        }
        rest = beyond;
    }
    let index = query.at[axis];
    let mut element = None;
    for (piece, at, end) in candidates.into_iter().rev() {
        let own = query.ask(piece, &at)?;
        element = Some(match element {
            None => own,
            Some(later) => {
                let mut algebra = query.algebra();
                let inside = algebra.apply(Function::Less, &[index, end]);
                algebra.apply(Function::Where, &[inside, own, later])
            }
        });
    }
    Ok(element.ok_or(Stop::NothingToConcatenate)?)
}

pub(super) fn pad(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    if visit
        .node
        .string("mode")
        .is_some_and(|mode| mode != "constant")
    {
        return Err(Stop::UnknownOperator.into());
    }
    let input = visit.input(0)?;
    let from = query.value(input)?;
    query.same_rank(&from)?;
    let rank = from.rank();
    let pads = match visit.node.ints("pads") {
        Some(list) => list.iter().map(|&v| query.it.arena.integer(v)).collect(),
        None => query
            .it
            .elements(visit.input(1)?)
            .ok_or(Stop::UnknownBounds)?,
    };
    let axes = match visit.optional(3) {
        Some(axes) => query.it.integers(axes).ok_or(Stop::DynamicAxes)?,
        None => (0..rank as i64).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(Stop::BoundsLength.into());
    }
    let mut at = query.at.clone();
    let mut inside = PolyId::ONE;
    let (before, after) = pads.split_at(axes.len());
    for (&axis, (&before, &after)) in axes.iter().zip(before.iter().zip(after)) {
        let axis = normal_axis(axis, rank)?;
        at[axis] = query.it.arena.sub(at[axis], before)?;
        let (index, size) = (at[axis], query.size(from.shape[axis]));
        let mut algebra = query.algebra();
        let after_start = algebra.apply(Function::LessOrEqual, &[PolyId::ZERO, index]);
        // With nothing after it, the end of the data is that of the axis.
        let before_end = match after {
            PolyId::ZERO => PolyId::ONE,
            _ => algebra.apply(Function::Less, &[index, size]),
        };
        let both = algebra.apply(Function::And, &[after_start, before_end]);
        inside = algebra.apply(Function::And, &[inside, both]);
    }
    if inside == PolyId::ONE {
        return query.ask(input, &at);
    }
    let fill = match visit.optional(2) {
        Some(fill) => query.ask_scalar(fill)?,
        None => query
            .it
            .arena
            .constant(f64::from(visit.node.float("value").unwrap_or(0.0))),
    };
    if inside == PolyId::ZERO {
        return Ok(fill);
    }
    let element = query.ask(input, &at)?;
    Ok(query
        .algebra()
        .apply(Function::Where, &[inside, element, fill]))
}

fn output(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    slot: usize,
) -> Result<std::rc::Rc<Value>, Stop> {
    let name = visit.node.output.get(slot).filter(|name| !name.is_empty());
    let id = name.and_then(|name| query.it.index().id(name));
    query.value(id.ok_or(Stop::OutputWithoutName)?)
}
