//! Whether what lies between a rotated tensor and what it is read from keeps the size of its numbers.
//!
//! Over the reals a factor and its inverse cancel, and so does what is added and taken away again. In the type numbers overflow
//! or vanish in between, and the operator, which reads the tensor before, would not. A rotation multiplies by its coefficients and by
//! nothing else: the factors of its tensors on the way are those at either end.

use rustc_hash::FxHashMap;

use crate::symbolic::Interpreter;
use crate::symbolic::poly::{MonoId, PolyId};
use crate::symbolic::value::Value;

use super::behind::Behind;

/// Relative error of factors that are equal.
const ROUNDING: f64 = 1e-9;

/// Whether every value of `between` has, in each term that a value of `ends` has, a factor that one of them has, and nothing added
/// to it. Other terms are on their way to the tables, or go nowhere.
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
                // A root has numbers of its own size.
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

/// Visits the elements, those that repeat the one before but once, as long as `visit` agrees.
fn elements(value: &Value, visit: &mut dyn FnMut(PolyId) -> bool) -> bool {
    let mut last = None;
    value
        .data
        .iter()
        .filter(|&&p| last.replace(p) != Some(p))
        .all(|&p| visit(p))
}
