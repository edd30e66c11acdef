//! Elements as numbers, once everything that they depend on has one.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId};

/// Most expressions that one element is made of.
const MAX_PARTS: usize = 4096;

/// The expressions that `p` is made of, itself last, each after those that it is made of; `None` if there are too many.
pub fn parts(arena: &Arena, p: PolyId) -> Option<Vec<PolyId>> {
    let mut done: Vec<PolyId> = Vec::new();
    let mut seen = FxHashSet::default();
    let mut open = vec![(p, false)];
    while let Some((p, entered)) = open.pop() {
        if entered {
            done.push(p);
            continue;
        }
        if !seen.insert(p) {
            continue;
        }
        if seen.len() > MAX_PARTS {
            return None;
        }
        open.push((p, true));
        for atom in atoms(arena, p) {
            open.extend(operands(arena, atom).iter().map(|&part| (part, false)));
        }
    }
    Some(done)
}

/// The atoms that a polynomial has as factors.
pub fn atoms(arena: &Arena, p: PolyId) -> SmallVec<[AtomId; 8]> {
    let mut all = SmallVec::new();
    for term in arena.terms(p).iter() {
        for factor in arena.factors(term.mono) {
            if !all.contains(&factor) {
                all.push(factor);
            }
        }
    }
    all
}

/// The expressions that an atom is made of.
pub fn operands(arena: &Arena, atom: AtomId) -> SmallVec<[PolyId; 4]> {
    match arena.atom_of(atom) {
        Atom::Apply { args, .. } => args.iter().copied().collect(),
        Atom::Access { indices, .. } => indices.clone(),
        Atom::Channel { .. } | Atom::Symbol(_) | Atom::Integer(_) | Atom::Coordinate { .. } => {
            SmallVec::new()
        }
    }
}

/// The number that `p` is, where `atom` says what coordinates, sizes and accesses are; an access is asked for with its indices.
/// `None` where one is unknown, or a function is undefined.
pub fn number(
    arena: &Arena,
    p: PolyId,
    atom: &dyn Fn(&Atom, &[f64]) -> Option<f64>,
) -> Option<f64> {
    let mut known: FxHashMap<PolyId, f64> = FxHashMap::default();
    for part in parts(arena, p)? {
        let mut sum = 0.0;
        for term in arena.terms(part).iter() {
            let mut product = term.coefficient;
            for factor in arena.factors(term.mono) {
                let args = operands(arena, factor);
                let args: SmallVec<[f64; 4]> = args.iter().map(|arg| known[arg]).collect();
                product *= match arena.atom_of(factor) {
                    Atom::Integer(value) => *value as f64,
                    Atom::Apply { function, .. } => evaluated(*function, &args)?,
                    other => atom(other, &args)?,
                };
            }
            sum += product;
        }
        known.insert(part, sum);
    }
    known.get(&p).copied()
}

/// A function of numbers, those of a type that engines compute differently included.
fn evaluated(function: Function, args: &[f64]) -> Option<f64> {
    match function {
        Function::Typed(operation, dtype) if dtype.is_float() => operation.eval(dtype, args),
        Function::Where => match args {
            [condition, yes, no] => Some(if *condition != 0.0 { *yes } else { *no }),
            _ => None,
        },
        function => function.eval(args),
    }
}
