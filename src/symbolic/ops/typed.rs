//! Arithmetic in the types of ONNX: what keeps a result from being the polynomial that it is over the reals.
//!
//! Integers wrap where they leave their type: a result that may do so is not interpreted. Floats are rounded, which is
//! noted, and matters to whatever decides by a number or makes an integer of it. Terms that vanish are noted too: they leave
//! their rounding errors, and NaN where they are infinite.

use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{Arena, Atom, MonoId, PolyId, Stop};
use crate::symbolic::value::{Caveats, Loss, Value};

/// The result of arithmetic in its own type.
pub(super) fn typed(it: &Interpreter<'_>, mut value: Value) -> Result<Value, Stop> {
    let arena = &it.arena;
    let dtype = value.dtype;
    let mut last = None;
    let mut elements = value.data.iter().filter(|&&p| last.replace(p) != Some(p));
    if dtype.is_integer() {
        return match elements.all(|&p| arena.fits(p, dtype)) {
            true => Ok(value),
            false => Err(Stop::IntegerOverflow),
        };
    }
    if dtype.is_float() {
        let largest = dtype.largest();
        let (rounded, overflows) = elements.fold((false, false), |(rounded, overflows), &p| {
            let range = arena.range(p);
            let beyond = range.is_finite() && range.largest() > largest;
            (rounded || !arena.is_exact(p, dtype), overflows || beyond)
        });
        value.caveats.rounded |= rounded;
        value.caveats.overflows |= overflows;
    }
    Ok(value)
}

/// Refuses a number that was rounded where its exact value decides.
pub(super) fn exact(value: &Value) -> Result<(), Stop> {
    match value.caveats.rounded {
        true => Err(Stop::RoundedDecision),
        false => Ok(()),
    }
}

/// The caveat of terms of a sum that vanish: differences of equals.
pub(super) fn vanishing(arena: &Arena, terms: &[PolyId], sum: PolyId) -> Caveats {
    let count = |p: PolyId| arena.terms(p).len();
    let all: usize = terms.iter().map(|&p| count(p)).sum();
    if count(sum) == all {
        return Caveats::default();
    }
    let kept = |mono: MonoId| arena.terms(sum).iter().any(|term| term.mono == mono);
    let gone = |&p: &PolyId| arena.terms(p).iter().any(|term| !kept(term.mono));
    Caveats {
        loss: terms.iter().any(gone).then_some(Loss::Cancelled),
        ..Caveats::default()
    }
}

/// The caveat of a product of two numbers, one of them 0 and the other perhaps infinite: by what it is, or since one of the factors
/// `overflows`.
pub(super) fn annihilated(arena: &Arena, factors: &[PolyId], overflows: bool) -> Caveats {
    let infinite =
        |&&p: &&PolyId| !arena.range(p).is_finite() || overflows && arena.as_constant(p).is_none();
    let other = factors.iter().find(infinite);
    let other = other.filter(|_| factors.contains(&PolyId::ZERO));
    let loss = other.map(|&p| {
        let channel = arena.as_atom(p).map(|atom| arena.atom_of(atom));
        let origin = match channel {
            Some(Atom::Channel { root, .. }) => arena.origin(*root),
            _ => None,
        };
        origin.map_or(Loss::Cancelled, Loss::Annihilated)
    });
    Caveats {
        loss,
        ..Caveats::default()
    }
}

#[cfg(test)]
mod tests;
