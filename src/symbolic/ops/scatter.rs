//! ScatterND with constant indices: elements written into a tensor whose indexed axes are told apart.

use smallvec::SmallVec;

use crate::symbolic::broadcast::merge;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::Stop;
use crate::symbolic::value::{Value, row};
use crate::symbolic::visit::Visit;

pub(super) fn scatter_nd(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    if !matches!(visit.string("reduction"), None | Some("none")) {
        return Err(Stop("a scatter that accumulates"));
    }
    let (a, indices, updates) = (
        it.value(visit.input(0)?)?,
        it.value(visit.input(1)?)?,
        it.value(visit.input(2)?)?,
    );
    let list: Vec<i64> = indices
        .elements()
        .and_then(|elements| elements.iter().map(|&p| it.arena.as_integer(p)).collect())
        .ok_or(Stop("scatter indices that are not constant"))?;
    let last = indices
        .rank()
        .checked_sub(1)
        .ok_or(Stop("a scalar index"))?;
    let width = it
        .arena
        .as_integer(indices.shape[last])
        .ok_or(Stop("an index of unknown width"))? as usize;
    if width == 0 || width > a.rank() || !a.enumerated[..width].iter().all(|&e| e) {
        return Err(Stop("a scatter into opaque axes"));
    }
    let trailing = |v: &Value, from: usize| -> SmallVec<[bool; 6]> {
        v.enumerated[from.min(v.rank())..].into()
    };
    if trailing(&a, width) != trailing(&updates, last) {
        return Err(Stop("updates told apart otherwise than the data"));
    }
    let extents = a.extents(&it.arena);
    let inner: usize = extents[width..].iter().product();
    let mut data = a.data.to_vec();
    for (k, tuple) in list.chunks(width).enumerate() {
        let row = row(tuple, &extents)?;
        let update = updates
            .data
            .get(k * inner..(k + 1) * inner)
            .ok_or(Stop("updates of other shape"))?;
        data[row * inner..(row + 1) * inner].copy_from_slice(update);
    }
    let mut alignment = a.alignment.clone();
    if updates
        .alignment
        .iter()
        .any(|(_, axes)| axes.iter().any(|&at| (at as usize) < last))
    {
        return Err(Stop("updates that vary along an opaque index axis"));
    }
    merge(
        &mut alignment,
        &updates.with_axes_moved(&|at| (at as usize + width - last) as u8),
    )?;
    Ok(Value {
        data: data.into(),
        alignment,
        ..(*a).clone()
    })
}
