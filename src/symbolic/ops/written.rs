//! What operators that write into a tensor have in common: operands, and axes that are told apart alike in all of them.

use std::rc::Rc;

use crate::symbolic::interpreter::{Interpreter, MAX_CHANNELS};
use crate::symbolic::poly::Stop;
use crate::symbolic::value::{Value, split};
use crate::symbolic::visit::Visit;

/// Data, indices and updates.
pub(super) fn operands(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
) -> Result<[Rc<Value>; 3], Stop> {
    if !matches!(visit.node.string("reduction"), None | Some("none")) {
        return Err(Stop::ScatterAccumulates);
    }
    Ok([
        it.value(visit.input(0)?)?,
        it.value(visit.input(1)?)?,
        it.value(visit.input(2)?)?,
    ])
}

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
