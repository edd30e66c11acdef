//! Products with masks, which take an element of a table: the sum over `r` of `(r == F) * table[r, c]` is `table[F, c]`.
//!
//! All products but one are 0, so the sum is exact, in every type and order. That is so where
//!
//! * `F` is a whole number that is proven to be a row of the table: of another the sum is 0, and no element of the table;
//! * the table is made of a constant whose numbers are finite, since 0 times an infinite one is NaN, and none is -0, which a sum with 0
//!   loses.
//!
//! Whether a node may be such a product is told by the nodes before it: elements of both factors are asked for only then.

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::function::Function;
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::contraction::{SUMMED, indices, places, summed};
use super::{Indices, Pause, Query};

/// How many nodes may lie between a comparison and the product, or a constant and the product.
const MAX_CHAIN: usize = 8;
/// Most elements of a table.
const MAX_ELEMENTS: usize = 1 << 22;

/// The value that a node reads first, if it is one of these operators.
fn first_input(it: &Interpreter<'_>, value: ValueId, operators: &[&str]) -> Option<ValueId> {
    let (node, _) = it.index().producer(value)?;
    let node = &it.file.graph().node[node];
    let is_one = operators.iter().any(|op| node.is_onnx(op));
    it.index().id(node.input.first().filter(|_| is_one)?)
}

/// Whether a tensor is a comparison, converted and moved.
fn is_mask(it: &Interpreter<'_>, value: ValueId) -> bool {
    const PASSED: [&str; 9] = [
        "Cast",
        "CastLike",
        "Identity",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Expand",
        "Where",
    ];
    let chain = std::iter::successors(Some(value), |&value| first_input(it, value, &PASSED));
    let last = chain.take(MAX_CHAIN).last().unwrap_or(value);
    first_input(it, last, &["Equal", "OneHot"]).is_some()
}

/// The constant that a tensor is a movement of.
fn constant(it: &Interpreter<'_>, value: ValueId) -> Option<ValueId> {
    const PASSED: [&str; 5] = ["Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze"];
    let chain = std::iter::successors(Some(value), |&value| first_input(it, value, &PASSED));
    chain
        .take(MAX_CHAIN)
        .last()
        .filter(|&value| it.is_constant(value))
}

/// The factors of a product that may take elements of a table by a mask: the mask, the table, and the constant that this is made of.
fn factors(it: &Interpreter<'_>, node: &NodeProto) -> Option<[(usize, ValueId); 3]> {
    let is_product = node.is_onnx("MatMul") || node.is_onnx("Einsum");
    let [a, b] = node.input.first_chunk().filter(|_| is_product)?;
    let ids = [it.index().id(a)?, it.index().id(b)?];
    [(0, 1), (1, 0)].into_iter().find_map(|(mask, table)| {
        let constant = constant(it, ids[table])?;
        is_mask(it, ids[mask]).then_some([
            (mask, ids[mask]),
            (table, ids[table]),
            (table, constant),
        ])
    })
}

/// The constant from which the product of a value may take elements by a mask.
pub fn table(it: &Interpreter<'_>, value: ValueId) -> Option<ValueId> {
    let (node, _) = it.index().producer(value)?;
    let [.., (_, constant)] = factors(it, &it.file.graph().node[node])?;
    Some(constant)
}

/// The element of a product with a mask.
pub(super) fn product(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let found = factors(query.it, visit.node).ok_or(Stop::DenseLayer)?;
    let [(slot, mask), (_, table), (_, constant)] = found;
    if !is_finite(query, constant) {
        return Err(Stop::DenseLayer.into());
    }
    let ids = [visit.input(0)?, visit.input(1)?];
    let values = [query.value(ids[0])?, query.value(ids[1])?];
    let of = [&*values[0], &*values[1]];
    let places = places(visit.node, of, own.rank()).ok_or(Stop::DenseLayer)?;
    let size = summed(query.it, visit.node, &places, of).ok_or(Stop::DenseLayer)?;
    let along = query.it.arena.coordinate(SUMMED, size);
    let channel = query.it.arena.as_atom(along).ok_or(Stop::DenseLayer)?;
    // In a sum inside another one of the same size the two coordinates are the same.
    let at = query.at.clone();
    if at
        .iter()
        .any(|&index| query.it.arena.depends_on(index, channel))
    {
        return Err(Stop::DenseLayer.into());
    }
    let indices = |query: &Query<'_, '_>, slot: usize| -> Result<Indices, Stop> {
        indices(query.it, &places[slot], of[slot], own, (&query.at, along)).ok_or(Stop::NoBroadcast)
    };
    let at = indices(query, slot)?;
    let element = query.ask(mask, &at)?;
    let row = row(&mut query.it.arena, element, channel).ok_or(Stop::DenseLayer)?;
    let last = query.it.arena.sub(size, PolyId::ONE)?;
    let left = query.it.arena.sub(last, row)?;
    let mut algebra = query.algebra();
    if !algebra.nonnegative(row) || !algebra.nonnegative(left) {
        return Err(Stop::IndexOutOfRange.into());
    }
    let mut at = indices(query, 1 - slot)?;
    for index in at.iter_mut().filter(|index| **index == along) {
        *index = row;
    }
    query.ask(table, &at)
}

/// The row for which an element of a mask is 1, if it is 0 for all others along this coordinate.
fn row(arena: &mut Arena, element: PolyId, along: AtomId) -> Option<PolyId> {
    let parts = |arena: &Arena, p: PolyId, wanted: Function| match arena.atom_of(arena.as_atom(p)?)
    {
        Atom::Apply { function, args } if *function == wanted => Some(args.clone()),
        _ => None,
    };
    let compared = match parts(arena, element, Function::Where) {
        Some(args) => match args[..] {
            [compared, PolyId::ONE, PolyId::ZERO] => compared,
            _ => return None,
        },
        None => element,
    };
    let args = parts(arena, compared, Function::Equal)?;
    let &[a, b] = &args[..] else { return None };
    let place = PolyId::of_atom(along);
    let row = match (a == place, b == place) {
        (true, false) => b,
        (false, true) => a,
        _ => return None,
    };
    let free = !arena.depends_on(row, along) && arena.range(row).whole;
    free.then_some(row)
}

/// Whether all numbers of a constant are finite, and none is -0.
fn is_finite(query: &mut Query<'_, '_>, constant: ValueId) -> bool {
    if let Some(&known) = query.elements.finite.get(&constant) {
        return known;
    }
    let shape = query
        .it
        .value(constant)
        .ok()
        .map(|value| value.shape.clone());
    let mut sizes = shape
        .into_iter()
        .flatten()
        .map(|size| query.it.arena.as_integer(size));
    let count = sizes.try_fold(1i64, |count, size| count.checked_mul(size?));
    let small = count.is_some_and(|count| count <= MAX_ELEMENTS as i64);
    let finite = small
        && query.it.tensor(constant).is_some_and(|tensor| {
            let is_plain =
                |number: f64| number.is_finite() && (number != 0.0 || number.is_sign_positive());
            tensor.dtype.is_float() && (0..tensor.len()).all(|at| is_plain(tensor.element(at)))
        });
    query.elements.finite.insert(constant, finite);
    finite
}

/// A row of zeros and a one, or of two other numbers: an index below 0 counts from the end, and of one outside there is no one.
pub(super) fn one_hot(query: &mut Query<'_, '_>, visit: &Visit<'_>) -> Result<PolyId, Pause> {
    let (indices, values) = (visit.input(0)?, visit.input(2)?);
    let from = query.value(indices)?;
    if !from.dtype.is_integer() || query.value(values)?.rank() != 1 {
        return Err(Stop::UnknownOperator.into());
    }
    let axis = normal_axis(visit.node.int("axis").unwrap_or(-1), from.rank() + 1)?;
    let depth = query.ask_scalar(visit.input(1)?)?;
    let mut at = query.at.clone();
    if at.len() != from.rank() + 1 {
        return Err(Stop::IndexRank.into());
    }
    let place = at.remove(axis);
    let index = query.ask(indices, &at)?;
    let off = query.ask(values, &[PolyId::ZERO])?;
    let on = query.ask(values, &[PolyId::ONE])?;
    let mut algebra = query.algebra();
    let index = match algebra.nonnegative(index) {
        true => index,
        false => algebra.apply(Function::Wrapped, &[index, depth]),
    };
    let hit = algebra.apply(Function::Equal, &[place, index]);
    Ok(algebra.apply(Function::Where, &[hit, on, off]))
}
