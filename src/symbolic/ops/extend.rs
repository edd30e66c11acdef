//! Expand, Tile and Concat.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::symbolic::broadcast::{align, padded, stretch};
use crate::symbolic::interpreter::{Interpreter, MAX_CHANNELS, normal_axis};
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::{Caveats, Extents, Shape, Value, strides, walk};
use crate::symbolic::visit::Visit;

/// Most elements of a value one of whose axes was repeated element by element.
const MAX_REPEATED: usize = 4096;

pub(super) fn expand(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let target: Shape = match it.elements(visit.input(1)?) {
        Some(target) => target.into(),
        None => {
            let output = visit.node.output.first().map_or("", |name| name.as_str());
            it.facts_of_output(visit, output)
                .map(|(_, shape)| shape)
                .ok_or(Stop::ExpandToUnknown)?
        }
    };
    let rank = a.rank().max(target.len());
    let mut value = padded(&a, rank);
    let offset = rank - target.len();
    let is_constant = a.enumerated.iter().all(|&told_apart| told_apart)
        && a.data.iter().all(|&p| it.arena.as_constant(p).is_some());
    let mut extents = value.extents(&it.arena);
    let source = extents.clone();
    for axis in 0..rank {
        let Some(&goal) = axis.checked_sub(offset).and_then(|k| target.get(k)) else {
            continue;
        };
        if !value.is_unit(axis) {
            let size = it.arena.broadcast_size(value.shape[axis], goal);
            stretch(&mut it.arena, &mut value, axis, size)?;
            value.shape[axis] = size;
            continue;
        }
        if goal == PolyId::ONE {
            continue;
        }
        value.shape[axis] = goal;
        // Only an axis next to the channels can become part of them (a repeat before a reshape), but what is computed from constants is one:
        // all its elements are told apart.
        let count = it
            .arena
            .as_integer(goal)
            .filter(|&n| n >= 0 && n <= MAX_CHANNELS as i64)
            .map(|n| n as usize);
        match count {
            Some(n)
                if (axis + 2 >= rank || is_constant)
                    && extents.iter().product::<usize>() * n <= MAX_REPEATED =>
            {
                extents[axis] = n
            }
            _ => value.enumerated[axis] = false,
        }
    }
    let mut data = Vec::with_capacity(extents.iter().product());
    walk(&extents, &[strides(&source)], &mut |at| {
        data.push(value.data[at[0]]);
        Ok(())
    })?;
    value.data = data.into();
    Ok(value)
}

pub(super) fn tile(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let repeats = it.elements(visit.input(1)?).ok_or(Stop::UnknownRepeats)?;
    if repeats.len() != a.rank() {
        return Err(Stop::RepeatsRank);
    }
    let source = a.extents(&it.arena);
    let mut extents = source.clone();
    let mut value = (*a).clone();
    for (axis, &repeat) in repeats.iter().enumerate() {
        if repeat == PolyId::ONE {
            continue;
        }
        let count = it
            .arena
            .as_integer(repeat)
            .filter(|&n| (0..=MAX_CHANNELS as i64).contains(&n))
            .map(|n| n as usize);
        match count {
            Some(n)
                if value.enumerated[axis]
                    && extents.iter().product::<usize>() * n <= MAX_REPEATED
                    && source[axis] * n <= MAX_CHANNELS =>
            {
                extents[axis] = source[axis] * n;
                value.shape[axis] = it.arena.integer(extents[axis] as i64);
            }
            _ if value.is_unit(axis) => {
                value.shape[axis] = repeat;
                value.enumerated[axis] = false;
            }
            _ => return Err(Stop::RepeatOfOpaqueAxis),
        }
    }
    // A repeated position is the position modulo the original size: tiling is not a stride, so positions are counted out.
    let mut data = Vec::with_capacity(extents.iter().product());
    let steps = strides(&source);
    let mut position: Extents = SmallVec::from_elem(0, extents.len());
    for _ in 0..extents.iter().product::<usize>() {
        let at: usize = (0..extents.len())
            .map(|axis| position[axis] % source[axis] * steps[axis])
            .sum();
        data.push(a.data[at]);
        for axis in (0..extents.len()).rev() {
            position[axis] += 1;
            if position[axis] < extents[axis] {
                break;
            }
            position[axis] = 0;
        }
    }
    value.data = data.into();
    Ok(value)
}

pub(super) fn concat(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let values: Vec<Rc<Value>> = (0..visit.inputs.len())
        .map(|k| visit.input(k).and_then(|id| it.value(id)))
        .collect::<Result<_, _>>()?;
    let first = values.first().ok_or(Stop::NothingToConcatenate)?;
    let rank = first.rank();
    let axis = normal_axis(visit.node.int("axis").ok_or(Stop::ConcatWithoutAxis)?, rank)?;
    if values.iter().any(|v| v.rank() != rank) {
        return Err(Stop::ConcatRank);
    }
    if values.iter().any(|v| !v.enumerated[axis]) {
        return Err(Stop::ConcatAlongOpaqueAxis);
    }
    let mut operands: Vec<Value> = values.iter().map(|v| (**v).clone()).collect();
    let mut shape = Shape::new();
    let mut enumerated = SmallVec::<[bool; 6]>::new();
    for k in 0..rank {
        if k == axis {
            let mut total = PolyId::ZERO;
            for operand in &operands {
                total = it.arena.add(total, operand.shape[k])?;
            }
            shape.push(total);
            enumerated.push(true);
            continue;
        }
        // ONNX Runtime leaves out what has no elements, whatever its other sizes.
        if operands.iter().any(|v| v.shape[k] != operands[0].shape[k]) {
            return Err(Stop::ConcatSizesMayDiffer);
        }
        shape.push(operands[0].shape[k]);
        enumerated.push(operands.iter().all(|v| v.enumerated[k]));
    }
    let before = enumerated.clone();
    let extents = it.fit(&shape, &mut enumerated);
    if !enumerated[axis] && before[axis] {
        return Err(Stop::ConcatTooWide);
    }
    for operand in &mut operands {
        for k in (0..rank).filter(|&k| !enumerated[k]) {
            *operand = operand.with_opaque(&mut it.arena, &mut it.tables, k)?;
        }
    }
    for operand in &operands {
        let own = operand.extents(&it.arena);
        if (0..rank).any(|k| k != axis && own[k] != extents[k]) {
            return Err(Stop::ConcatShape);
        }
    }
    let caveats = operands
        .iter()
        .map(|v| v.caveats)
        .fold(Caveats::default(), Caveats::and);
    let alignment = align(&mut it.arena, &mut operands)?;
    // One row-major run of every operand for each position before the axis.
    let inner: usize = extents[axis + 1..].iter().product();
    let outer: usize = extents[..axis].iter().product();
    let mut data = Vec::with_capacity(extents.iter().product());
    for o in 0..outer {
        for operand in &operands {
            let count = operand.extents(&it.arena)[axis] * inner;
            data.extend_from_slice(
                operand
                    .data
                    .get(o * count..(o + 1) * count)
                    .ok_or(Stop::ConcatShape)?,
            );
        }
    }
    Ok(Value {
        dtype: operands[0].dtype,
        caveats,
        shape,
        enumerated,
        data: data.into(),
        alignment,
    })
}

#[cfg(test)]
mod tests;
