//! Symbolic shapes in the form that facts use, which can be evaluated once symbols have numbers.

use crate::facts::{Choice, Dim};

use super::function::Function;
use super::poly::{Arena, Atom, PolyId};

/// A dimension; unknown where it depends on data.
pub fn dim(arena: &Arena, p: PolyId) -> Dim {
    let terms = arena.terms(p);
    Dim::sum(terms.iter().map(|term| {
        if term.coefficient.fract() != 0.0 {
            return Dim::Unknown;
        }
        let coefficient = Dim::Known(term.coefficient as i64);
        let factors = arena.factors(term.mono);
        Dim::product(
            std::iter::once(coefficient)
                .chain(factors.iter().map(|&f| atom(arena, arena.atom_of(f)))),
        )
    }))
}

fn atom(arena: &Arena, atom: &Atom) -> Dim {
    match atom {
        Atom::Symbol(symbol) => Dim::symbol(arena.symbol_name(*symbol)),
        // Rounding to zero is rounding down where the numerator is not negative, as sizes are; `size - 1` is at a size of 0.
        Atom::Apply {
            function: Function::IntegerDiv,
            args,
        } => match arena.as_integer(args[1]) {
            Some(by) if by > 0 => dim(arena, args[0]).floor_div(by),
            _ => Dim::Unknown,
        },
        Atom::Apply { function, args } => {
            let choice = match function {
                Function::Min => Choice::Min,
                Function::Max => Choice::Max,
                Function::Broadcast => Choice::Broadcast,
                _ => return Dim::Unknown,
            };
            Dim::choice(choice, args.iter().map(|&arg| dim(arena, arg)))
        }
        Atom::Integer(value) => Dim::Known(*value),
        Atom::Channel { .. } => Dim::Unknown,
    }
}
