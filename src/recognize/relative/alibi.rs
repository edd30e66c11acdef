//! Biases that are linear in the distance: the slope of each head, times the distance between query and key or the position of the key.
//!
//! The element of such a tensor is the product of two factors in its type. One depends on the head alone, and a tensor of the graph
//! holds it. The other is a whole number that does not depend on the head, or its magnitude. Numbers that were counted from data, such
//! as the places of tokens that are no padding, are positions as well.
//!
//! The operator takes the exact distance, and rounds it once, to `float` or for a `double` to that. So it may have been cast to one of
//! these, and neither to a narrower type that does not hold it, nor in parts.

use smallvec::SmallVec;

use crate::onnx::{DataType, ValueId};
use crate::recognize::kit::behind::Behind;
use crate::recognize::kit::miss::Miss;
use crate::recognize::{Alibi, BiasAxis, Kind, Stage};
use crate::symbolic::Operation;
use crate::symbolic::element::{Elements, Indices};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, MonoId, PolyId};
use crate::symbolic::value::Value;

use super::ALIBI_PAGE;
use super::positions::{Place, Sides, Wired};
use super::search::{Found, Search};
use super::{bias, distance, scores};

/// A tensor that may be a bias.
pub(super) struct Tensor<'t> {
    /// The tensor.
    pub y: ValueId,
    /// What is known of it.
    pub own: &'t Value,
    /// The coordinate along each of its axes, 0 along one of size 1.
    pub at: &'t [PolyId],
}

/// What the slopes are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// A whole number.
    pub of: PolyId,
    /// Whether it is taken without its sign.
    pub absolute: bool,
    /// Whether it is negated after that.
    pub negated: bool,
}

/// The parts of a site that positions decide.
pub(super) struct Placed {
    pub layout: Vec<BiasAxis>,
    pub heads: usize,
    pub wired: Wired,
    /// Whether the positions are those of the negative distance.
    pub negated: bool,
}

/// Why something is no whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Its terms were rounded before it was computed.
    Early,
    /// It was rounded to a type narrower than that of the operator's distance.
    Narrow,
    /// It is a fraction, or of unknown origin.
    Fraction,
}

/// Whether a product makes a tensor of which one factor may be slopes.
pub(super) fn is_product(search: &mut Search<'_, '_>, value: ValueId) -> bool {
    let Some((node, _)) = search.it.index().producer(value) else {
        return false;
    };
    let node = &search.it.file.graph().node[node];
    let multiplies = matches!(node.op_type(), "Mul" | "MatMul" | "Einsum");
    multiplies
        && node.is_standard()
        && node.input.iter().any(|name| {
            let factor = search.it.index().id(name);
            factor.is_some_and(|factor| is_vector(search, factor))
        })
}

/// Whether a tensor is one of a single axis that is longer than 1, moved to its place.
fn is_vector(search: &mut Search<'_, '_>, value: ValueId) -> bool {
    for value in search.chain(value) {
        let Ok(known) = search.it.value(value) else {
            return false;
        };
        if known.long_axes().count() == 1 {
            return true;
        }
    }
    false
}

/// Reads a tensor as slopes times a distance; `None` if it is nothing like that.
pub(super) fn read(search: &mut Search<'_, '_>, y: ValueId) -> Option<Found> {
    if !is_moved_product(search, y) || is_one_of_many(search, y) || !scores::reach(search, y) {
        return None;
    }
    let own = search.it.value(y).ok()?;
    let at = Elements::coordinates(search.it, y)?;
    let element = search.elements.element(search.it, y, &at);
    let tensor = Tensor {
        y,
        own: &own,
        at: &at,
    };
    let (negated, factors) = factors(&search.it.arena, element, own.dtype)?;
    let [a, b] = factors;
    let found = factored(search, &tensor, negated, a, b);
    found.or_else(|| factored(search, &tensor, negated, b, a))
}

/// Whether a tensor is a product, moved to its place.
fn is_moved_product(search: &mut Search<'_, '_>, value: ValueId) -> bool {
    let mut chain = search.chain(value).into_iter();
    chain.any(|value| is_product(search, value))
}

/// Whether a tensor is moved to its place, and so are others from the same one: that one is computed once.
fn is_one_of_many(search: &Search<'_, '_>, value: ValueId) -> bool {
    let index = search.it.index();
    let moved = search.moved_from(value);
    moved.is_some_and(|from| index.consumers(from).len() > 1 || index.is_output(from))
}

/// The factors of a product of this type, and whether it is negated.
fn factors(arena: &Arena, element: PolyId, dtype: DataType) -> Option<(bool, [PolyId; 2])> {
    let (sign, atom) = signed_atom(arena, element)?;
    match arena.atom_of(atom) {
        Atom::Apply {
            function: Function::Typed(Operation::Mul, of),
            args,
        } if *of == dtype => match args[..] {
            [a, b] => Some((sign < 0.0, [a, b])),
            _ => None,
        },
        _ => None,
    }
}

/// The atom that a polynomial is but for its sign.
fn signed_atom(arena: &Arena, p: PolyId) -> Option<(f64, AtomId)> {
    let [term] = arena.terms(p)[..] else {
        return None;
    };
    let [atom] = arena.factors(term.mono)[..] else {
        return None;
    };
    let is_sign = term.mono != MonoId::ONE && term.coefficient.abs() == 1.0;
    is_sign.then_some((term.coefficient, atom))
}

/// Reads a product of these factors; `None` if the first is no slope of a head.
fn factored(
    search: &mut Search<'_, '_>,
    tensor: &Tensor<'_>,
    negated: bool,
    slope: PolyId,
    number: PolyId,
) -> Option<Found> {
    let &[head] = search.it.arena.coordinates_of(slope) else {
        return None;
    };
    let others = search.it.arena.coordinates_of(number);
    if others.is_empty() || others.contains(&head) {
        return None;
    }
    let coordinate = PolyId::of_atom(head);
    let axis = tensor.at.iter().position(|&p| p == coordinate)?;
    let slopes = slopes(search, tensor, axis, slope)?;
    let number = match number_of(&mut search.it.arena, number, tensor.own.dtype) {
        Ok(number) => number,
        Err(flaw @ (Flaw::Early | Flaw::Narrow)) => {
            let dtype = tensor.own.dtype;
            let when = match flaw {
                Flaw::Early => "their distance is taken",
                _ => "the slopes multiply them",
            };
            let reason = format!("positions are rounded to `{dtype}` before {when}");
            return Some(Err(miss(tensor, Stage::Proof, reason)));
        }
        Err(Flaw::Fraction) => {
            let others = search.it.arena.coordinates_of(number).to_vec();
            let plain = others
                .iter()
                .all(|&at| is_plain(&search.it.arena, number, at));
            return plain.then(|| Err(no_distance(tensor)));
        }
    };
    let stop = [slopes.value];
    let behind = Behind::of(search.it, &search.context.order, tensor.y, &stop)?;
    let place = Place {
        y: tensor.y,
        from: slopes.value,
        behind: behind.values(),
    };
    let placed = match placed(search, tensor, axis, number, place)? {
        Ok(placed) => placed,
        Err(miss) => return Some(Err(miss)),
    };
    Some(Ok(Kind::Alibi(Alibi {
        slopes: search.it.index().name(slopes.value).to_owned(),
        slopes_rank: slopes.rank,
        negated: negated ^ slopes.negated ^ number.negated ^ placed.negated,
        heads: placed.heads,
        query: placed.wired.query,
        key: placed.wired.key,
        absolute: number.absolute,
        layout: placed.layout,
        met: false,
    })))
}

/// A tensor that holds slopes.
struct Slopes {
    value: ValueId,
    rank: usize,
    /// Whether it holds the negative ones.
    negated: bool,
}

/// The tensor behind `y` whose elements along its only axis are the slopes along an axis of `y`. The first with one axis is best.
fn slopes(
    search: &mut Search<'_, '_>,
    tensor: &Tensor<'_>,
    axis: usize,
    slope: PolyId,
) -> Option<Slopes> {
    let behind = Behind::of(search.it, &search.context.order, tensor.y, &[])?;
    let minus = search.it.arena.scale(slope, -1.0);
    let mut found = Vec::new();
    for &value in behind.values() {
        let Ok(known) = search.it.value(value) else {
            continue;
        };
        let long: SmallVec<[usize; 4]> = known.long_axes().collect();
        let &[own] = &long[..] else {
            continue;
        };
        if known.dtype != tensor.own.dtype || known.shape[own] != tensor.own.shape[axis] {
            continue;
        }
        let mut at = Indices::from_elem(PolyId::ZERO, known.rank());
        at[own] = tensor.at[axis];
        let element = search.elements.element(search.it, value, &at);
        if element == slope || element == minus {
            found.push(Slopes {
                value,
                rank: known.rank(),
                negated: element != slope,
            });
        }
    }
    found
        .into_iter()
        .min_by_key(|slopes| (slopes.negated, slopes.rank != 1))
}

/// The whole number that a factor is, or the magnitude of one.
fn number_of(arena: &mut Arena, p: PolyId, dtype: DataType) -> Result<Number, Flaw> {
    let of = whole(arena, p, dtype)?;
    if let Some((sign, atom)) = signed_atom(arena, of)
        && let Atom::Apply {
            function: Function::Abs,
            args,
        } = arena.atom_of(atom)
    {
        return Ok(Number {
            of: args[0],
            absolute: true,
            negated: sign < 0.0,
        });
    }
    Ok(Number {
        of,
        absolute: false,
        negated: false,
    })
}

/// An expression of a type as a whole number that was rounded to the type once, as the operator does it: a position that was cast, or
/// a sum of two.
fn whole(arena: &mut Arena, p: PolyId, dtype: DataType) -> Result<PolyId, Flaw> {
    if arena.range(p).whole {
        return Ok(p);
    }
    let (sign, atom) = signed_atom(arena, p).ok_or(Flaw::Fraction)?;
    let Atom::Apply { function, args } = arena.atom_of(atom).clone() else {
        return Err(Flaw::Fraction);
    };
    let exact = match (function, &args[..]) {
        // The rounded number has the magnitude of the exact one, rounded.
        (Function::Abs, &[a]) => {
            let a = whole(arena, a, dtype)?;
            let size = arena.apply(Function::Abs, &[a]);
            return Ok(arena.scale(size, sign));
        }
        (Function::Typed(Operation::Cast, of), &[a]) if of == dtype && arena.range(a).whole => a,
        (Function::Typed(operation @ (Operation::Add | Operation::Sub), of), &[a, b])
            if of == dtype =>
        {
            let rounded = [a, b].iter().any(|&p| !arena.range(p).whole);
            if rounded {
                whole(arena, a, dtype)?;
                whole(arena, b, dtype)?;
                return Err(Flaw::Early);
            }
            let sum = match operation {
                Operation::Add => arena.add(a, b),
                _ => arena.sub(a, b),
            };
            sum.map_err(|_| Flaw::Fraction)?
        }
        _ => return Err(Flaw::Fraction),
    };
    match dtype {
        DataType::F32 | DataType::F64 => Ok(arena.scale(exact, sign)),
        _ => Err(Flaw::Narrow),
    }
}

/// Finds axes and positions of a number that the slopes along axis `head` are multiplied by; `None` if the axes of `y` are not all
/// accounted for.
pub(super) fn placed(
    search: &mut Search<'_, '_>,
    tensor: &Tensor<'_>,
    head: usize,
    number: Number,
    place: Place<'_>,
) -> Option<Result<Placed, Miss>> {
    let of = number.of;
    let axes = tensor.at.iter().filter_map(|&p| search.it.arena.as_atom(p));
    let axes: SmallVec<[AtomId; 4]> = axes.collect();
    let depends = |&axis: &AtomId| search.it.arena.depends_on(of, axis);
    let axes: SmallVec<[AtomId; 4]> = axes.into_iter().filter(depends).collect();
    let Some(sides) = sides(&mut search.it.arena, of, &axes) else {
        let plain = axes
            .iter()
            .all(|&axis| is_plain(&search.it.arena, of, axis));
        return plain.then(|| Err(no_distance(tensor)));
    };
    let layout = bias::layout(search, (tensor.own, tensor.at), Some(head), sides)?;
    let heads = search.it.arena.as_integer(tensor.own.shape[head]);
    let Some(heads) = heads.and_then(|heads| usize::try_from(heads).ok()) else {
        let reason = "the number of heads is not known";
        return Some(Err(miss(tensor, Stage::Distance, reason)));
    };
    let minus = search.it.arena.scale(of, -1.0);
    for (of, turned) in [(of, false), (minus, true)] {
        if let Some(wired) = search.exact_positions(place, of, sides) {
            return Some(Ok(Placed {
                layout,
                heads,
                wired,
                negated: turned && !number.absolute,
            }));
        }
    }
    let reason = "no tensors of the graph hold the positions of queries and keys";
    Some(Err(miss(tensor, Stage::Positions, reason)))
}

/// Which of these axes are those of queries, keys and the batch. A position depends on its place and on the batch only by what a
/// tensor holds there.
fn sides(arena: &mut Arena, of: PolyId, axes: &[AtomId]) -> Option<Sides> {
    let (batch, query, key) = match *axes {
        [key] => (None, None, key),
        [query, key] if distance::is_sum_of_sides(arena, of, Some(query), key) => {
            (None, Some(query), key)
        }
        [batch, key] => (Some(batch), None, key),
        [batch, query, key] if distance::is_sum_of_sides(arena, of, Some(query), key) => {
            (Some(batch), Some(query), key)
        }
        _ => return None,
    };
    // Data of two axes is that of a batch of keys.
    let held = batch.is_none_or(|batch| !is_plain(arena, of, batch));
    held.then_some(Sides { query, key, batch })
}

/// Whether an expression speaks of a coordinate other than as an index into data.
fn is_plain(arena: &Arena, p: PolyId, coordinate: AtomId) -> bool {
    let mut open = vec![p];
    while let Some(p) = open.pop() {
        for term in arena.terms(p).iter() {
            for factor in arena.factors(term.mono) {
                match arena.atom_of(factor) {
                    Atom::Apply { args, .. } => open.extend(args.iter().copied()),
                    _ if factor == coordinate => return true,
                    _ => {}
                }
            }
        }
    }
    false
}

fn no_distance(tensor: &Tensor<'_>) -> Miss {
    let reason = "the slopes are multiplied by a function of positions that is no distance";
    miss(tensor, Stage::Distance, reason)
}

fn miss(tensor: &Tensor<'_>, stage: Stage, reason: impl Into<String>) -> Miss {
    Miss::new(ALIBI_PAGE.id, stage, tensor.y, reason)
}

#[cfg(test)]
mod tests;
