//! Finds the tensors of the graph that hold the position of every row, and the frequencies.

use rustc_hash::FxHashSet;

use crate::onnx::{DataType, ValueId};
use crate::recognize::Frequencies;
use crate::recognize::kit::behind;
use crate::recognize::kit::order::Order;
use crate::symbolic::element::{Elements, Indices};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, PolyId};
use crate::symbolic::{Interpreter, Operation};

use super::site::{Placed, Source};

/// How many values are looked at behind a row.
const MAX_VALUES: usize = 400;

/// The values that a row is computed from.
pub(super) struct Cone(Vec<ValueId>);

impl Cone {
    /// Those of `y`, the earliest first; the nearest ones, if there are many.
    pub(super) fn of(it: &Interpreter<'_>, order: &Order, y: ValueId) -> Cone {
        let mut seen = FxHashSet::default();
        let mut values = Vec::new();
        let mut next = vec![y];
        while !next.is_empty() && values.len() < MAX_VALUES {
            let mut further = Vec::new();
            for value in next {
                further.extend(
                    behind::read(it, value)
                        .into_iter()
                        .filter(|&v| seen.insert(v)),
                );
            }
            values.extend(&further);
            next = further;
        }
        values.retain(|&value| order.is_before(value, y));
        order.sort(&mut values);
        Cone(values)
    }

    /// The values, the earliest first.
    pub(super) fn values(&self) -> &[ValueId] {
        &self.0
    }
}

/// The tensor that holds one of the numbers `wanted` for every row; `at` are the coordinates of a row, `lead` the sizes along them.
/// Of several the earliest that needs the fewest changes of its axes.
pub(super) fn positions(
    it: &mut Interpreter<'_>,
    elements: &mut Elements,
    cone: &Cone,
    wanted: &[PolyId],
    (at, lead): (&[PolyId], &[PolyId]),
) -> Option<Placed> {
    let mut best: Option<(usize, Placed)> = None;
    for &value in cone.values() {
        let Ok(known) = it.value(value) else {
            continue;
        };
        let readable = matches!(
            known.dtype,
            DataType::I64 | DataType::I32 | DataType::F32 | DataType::F64
        );
        // A constant is a table of positions, which the graph's own rows would be folded to.
        if !readable || it.file.constant(value).is_some() {
            continue;
        }
        let Some((squeeze, unsqueeze, index)) = aligned(&known.shape, at, lead) else {
            continue;
        };
        let changes = usize::from(!squeeze.is_empty()) + usize::from(!unsqueeze.is_empty());
        if best.as_ref().is_some_and(|(least, _)| *least <= changes) {
            continue;
        }
        let element = elements.element(it, value, &index);
        if wanted.contains(&element) {
            let placed = Placed {
                source: Source::Value(it.index().name(value).to_owned()),
                dtype: known.dtype,
                squeeze,
                unsqueeze,
                wrapped: None,
            };
            best = Some((changes, placed));
        }
    }
    best.map(|(_, placed)| placed)
}

/// The number that was rounded to this type. The operator rounds positions to the type of angles itself.
pub(super) fn rounded_from(arena: &Arena, position: PolyId, dtype: DataType) -> Option<PolyId> {
    let atom = arena.as_atom(position)?;
    match arena.atom_of(atom) {
        Atom::Apply {
            function: Function::Typed(Operation::Cast, to),
            args,
        } if *to == dtype => args.first().copied(),
        _ => None,
    }
}

/// Whether a position is a whole number, of any size.
pub(super) fn is_whole(arena: &Arena, position: PolyId, dtype: DataType) -> bool {
    let number = rounded_from(arena, position, dtype).unwrap_or(position);
    arena.range(number).whole
}

/// The axes of size 1 to remove from a shape and those to insert then, which make it `lead`, and the indices of the element at
/// `at`.
fn aligned(
    shape: &[PolyId],
    at: &[PolyId],
    lead: &[PolyId],
) -> Option<(Vec<usize>, Vec<usize>, Indices)> {
    let (mut squeeze, mut unsqueeze) = (Vec::new(), Vec::new());
    let mut index = Indices::new();
    let mut to = 0;
    for (axis, &size) in shape.iter().enumerate() {
        // Unit axes of the result that this one does not stand for.
        while size != PolyId::ONE && lead.get(to) == Some(&PolyId::ONE) {
            unsqueeze.push(to);
            to += 1;
        }
        if lead.get(to) == Some(&size) {
            index.push(at[to]);
            to += 1;
        } else if size == PolyId::ONE {
            squeeze.push(axis);
            index.push(PolyId::ZERO);
        } else {
            return None;
        }
    }
    for (to, &size) in lead.iter().enumerate().skip(to) {
        if size != PolyId::ONE {
            return None;
        }
        unsqueeze.push(to);
    }
    Some((squeeze, unsqueeze, index))
}

/// The frequencies as numbers of this type, or as a tensor of the graph.
pub(super) fn frequencies(
    it: &mut Interpreter<'_>,
    elements: &mut Elements,
    cone: &Cone,
    frequencies: &[PolyId],
    dtype: DataType,
) -> Option<Frequencies> {
    let numbers: Option<Vec<f64>> = frequencies
        .iter()
        .map(|&frequency| it.arena.as_constant(frequency))
        .collect();
    if let Some(numbers) = numbers {
        return Some(Frequencies::Numbers(vec![numbers]));
    }
    let mut best: Option<Frequencies> = None;
    for &value in cone.values() {
        let Ok(known) = it.value(value) else {
            continue;
        };
        let long: Vec<usize> = known.long_axes().collect();
        let [axis] = long[..] else { continue };
        let is_whole =
            it.arena.as_integer(known.shape[axis]) == i64::try_from(frequencies.len()).ok();
        if known.dtype != dtype || !is_whole {
            continue;
        }
        let holds = (0i64..).zip(frequencies).all(|(k, &frequency)| {
            let mut index = Indices::from_elem(PolyId::ZERO, known.rank());
            index[axis] = it.arena.integer(k);
            elements.element(it, value, &index) == frequency
        });
        if holds {
            let flatten = known.rank() > 1;
            let name = it.index().name(value).to_owned();
            if !flatten {
                return Some(Frequencies::Value { name, flatten });
            }
            best = best.or(Some(Frequencies::Value { name, flatten }));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_axes_are_removed_and_inserted() {
        let mut arena = Arena::new();
        let [b, l] = ["B", "L"].map(|name| arena.symbol(name));
        let (i, j) = (arena.coordinate(1, b), arena.coordinate(0, l));
        let one = PolyId::ONE;
        let zero = PolyId::ZERO;
        let changes = |shape: &[PolyId], at: &[PolyId], lead: &[PolyId]| {
            let (squeeze, unsqueeze, index) = aligned(shape, at, lead)?;
            Some((squeeze, unsqueeze, index.to_vec()))
        };
        let all = |squeeze: &[usize], unsqueeze: &[usize], index: &[PolyId]| {
            Some((squeeze.to_vec(), unsqueeze.to_vec(), index.to_vec()))
        };
        let both = [b, l];
        assert_eq!(changes(&both, &[i, j], &both), all(&[], &[], &[i, j]));
        assert_eq!(
            changes(&[b, l, one], &[i, j], &both),
            all(&[2], &[], &[i, j, zero])
        );
        assert_eq!(
            changes(&[one, b, one, l], &[i, j], &both),
            all(&[0, 2], &[], &[zero, i, zero, j])
        );
        assert_eq!(changes(&[l], &[zero, j], &[one, l]), all(&[], &[0], &[j]));
        assert_eq!(
            changes(&[l, one], &[zero, j, zero], &[one, l, one]),
            all(&[], &[0], &[j, zero])
        );
        assert_eq!(changes(&[l], &[i, j], &both), None);
        assert_eq!(changes(&[b, l], &[j], &[l]), None);
        assert_eq!(changes(&[], &[], &[]), all(&[], &[], &[]));
        assert_eq!(changes(&[one], &[], &[]), all(&[0], &[], &[zero]));
    }
}
