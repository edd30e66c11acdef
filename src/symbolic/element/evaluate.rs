//! Elements as numbers, once everything that they depend on has one.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::operation::Operation;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId};
use crate::symbolic::range::{EXACT, Range};

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
/// `None` where one of those is unknown, or the result is no finite number.
pub fn number(
    arena: &Arena,
    p: PolyId,
    atom: &dyn Fn(&Atom, &[f64]) -> Option<f64>,
) -> Option<f64> {
    number_in(arena, p, atom, Rounding::Own)
}

/// How an engine may round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// As this one.
    Own,
    /// Logarithms and their like correctly.
    Correct,
    /// Half precision not at all: it is computed in single precision, and what is cast there and back may not be cast.
    Single,
}

/// The same by an engine that rounds like that.
pub fn number_in(
    arena: &Arena,
    p: PolyId,
    atom: &dyn Fn(&Atom, &[f64]) -> Option<f64>,
    rounding: Rounding,
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
                    Atom::Apply { function, .. } => evaluated_in(*function, &args, rounding),
                    other => atom(other, &args)?,
                };
            }
            sum += product;
        }
        known.insert(part, sum);
    }
    known.get(&p).copied().filter(|number| number.is_finite())
}

fn evaluated_in(function: Function, args: &[f64], rounding: Rounding) -> f64 {
    match function {
        Function::Typed(operation, dtype)
            if rounding == Rounding::Correct && dtype.is_float() && !operation.is_exact() =>
        {
            let exact = evaluated(Function::Typed(operation, DataType::F64), args);
            evaluated(Function::Typed(Operation::Cast, dtype), &[exact])
        }
        Function::Typed(operation, DataType::F16 | DataType::BF16)
            if rounding == Rounding::Single =>
        {
            evaluated(Function::Typed(operation, DataType::F32), args)
        }
        function => evaluated(function, args),
    }
}

/// A function of numbers; NaN where it is undefined, so that a branch that is not taken may be.
pub(super) fn evaluated(function: Function, args: &[f64]) -> f64 {
    let undefined = f64::NAN;
    match (function, args) {
        (Function::Typed(operation, dtype), args) if dtype.is_float() => {
            operation.eval(dtype, args).unwrap_or(undefined)
        }
        (Function::Typed(operation, dtype), args) => {
            // An integer that leaves its type wraps, and what a float beyond it becomes depends on the engine.
            let number = match operation {
                Operation::Cast => args.first().map(|x| x.trunc()),
                operation => operation.eval(DataType::F64, args),
            };
            let number = number.filter(|x| x.abs() < EXACT);
            let holds = |x: &f64| Range::of(*x).within(Range::of_type(dtype));
            number.filter(holds).unwrap_or(undefined)
        }
        (Function::Where, [condition, yes, no]) if !condition.is_nan() => {
            if *condition != 0.0 {
                *yes
            } else {
                *no
            }
        }
        (function, args) => function.eval(args).unwrap_or(undefined),
    }
}
