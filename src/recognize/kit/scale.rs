//! Whether numbers keep their size between the tensors that a site reads and the encoded tensor.
//!
//! Over the reals, a factor and its inverse cancel, and so do a number added and the same number subtracted. In a float type,
//! numbers may overflow or vanish in between, where an operator that skips both steps gives a finite result:
//! `(x * 1e30 * cos) * 1e-30`. An encoding multiplies by its coefficients and by nothing else. So every value in between must
//! have the factors that the tensors at the ends have.

use rustc_hash::FxHashMap;

use crate::symbolic::Interpreter;
use crate::symbolic::poly::{MonoId, PolyId};
use crate::symbolic::value::Value;

use super::behind::Behind;

/// Relative error of factors that are equal.
const ROUNDING: f64 = 1e-9;

/// Whether numbers keep their size in all values of `between`. A term with a monomial that no value of `ends` has is none of the
/// encoded tensor's, and passes. Any other must have a coefficient that this monomial has in one of the `ends`, in a sum without
/// a constant.
pub(in crate::recognize) fn is_kept(
    it: &Interpreter<'_>,
    between: &Behind,
    ends: &[&Value],
) -> bool {
    let mut known: FxHashMap<MonoId, Vec<f64>> = FxHashMap::default();
    for end in ends {
        elements(end, &mut |p| {
            for term in it.arena.terms(p).iter() {
                let factor = term.coefficient.abs();
                // The root itself, with coefficient 1, is as large as its numbers.
                let factors = known.entry(term.mono).or_insert_with(|| vec![1.0]);
                if factors.iter().all(|&k| k != factor) {
                    factors.push(factor);
                }
            }
            true
        });
    }
    known.remove(&MonoId::ONE);
    let holds = |factors: &[f64], factor: f64| {
        let mut near = factors.iter();
        near.any(|&k| (k - factor).abs() <= factor * ROUNDING)
    };
    let kept = |p: PolyId| {
        let terms = it.arena.terms(p);
        let constant = terms.iter().any(|term| term.mono == MonoId::ONE);
        terms.iter().all(|term| match known.get(&term.mono) {
            Some(factors) => !constant && holds(factors, term.coefficient.abs()),
            None => true,
        })
    };
    between.values().iter().all(|&id| {
        let value = it.known(id).filter(|value| value.dtype.is_float());
        value.is_none_or(|value| elements(value, &mut |p| kept(p)))
    })
}

/// Visits the elements while `visit` returns true; a run of equal ones is visited once.
fn elements(value: &Value, visit: &mut dyn FnMut(PolyId) -> bool) -> bool {
    let mut last = None;
    value
        .data
        .iter()
        .filter(|&&p| last.replace(p) != Some(p))
        .all(|&p| visit(p))
}

#[cfg(test)]
mod tests;
