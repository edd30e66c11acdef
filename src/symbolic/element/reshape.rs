//! Reshapes: the row-major number of an element is the same before and after.

use smallvec::SmallVec;

use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::{Indices, Pause, Query};

pub(super) fn reshape(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let input = visit.input(0)?;
    let from = query.value(input)?;
    // Axes of size 1 have index 0 on both sides.
    let long = |value: &Value| -> SmallVec<[usize; 6]> {
        (0..value.rank()).filter(|&k| !value.is_unit(k)).collect()
    };
    let (mut to_axes, mut from_axes) = (long(own), long(&from));
    let mut at = Indices::from_elem(PolyId::ZERO, from.rank());
    // Equal sizes at either end stay as they are: no size is 0, as there is an element.
    while let (Some(&to), Some(&was)) = (to_axes.first(), from_axes.first()) {
        if own.shape[to] != from.shape[was] {
            break;
        }
        at[was] = query.at[to];
        to_axes.remove(0);
        from_axes.remove(0);
    }
    while let (Some(&to), Some(&was)) = (to_axes.last(), from_axes.last()) {
        if own.shape[to] != from.shape[was] {
            break;
        }
        at[was] = query.at[to];
        to_axes.pop();
        from_axes.pop();
    }
    let mut number = PolyId::ZERO;
    for &axis in &to_axes {
        let arena = &mut query.it.arena;
        let scaled = arena.mul(number, own.shape[axis])?;
        number = arena.add(scaled, query.at[axis])?;
    }
    number = query.algebra().recombined(number);
    for (k, &axis) in from_axes.iter().enumerate().rev() {
        if k == 0 {
            at[axis] = number;
            break;
        }
        let (rest, index) = query.algebra().divided(number, from.shape[axis]);
        at[axis] = index;
        number = rest;
    }
    if from_axes.is_empty() && !to_axes.is_empty() {
        // The sizes that are left multiply to 1.
        let is_first = to_axes.iter().all(|&axis| query.at[axis] == PolyId::ZERO);
        if !is_first {
            return Err(Stop::ReshapeWithoutMatch.into());
        }
    }
    query.ask(input, &at)
}
