//! Products of matrices that sum nothing up, which are outer products of positions and frequencies, and those with a mask.

use rustc_hash::FxHashMap;

use crate::symbolic::ops::linear::equation;
use crate::symbolic::poly::{PolyId, Stop};
use crate::symbolic::value::Value;
use crate::symbolic::visit::Visit;

use super::{Indices, Pause, Query, mask};

pub(super) fn element(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    own: &Value,
) -> Result<PolyId, Pause> {
    let outer = match visit.node.op_type() {
        "MatMul" => matmul(query, visit, own),
        _ => einsum(query, visit, own),
    };
    match outer {
        Err(Pause::Stops) => mask::product(query, visit, own),
        outer => outer,
    }
}

fn matmul(query: &mut Query<'_, '_>, visit: &Visit<'_>, own: &Value) -> Result<PolyId, Pause> {
    let (a, b) = (visit.input(0)?, visit.input(1)?);
    let (left, right) = (query.value(a)?, query.value(b)?);
    let rank = own.rank();
    if left.rank() < 2 || right.rank() < 2 {
        return Err(Stop::VectorProduct.into());
    }
    if !left.is_unit(left.rank() - 1) || !right.is_unit(right.rank() - 2) {
        return Err(Stop::DenseLayer.into());
    }
    let mut factor = |value, from: &Value, is_left: bool| -> Result<PolyId, Pause> {
        let skipped = rank - from.rank();
        let mut at = Indices::new();
        for axis in 0..from.rank() {
            let (size, whole) = (from.shape[axis], own.shape[skipped + axis]);
            let matrix = axis + 2 >= from.rank();
            if !matrix && query.it.arena.may_stretch(size, whole) && size != PolyId::ONE {
                return Err(Stop::NoBroadcast.into());
            }
            at.push(query.at[skipped + axis]);
        }
        let inner = if is_left {
            from.rank() - 1
        } else {
            from.rank() - 2
        };
        at[inner] = PolyId::ZERO;
        query.ask(value, &at)
    };
    let a = factor(a, &left, true)?;
    let b = factor(b, &right, false)?;
    Ok(query.algebra().mul(a, b, own.dtype))
}

fn einsum(query: &mut Query<'_, '_>, visit: &Visit<'_>, own: &Value) -> Result<PolyId, Pause> {
    if visit.inputs.len() != 2 {
        return Err(Stop::EinsumNotOfTwo.into());
    }
    let ranks = [visit.input(0)?, visit.input(1)?].map(|value| query.value(value));
    let [left, right] = ranks;
    let (terms, result) = equation(visit.node, [left?.rank(), right?.rank()])?;
    if result.len() != own.rank() {
        return Err(Stop::EinsumRank.into());
    }
    let places: FxHashMap<char, (PolyId, PolyId)> = result
        .into_iter()
        .zip(query.at.iter().copied().zip(own.shape.iter().copied()))
        .collect();
    let mut factors = [PolyId::ONE; 2];
    for (slot, term) in terms.iter().enumerate() {
        let value = visit.input(slot)?;
        let from = query.value(value)?;
        if term.len() != from.rank() {
            return Err(Stop::EinsumRank.into());
        }
        let mut at = Indices::new();
        for (label, &size) in term.iter().zip(&from.shape) {
            let index = match places.get(label) {
                Some(&(index, whole)) if !query.it.arena.may_stretch(size, whole) => index,
                _ if size == PolyId::ONE => PolyId::ZERO,
                _ => return Err(Stop::DenseLayer.into()),
            };
            at.push(index);
        }
        factors[slot] = query.ask(value, &at)?;
    }
    let [a, b] = factors;
    Ok(query.algebra().mul(a, b, own.dtype))
}
