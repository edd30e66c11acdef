//! Reshapes: the row-major number of an element is the same before and after.

use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::symbolic::poly::{Arena, PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::{Indices, Pause, Query};

/// Axes that are longer than 1, with their sizes.
type Axes = SmallVec<[(usize, PolyId); 6]>;

pub(super) fn reshape(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
    value: ValueId,
) -> Result<PolyId, Pause> {
    let input = visit.input(0)?;
    let from = query.value(input)?;
    // Axes of size 1 have index 0 on both sides.
    let (mut to, mut was) = (long(query, own), long(query, &from));
    let mut at = Indices::from_elem(PolyId::ZERO, from.rank());
    // Equal sizes at either end stay as they are: no size is 0, as there is an element.
    while let (Some(&(axis, size)), Some(&(before, known))) = (to.first(), was.first())
        && size == known
    {
        at[before] = query.at[axis];
        to.remove(0);
        was.remove(0);
    }
    while let (Some(&(axis, size)), Some(&(before, known))) = (to.last(), was.last())
        && size == known
    {
        at[before] = query.at[axis];
        to.pop();
        was.pop();
    }
    solve(query, &mut was, &to, value);
    let mut number = PolyId::ZERO;
    for &(axis, size) in &to {
        let arena = &mut query.it.arena;
        let scaled = arena.mul(number, size)?;
        number = arena.add(scaled, query.at[axis])?;
    }
    number = query.algebra().recombined(number);
    for (k, &(axis, size)) in was.iter().enumerate().rev() {
        if k == 0 {
            at[axis] = number;
            break;
        }
        let (rest, index) = query.algebra().divided(number, size);
        at[axis] = index;
        number = rest;
    }
    // The sizes that are left multiply to 1.
    if was.is_empty() && to.iter().any(|&(axis, _)| query.at[axis] != PolyId::ZERO) {
        return Err(Stop::ReshapeWithoutMatch.into());
    }
    query.ask(input, &at)
}

fn long(query: &mut Query<'_, '_>, value: &Value) -> Axes {
    let axes = value.shape.iter().enumerate();
    let sized = axes.map(|(axis, &size)| (axis, query.size(size)));
    sized.filter(|&(_, size)| size != PolyId::ONE).collect()
}

/// Finds the size of one axis from all others: the number of elements is the same on both sides. Where the size has another form, the
/// reshape says that the two are equal.
fn solve(query: &mut Query<'_, '_>, was: &mut Axes, to: &Axes, value: ValueId) {
    let arena = &mut query.it.arena;
    let Some(all) = volume(arena, to.iter()) else {
        return;
    };
    // From the last axis: the sizes of those before it are simpler.
    for at in (0..was.len()).rev() {
        let others = was[..at].iter().chain(&was[at + 1..]);
        let Some(others) = volume(arena, others) else {
            return;
        };
        let Some(size) = arena.div_exact(all, others) else {
            continue;
        };
        let is_whole = arena
            .terms(size)
            .iter()
            .all(|term| term.coefficient.fract() == 0.0);
        if is_whole {
            if let Ok(zero) = arena.sub(was[at].1, size)
                && zero != PolyId::ZERO
            {
                query.elements.facts.note(value, zero);
            }
            was[at].1 = size;
            return;
        }
    }
}

fn volume<'v>(
    arena: &mut Arena,
    mut sizes: impl Iterator<Item = &'v (usize, PolyId)>,
) -> Option<PolyId> {
    sizes.try_fold(PolyId::ONE, |all, &(_, size)| arena.mul(all, size).ok())
}
