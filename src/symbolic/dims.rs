//! Symbolic shapes in the form that facts use, which can be evaluated once symbols have numbers.

use crate::facts::{Choice, Dim};

use super::function::Function;
use super::poly::{Arena, Atom, PolyId};

/// Most expressions looked at for one dimension: what occurs twice in an expression is written out twice.
const MAX_STEPS: usize = 1000;

/// A dimension; unknown where it depends on data, or is too long to be written out.
pub fn dim(arena: &Arena, p: PolyId) -> Dim {
    written_out(arena, p, &mut 0)
}

fn written_out(arena: &Arena, p: PolyId, steps: &mut usize) -> Dim {
    let mut sum = Vec::new();
    for term in arena.terms(p).iter() {
        *steps += 1;
        if term.coefficient.fract() != 0.0 || *steps > MAX_STEPS {
            return Dim::Unknown;
        }
        let mut product = vec![Dim::Known(term.coefficient as i64)];
        for factor in arena.factors(term.mono) {
            product.push(atom(arena, arena.atom_of(factor), steps));
        }
        sum.push(Dim::product(product));
    }
    Dim::sum(sum)
}

fn atom(arena: &Arena, atom: &Atom, steps: &mut usize) -> Dim {
    match atom {
        Atom::Symbol(symbol) => Dim::symbol(arena.symbol_name(*symbol)),
        // The quotient is rounded to zero, which is down where nothing is negative, and 0 for what is above `-by`.
        Atom::Apply {
            function: Function::IntegerDiv,
            args,
        } => match arena.as_integer(args[1]) {
            Some(by) if arena.range(args[0]).low > -(by as f64) => {
                let numerator = written_out(arena, args[0], steps);
                match arena.range(args[0]).low < 0.0 {
                    true => Dim::choice(Choice::Max, [numerator, Dim::Known(0)]).floor_div(by),
                    false => numerator.floor_div(by),
                }
            }
            _ => Dim::Unknown,
        },
        Atom::Apply { function, args } => {
            let choice = match function {
                Function::Min => Choice::Min,
                Function::Max => Choice::Max,
                Function::Broadcast => Choice::Broadcast,
                _ => return Dim::Unknown,
            };
            let parts = args.iter().map(|&arg| written_out(arena, arg, steps));
            Dim::choice(choice, parts)
        }
        Atom::Integer(value) => Dim::Known(*value),
        Atom::Channel { .. } | Atom::Coordinate { .. } | Atom::Access { .. } => Dim::Unknown,
    }
}
