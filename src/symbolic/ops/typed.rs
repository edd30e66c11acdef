//! Arithmetic in the types of ONNX: what keeps a result from being the polynomial that it is over the reals.
//!
//! Integers wrap where they leave their type: a result that may do so is not interpreted. Floats are rounded, which is
//! noted, and matters to whatever decides by a number or makes an integer of it. Terms that vanish are noted too, where
//! activations that are infinite or NaN would make NaN of them.

use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::{Arena, MonoId, PolyId, Stop};
use crate::symbolic::value::{Caveats, Value};

/// The result of arithmetic in its own type.
pub(super) fn typed(it: &Interpreter<'_>, mut value: Value) -> Result<Value, Stop> {
    let arena = &it.arena;
    let dtype = value.dtype;
    let mut last = None;
    let mut elements = value.data.iter().filter(|&&p| last.replace(p) != Some(p));
    if dtype.is_integer() {
        return match elements.all(|&p| arena.fits(p, dtype)) {
            true => Ok(value),
            false => Err(Stop("an integer that may leave the range of its type")),
        };
    }
    if dtype.is_float() && !value.caveats.rounded {
        value.caveats.rounded = !elements.all(|&p| arena.is_exact(p, dtype));
    }
    Ok(value)
}

/// Refuses a number that was rounded where its exact value decides.
pub(super) fn exact(value: &Value) -> Result<(), Stop> {
    match value.caveats.rounded {
        true => Err(Stop("a decision by a number that was rounded")),
        false => Ok(()),
    }
}

/// The caveat of terms of a sum that vanish: differences of equals that may be infinite.
pub(super) fn vanishing(arena: &Arena, terms: &[PolyId], sum: PolyId) -> Caveats {
    let count = |p: PolyId| arena.terms(p).len();
    let all: usize = terms.iter().map(|&p| count(p)).sum();
    if count(sum) == all {
        return Caveats::default();
    }
    let kept = |mono: MonoId| arena.terms(sum).iter().any(|term| term.mono == mono);
    let finite = terms.iter().any(|&p| {
        let terms = arena.terms(p);
        let mut gone = terms.iter().filter(|term| !kept(term.mono));
        gone.any(|term| !arena.mono_range(term.mono).is_finite())
    });
    Caveats {
        finite,
        ..Caveats::default()
    }
}

/// The caveat of a product with 0 of what may be infinite.
pub(super) fn annihilated(arena: &Arena, factors: &[PolyId]) -> Caveats {
    let zero = factors.contains(&PolyId::ZERO);
    Caveats {
        finite: zero && factors.iter().any(|&p| !arena.range(p).is_finite()),
        ..Caveats::default()
    }
}
