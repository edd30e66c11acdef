//! Operators that move axes and touch no element.

use smallvec::SmallVec;

use crate::symbolic::interpreter::{Interpreter, MAX_CHANNELS, normal_axis};
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::{Extents, Shape, Value, strides, walk};
use crate::symbolic::visit::Visit;

pub(super) fn identity(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    it.value(visit.input(0)?).map(|v| (*v).clone())
}

/// Dropout, which passes its input on unless it is told that this is training.
pub(super) fn dropout(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    if let Some(training) = visit.optional(2) {
        let mode = it.value(training)?;
        if mode.elements() != Some(&[PolyId::ZERO]) {
            return Err(Stop::DropoutInTraining);
        }
    }
    identity(it, visit)
}

pub(super) fn transpose(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let permutation: SmallVec<[usize; 6]> = match visit.node.ints("perm") {
        Some(perm) => perm
            .iter()
            .map(|&axis| normal_axis(axis, a.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..a.rank()).rev().collect(),
    };
    let value = permuted(it, &a, &permutation)?;
    match brings_channels(it, &value, &permutation) {
        true => Err(Stop::ChannelsFromWithin),
        false => Ok(value),
    }
}

/// Whether a permutation brings an axis to the end that looks like channels and whose elements are not told apart, as where images become
/// sequences of patches. Of two axes that change places, either may be that of channels.
fn brings_channels(it: &Interpreter<'_>, value: &Value, permutation: &[usize]) -> bool {
    let Some(last) = value.rank().checked_sub(1) else {
        return false;
    };
    let size = it.arena.as_integer(value.shape[last]);
    let is_width = size.is_some_and(|n| (2..=MAX_CHANNELS as i64).contains(&n));
    let is_far = permutation[last] + 1 < last;
    value.dtype.is_float() && is_width && is_far && !value.enumerated[last]
}

/// The value with axis `permutation[k]` at position `k`.
pub fn permuted(it: &Interpreter<'_>, a: &Value, permutation: &[usize]) -> Result<Value, Stop> {
    let mut seen = SmallVec::<[bool; 6]>::from_elem(false, a.rank());
    if permutation.len() != a.rank()
        || permutation
            .iter()
            .any(|&axis| std::mem::replace(&mut seen[axis], true))
    {
        return Err(Stop::PermutationRank);
    }
    let extents = a.extents(&it.arena);
    let steps = strides(&extents);
    let order = |list: &Extents| {
        permutation
            .iter()
            .map(|&axis| list[axis])
            .collect::<Extents>()
    };
    let mut data = Vec::with_capacity(a.data.len());
    walk(&order(&extents), &[order(&steps)], &mut |at| {
        data.push(a.data[at[0]]);
        Ok(())
    })?;
    let moved = |axis: u8| {
        permutation
            .iter()
            .position(|&p| p == axis as usize)
            .unwrap_or(0) as u8
    };
    Ok(Value {
        dtype: a.dtype,
        caveats: a.caveats,
        shape: permutation.iter().map(|&axis| a.shape[axis]).collect(),
        enumerated: permutation.iter().map(|&axis| a.enumerated[axis]).collect(),
        data: data.into(),
        alignment: a.with_axes_moved(&moved),
    })
}

pub(super) fn unsqueeze(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let axes = it.ints_of(visit, "axes", 1)?.ok_or(Stop::AbsentAxes)?;
    let rank = a.rank() + axes.len();
    let axes: SmallVec<[usize; 6]> = axes
        .iter()
        .map(|&axis| normal_axis(axis, rank))
        .collect::<Result<_, _>>()?;
    with_unit_axes(&a, &axes)
}

/// The value with unit axes inserted at these positions of the result.
pub fn with_unit_axes(a: &Value, axes: &[usize]) -> Result<Value, Stop> {
    let rank = a.rank() + axes.len();
    let kept: SmallVec<[usize; 6]> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
    if kept.len() != a.rank() {
        return Err(Stop::AxisInsertedTwice);
    }
    let mut shape: Shape = SmallVec::from_elem(PolyId::ONE, rank);
    let mut enumerated = SmallVec::from_elem(true, rank);
    for (old, &new) in kept.iter().enumerate() {
        shape[new] = a.shape[old];
        enumerated[new] = a.enumerated[old];
    }
    let alignment = a.with_axes_moved(&|axis| kept[axis as usize] as u8);
    Ok(Value {
        dtype: a.dtype,
        caveats: a.caveats,
        shape,
        enumerated,
        data: a.data.clone(),
        alignment,
    })
}

pub(super) fn squeeze(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    // ONNX Runtime takes an empty list of axes for none.
    let given = it.ints_of(visit, "axes", 1)?;
    let axes: SmallVec<[usize; 6]> = match given.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes
            .iter()
            .map(|&axis| normal_axis(axis, a.rank()))
            .collect::<Result<_, _>>()?,
        None => {
            let fixed = |&dim: &PolyId| it.arena.as_integer(dim).is_some();
            if !a.shape.iter().all(fixed) {
                return Err(Stop::SqueezeOfAnyAxis);
            }
            (0..a.rank()).filter(|&axis| a.is_unit(axis)).collect()
        }
    };
    without_axes(&a, &axes)
}

/// The value without these axes, all of size 1.
pub fn without_axes(a: &Value, axes: &[usize]) -> Result<Value, Stop> {
    if axes.iter().any(|&axis| !a.is_unit(axis)) {
        return Err(Stop::SqueezeOfLongAxis);
    }
    let kept: SmallVec<[usize; 6]> = (0..a.rank()).filter(|axis| !axes.contains(axis)).collect();
    let moved = |axis: u8| kept.iter().position(|&k| k == axis as usize).unwrap_or(0) as u8;
    Ok(Value {
        dtype: a.dtype,
        caveats: a.caveats,
        shape: kept.iter().map(|&axis| a.shape[axis]).collect(),
        enumerated: kept.iter().map(|&axis| a.enumerated[axis]).collect(),
        data: a.data.clone(),
        alignment: a.with_axes_moved(&moved),
    })
}

#[cfg(test)]
mod tests;
