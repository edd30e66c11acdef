//! ScatterElements with constant indices along an axis that is told apart.

use crate::symbolic::broadcast::merge;
use crate::symbolic::interpreter::{Interpreter, MAX_CHANNELS, normal_axis};
use crate::symbolic::poly::Stop;
use crate::symbolic::value::{Value, position, split};
use crate::symbolic::visit::Visit;

use super::scatter::operands;

/// Makes an axis of several values told apart in all of them, or else in none.
pub(super) fn alike(
    it: &mut Interpreter<'_>,
    values: &mut [(&mut Value, usize)],
) -> Result<(), Stop> {
    if values.iter().all(|(v, axis)| v.enumerated[*axis]) {
        return Ok(());
    }
    let size = values
        .first()
        .and_then(|(v, axis)| it.arena.as_integer(v.shape[*axis]))
        .and_then(|n| usize::try_from(n).ok())
        .filter(|&n| n <= MAX_CHANNELS);
    let uniform = |v: &Value, axis: usize| {
        let mut along = v.alignment.iter().flat_map(|(_, axes)| axes);
        v.enumerated[axis] || along.all(|&at| at as usize != axis)
    };
    let apart = values.iter().any(|(v, axis)| v.enumerated[*axis])
        && values.iter().all(|(v, axis)| uniform(v, *axis));
    for (value, axis) in values {
        match size {
            Some(size) if apart => **value = repeated(it, value, *axis, size),
            _ => **value = value.with_opaque(&mut it.arena, &mut it.tables, *axis)?,
        }
    }
    Ok(())
}

/// A value that is the same all along an opaque axis, with that axis told apart.
fn repeated(it: &Interpreter<'_>, value: &Value, axis: usize, size: usize) -> Value {
    if value.enumerated[axis] {
        return value.clone();
    }
    let (outer, _, inner) = split(&value.extents(&it.arena), axis);
    let mut data = Vec::with_capacity(outer * size * inner);
    for o in 0..outer {
        let run = &value.data[o * inner..(o + 1) * inner];
        (0..size).for_each(|_| data.extend_from_slice(run));
    }
    let mut value = value.clone();
    value.enumerated[axis] = true;
    value.data = data.into();
    value
}

pub(super) fn scatter_elements(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let mut values = operands(it, visit)?.map(|value| (*value).clone());
    let rank = values[0].rank();
    if values.iter().any(|value| value.rank() != rank) {
        return Err(Stop("an index of other rank"));
    }
    let axis = normal_axis(visit.int("axis").unwrap_or(0), rank)?;
    for other in (0..rank).filter(|&other| other != axis) {
        if values
            .iter()
            .any(|v| v.shape[other] != values[0].shape[other])
        {
            return Err(Stop("an index smaller than the data"));
        }
        alike(it, &mut values.each_mut().map(|value| (value, other)))?;
    }
    let [a, indices, updates] = values;
    if ![&a, &indices, &updates].iter().all(|v| v.enumerated[axis]) {
        return Err(Stop("a scatter into opaque axes"));
    }
    let (outer, size, inner) = split(&a.extents(&it.arena), axis);
    let count = indices.extents(&it.arena)[axis];
    if updates.data.len() != indices.data.len() {
        return Err(Stop("updates of other shape"));
    }
    let mut data = a.data.to_vec();
    for o in 0..outer {
        for k in 0..count {
            for i in 0..inner {
                let from = (o * count + k) * inner + i;
                let index = it.arena.as_integer(indices.data[from]);
                let index = index.ok_or(Stop("scatter indices that are not constant"))?;
                let to = position(index, size).ok_or(Stop("a constant index out of range"))?;
                data[(o * size + to) * inner + i] = updates.data[from];
            }
        }
    }
    let mut alignment = a.alignment.clone();
    merge(&mut alignment, &updates.alignment)?;
    Ok(Value {
        data: data.into(),
        alignment,
        ..a
    }
    .tidy(&it.arena))
}
