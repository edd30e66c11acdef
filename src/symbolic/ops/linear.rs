//! MatMul, Einsum and ReduceSum where the sum is short or sparse: outer products of positions and frequencies, signed
//! permutations, pairs. Dense layers stay unread and start a new root.

use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::interpreter::{Interpreter, normal_axis};
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::{Caveats, Value, split};
use crate::symbolic::visit::Visit;

use super::layout::{permuted, with_unit_axes, without_axes};
use super::typed::{annihilated, typed, vanishing};

/// Longest sum over elements that need not be zero.
const MAX_SUM: usize = 4;
/// Most non-zero entries in a column of a sparse constant matrix (a signed permutation has 1, a 2 x 2 rotation basis 2).
const MAX_NONZERO: usize = 2;

/// Refuses a product that is dense, before any weight is decoded.
fn refuse_dense(it: &Interpreter<'_>, id: ValueId) -> Result<(), Stop> {
    let Some(position) = it.index().initializer(id) else {
        return Ok(());
    };
    let dims = &it.file.graph().initializer[position].dims;
    let count = dims.iter().try_fold(1i64, |n, &d| n.checked_mul(d));
    if count.is_none_or(|n| n > 512 * 512) {
        Err(Stop::DenseLayer)
    } else {
        Ok(())
    }
}

/// Whether a sum over `axis` of the product is short, or one factor a sparse matrix of -1, 0 and 1.
fn is_short(it: &Interpreter<'_>, count: usize, factors: &[(&Value, usize)]) -> bool {
    count <= MAX_SUM
        || factors.iter().any(|&(value, axis)| {
            if !value.enumerated[axis] {
                return false;
            }
            let extents = value.extents(&it.arena);
            let (outer, count, inner) = split(&extents, axis);
            value
                .data
                .iter()
                .all(|&p| matches!(it.arena.as_constant(p), Some(-1.0 | 0.0 | 1.0)))
                && (0..outer).all(|o| {
                    (0..inner).all(|i| {
                        (0..count)
                            .filter(|k| value.data[(o * count + k) * inner + i] != PolyId::ZERO)
                            .count()
                            <= MAX_NONZERO
                    })
                })
        })
}

pub(super) fn matmul(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let (ia, ib) = (visit.input(0)?, visit.input(1)?);
    refuse_dense(it, ia)?;
    refuse_dense(it, ib)?;
    let (a, b) = (it.value(ia)?, it.value(ib)?);
    if a.rank() < 2 || b.rank() < 2 {
        return Err(Stop::VectorProduct);
    }
    let (k_of_a, k_of_b) = (a.rank() - 1, b.rank() - 2);
    let count = it
        .arena
        .as_integer(a.shape[k_of_a])
        .or_else(|| it.arena.as_integer(b.shape[k_of_b]));
    let count = count.filter(|&n| n >= 0).ok_or(Stop::SumOfUnknownLength)? as usize;
    if !a.enumerated[k_of_a]
        || !b.enumerated[k_of_b]
        || !is_short(it, count, &[(&a, k_of_a), (&b, k_of_b)])
    {
        return Err(Stop::DenseLayer);
    }
    // a[..., i, 1, k] * b[..., 1, j, k], summed over k.
    let mut swapped: SmallVec<[usize; 6]> = (0..b.rank()).collect();
    swapped.swap(b.rank() - 1, b.rank() - 2);
    let b = permuted(it, &b, &swapped)?;
    let a = with_unit_axes(&a, &[a.rank() - 1])?;
    let b = with_unit_axes(&b, &[b.rank() - 2])?;
    contract(it, &a, &b)
}

/// The sum over the last axis of the product of two values.
fn contract(it: &mut Interpreter<'_>, a: &Value, b: &Value) -> Result<Value, Stop> {
    let rank = a.rank().max(b.rank());
    let axis = rank - 1;
    let count = [a, b]
        .iter()
        .map(|v| v.extents(&it.arena)[v.rank() - 1])
        .max()
        .unwrap_or(1);
    let mut sum: Option<Value> = None;
    let mut caveats = a.caveats.and(b.caveats);
    let overflows = caveats.overflows;
    for k in 0..count {
        let at = |it: &mut Interpreter<'_>, v: &Value| {
            let last = v.rank() - 1;
            let k = if v.is_unit(last) { 0 } else { k };
            super::slicing::pick(it, v, last, &[k])
        };
        let (left, right) = (at(it, a)?, at(it, b)?);
        // A factor that is 0 everywhere contributes nothing, but for what is infinite.
        if left.data.iter().all(|&p| p == PolyId::ZERO)
            || right.data.iter().all(|&p| p == PolyId::ZERO)
        {
            caveats = caveats.and(annihilated_everywhere(it, &left, &right));
            if sum.is_none() && k + 1 == count {
                sum =
                    Some(it.elementwise(&[&left, &right], a.dtype, &mut |_, _| Ok(PolyId::ZERO))?);
            }
            continue;
        }
        let product = it.elementwise(&[&left, &right], a.dtype, &mut |arena, p| {
            caveats = caveats.and(annihilated(arena, p, overflows));
            arena.mul(p[0], p[1])
        })?;
        sum = Some(match sum {
            None => product,
            Some(sum) => plus(it, &sum, &product, &mut caveats)?,
        });
    }
    let mut sum = without_axes(&sum.ok_or(Stop::EmptySum)?, &[axis])?;
    sum.caveats = sum.caveats.and(caveats);
    typed(it, sum)
}

/// The sum of two values; notes what vanishes.
fn plus(
    it: &mut Interpreter<'_>,
    a: &Value,
    b: &Value,
    caveats: &mut Caveats,
) -> Result<Value, Stop> {
    it.elementwise(&[a, b], a.dtype, &mut |arena, p| {
        let sum = arena.add(p[0], p[1])?;
        *caveats = caveats.and(vanishing(arena, p, sum));
        Ok(sum)
    })
}

/// The caveat of a product one of whose factors is 0 everywhere.
fn annihilated_everywhere(it: &Interpreter<'_>, a: &Value, b: &Value) -> Caveats {
    let all = a.data.iter().chain(b.data.iter());
    let overflows = a.caveats.and(b.caveats).overflows;
    let caveats = all.map(|&p| annihilated(&it.arena, &[p, PolyId::ZERO], overflows));
    caveats.fold(Caveats::default(), Caveats::and)
}

/// The labels of the axes of both factors of an Einsum node, which have these ranks, and of its result. The axes of an ellipsis, which
/// are counted from its end, have Greek labels, which an equation cannot have.
pub(in crate::symbolic) fn equation(
    node: &NodeProto,
    ranks: [usize; 2],
) -> Result<([Vec<char>; 2], Vec<char>), Stop> {
    let equation: String = node
        .string("equation")
        .ok_or(Stop::EinsumWithoutEquation)?
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let (inputs, output) = equation.split_once("->").ok_or(Stop::EinsumImplicit)?;
    let factors: Vec<&str> = inputs.split(',').collect();
    let factors: [&str; 2] = factors.try_into().map_err(|_| Stop::EinsumNotOfTwo)?;
    let mut ellipsis = None;
    let mut labels = [const { Vec::new() }; 2];
    for (slot, term) in factors.into_iter().enumerate() {
        let mut axes = 0;
        if term.contains('.') {
            let letters = term.chars().filter(|&c| c != '.').count();
            axes = ranks[slot].checked_sub(letters).ok_or(Stop::EinsumRank)?;
            // ONNX asks for one rank, and ONNX Runtime refuses others.
            if *ellipsis.get_or_insert(axes) != axes {
                return Err(Stop::EinsumEllipses);
            }
        }
        labels[slot] = labelled(term, axes)?;
    }
    Ok((labels, labelled(output, ellipsis.unwrap_or(0))?))
}

/// The labels of a term of an equation, whose ellipsis stands for so many axes.
fn labelled(term: &str, axes: usize) -> Result<Vec<char>, Stop> {
    let Some((before, after)) = term.split_once("...") else {
        return match term.contains('.') {
            true => Err(Stop::EinsumEllipsis),
            false => Ok(term.chars().collect()),
        };
    };
    if before.contains('.') || after.contains('.') {
        return Err(Stop::EinsumEllipsis);
    }
    let greek = ('α'..='ω').take(axes);
    let greek: SmallVec<[char; 6]> = greek.collect();
    if greek.len() != axes {
        return Err(Stop::EinsumRank);
    }
    let inner = greek.into_iter().rev();
    Ok(before.chars().chain(inner).chain(after.chars()).collect())
}

pub(super) fn einsum(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    if visit.inputs.len() != 2 {
        return Err(Stop::EinsumNotOfTwo);
    }
    let (ia, ib) = (visit.input(0)?, visit.input(1)?);
    let ranks = [it.value(ia)?.rank(), it.value(ib)?.rank()];
    let ([la, lb], output) = &equation(visit.node, ranks)?;
    let twice = |l: &Vec<char>| (1..l.len()).any(|k| l[..k].contains(&l[k]));
    if [la, lb, output].into_iter().any(twice) {
        return Err(Stop::EinsumDiagonal);
    }
    refuse_dense(it, ia)?;
    refuse_dense(it, ib)?;
    let (a, b) = (it.value(ia)?, it.value(ib)?);
    if a.rank() != la.len() || b.rank() != lb.len() {
        return Err(Stop::EinsumRank);
    }
    let mut summed: Vec<char> = Vec::new();
    for &c in la.iter().chain(lb) {
        if !output.contains(&c) && !summed.contains(&c) {
            summed.push(c);
        }
    }
    if summed.len() > 1 {
        return Err(Stop::EinsumOverSeveralAxes);
    }
    if let Some(&c) = summed.first() {
        let mut factors = Vec::new();
        let mut count = 1;
        for (value, labels) in [(&*a, la), (&*b, lb)] {
            if let Some(axis) = labels.iter().position(|&l| l == c) {
                if !value.enumerated[axis] {
                    return Err(Stop::SumOverOpaqueAxis);
                }
                count = count.max(value.extents(&it.arena)[axis]);
                factors.push((value, axis));
            }
        }
        if !is_short(it, count, &factors) {
            return Err(Stop::DenseLayer);
        }
    }
    let all: Vec<char> = output.iter().chain(&summed).copied().collect();
    let laid = |it: &mut Interpreter<'_>, value: &Value, labels: &[char]| -> Result<Value, Stop> {
        let order: SmallVec<[usize; 6]> = all
            .iter()
            .filter_map(|c| labels.iter().position(|l| l == c))
            .collect();
        let missing: SmallVec<[usize; 6]> = (0..all.len())
            .filter(|&k| !labels.contains(&all[k]))
            .collect();
        let value = permuted(it, value, &order)?;
        with_unit_axes(&value, &missing)
    };
    let (a, b) = (laid(it, &a, la)?, laid(it, &b, lb)?);
    if summed.is_empty() {
        return super::arithmetic::product(it, &a, &b);
    }
    contract(it, &a, &b)
}

pub(super) fn reduce_sum(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Value, Stop> {
    let a = it.value(visit.input(0)?)?;
    let axes = it
        .ints_of(visit, "axes", 1)?
        .ok_or(Stop::SumOverEverything)?;
    let [axis] = axes[..] else {
        return Err(Stop::SumOverSeveralAxes);
    };
    let axis = normal_axis(axis, a.rank())?;
    let count = a.extents(&it.arena)[axis];
    if !a.enumerated[axis] || count > MAX_SUM || count == 0 {
        return Err(Stop::SumOverMany);
    }
    let mut sum = super::slicing::pick(it, &a, axis, &[0])?;
    let mut caveats = a.caveats;
    for k in 1..count {
        let next = super::slicing::pick(it, &a, axis, &[k])?;
        sum = plus(it, &sum, &next, &mut caveats)?;
    }
    sum.caveats = sum.caveats.and(caveats);
    let sum = typed(it, sum)?;
    if visit.node.int("keepdims").unwrap_or(1) != 0 {
        Ok(sum)
    } else {
        without_axes(&sum, &[axis])
    }
}

#[cfg(test)]
mod tests;
