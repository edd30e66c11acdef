//! ScatterElements with constant indices along an axis that is told apart.

use crate::symbolic::broadcast::merge;
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::Stop;
use crate::symbolic::value::{Value, position, split};
use crate::symbolic::visit::Visit;

use super::written::{alike, operands};

pub(super) fn scatter_elements(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let mut values = operands(it, visit)?.map(|value| (*value).clone());
    let rank = values[0].rank();
    if values.iter().any(|value| value.rank() != rank) {
        return Err(Stop::IndexRank);
    }
    let axis = normal_axis(visit.node.int("axis").unwrap_or(0), rank)?;
    for other in (0..rank).filter(|&other| other != axis) {
        if values
            .iter()
            .any(|v| v.shape[other] != values[0].shape[other])
        {
            return Err(Stop::IndexSmaller);
        }
        alike(it, &mut values.each_mut().map(|value| (value, other)))?;
    }
    let [a, indices, updates] = values;
    if indices
        .data
        .iter()
        .any(|&p| it.arena.as_integer(p).is_none())
    {
        return Err(Stop::ScatterNotConstant);
    }
    if ![&a, &indices, &updates].iter().all(|v| v.enumerated[axis]) {
        return Err(Stop::ScatterIntoOpaqueAxes);
    }
    let (outer, size, inner) = split(&a.extents(&it.arena), axis);
    let count = indices.extents(&it.arena)[axis];
    if updates.data.len() != indices.data.len() {
        return Err(Stop::UpdatesShape);
    }
    let mut data = a.data.to_vec();
    for o in 0..outer {
        for k in 0..count {
            for i in 0..inner {
                let from = (o * count + k) * inner + i;
                let index = it.arena.as_integer(indices.data[from]);
                let index = index.ok_or(Stop::ScatterNotConstant)?;
                let to = position(index, size).ok_or(Stop::IndexOutOfRange)?;
                data[(o * size + to) * inner + i] = updates.data[from];
            }
        }
    }
    let mut alignment = a.alignment.clone();
    merge(&mut alignment, &updates.alignment)?;
    Ok(Value {
        data: data.into(),
        alignment,
        caveats: a.caveats.and(updates.caveats),
        ..a
    }
    .tidy(&it.arena))
}

#[cfg(test)]
mod tests;
