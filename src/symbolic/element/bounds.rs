//! Proofs that an expression is never negative, for all sizes and coordinates with which an element exists.
//!
//! A coordinate lies between 0 and its size less 1, so an expression that is linear in it is least at one of the ends. What is left
//! depends on sizes. They are at least 0, and at least 1 where the element has a coordinate along them; a polynomial in them without
//! a negative coefficient, after each is counted from its least value, is not negative.

use smallvec::SmallVec;

use crate::symbolic::function::Function;
use crate::symbolic::poly::{Atom, AtomId, PolyId, Term};
use crate::symbolic::range::EXACT;

use super::algebra::Algebra;

/// How often an atom is replaced by a bound of its own.
const MAX_ROUNDS: usize = 8;
/// How deep minima and maxima are looked into.
const MAX_NESTED: usize = 6;

impl Algebra<'_> {
    /// Whether `p` is a number that is never negative.
    pub fn nonnegative(&mut self, p: PolyId) -> bool {
        self.is_nonnegative(p, MAX_NESTED)
    }

    fn is_nonnegative(&mut self, p: PolyId, nested: usize) -> bool {
        let range = self.arena.range(p);
        if range.nan {
            return false;
        }
        if range.low >= 0.0 {
            return true;
        }
        let atom = self.arena.as_atom(p);
        if let Some(Atom::Apply { function, args }) =
            atom.map(|atom| self.arena.atom_of(atom).clone())
            && nested > 0
        {
            let mut parts = args.iter();
            match function {
                Function::Min if parts.all(|&part| self.is_nonnegative(part, nested - 1)) => {
                    return true;
                }
                Function::Max if parts.any(|&part| self.is_nonnegative(part, nested - 1)) => {
                    return true;
                }
                _ => {}
            }
        }
        let mut low = p;
        for _ in 0..MAX_ROUNDS {
            match self.lowered(low) {
                None => return false,
                Some(lower) if lower == low => break,
                Some(lower) => low = lower,
            }
        }
        self.is_sum_of_sizes(low) || self.exceeds_a_size(low)
    }

    /// Whether `0 <= p < size`.
    pub fn is_within(&mut self, p: PolyId, size: PolyId) -> bool {
        if !self.nonnegative(p) {
            return false;
        }
        let last = self.arena.sub(size, PolyId::ONE);
        let room = last.and_then(|last| self.arena.sub(last, p));
        room.is_ok_and(|room| self.nonnegative(room))
    }

    /// A lower bound of `p` in which one kind of atom less depends on coordinates; `p` itself where none does.
    fn lowered(&mut self, p: PolyId) -> Option<PolyId> {
        let terms = self.arena.terms(p).to_vec();
        let mut found = None;
        for term in &terms {
            for factor in self.arena.factors(term.mono) {
                if self.varies(factor) {
                    found = found.or(Some(factor));
                    // Coordinates come last: what is a function of them may cancel with them.
                    if !matches!(self.arena.atom_of(factor), Atom::Coordinate { .. }) {
                        found = Some(factor);
                    }
                }
            }
        }
        let Some(atom) = found else {
            return Some(p);
        };
        let (mut with, mut rest) = (Vec::new(), Vec::new());
        for term in terms {
            let mut factors = self.arena.factors(term.mono);
            match factors.iter().position(|&factor| factor == atom) {
                None => rest.push(term),
                Some(at) => {
                    factors.remove(at);
                    if factors.contains(&atom) {
                        return None;
                    }
                    with.push(Term {
                        mono: self.arena.mono(factors),
                        ..term
                    });
                }
            }
        }
        let coefficient = self.arena.collect(with).ok()?;
        let rest = self.arena.collect(rest).ok()?;
        if self.depends_on_any(coefficient) {
            return None;
        }
        let negated = self.arena.scale(coefficient, -1.0);
        let bound = if self.is_sum_of_sizes(coefficient) {
            self.least(atom)?
        } else if self.is_sum_of_sizes(negated) {
            self.greatest(atom)?
        } else {
            return None;
        };
        let product = self.arena.mul(coefficient, bound).ok()?;
        self.arena.add(rest, product).ok()
    }

    /// Whether an atom depends on coordinates, or is no size.
    fn varies(&mut self, atom: AtomId) -> bool {
        let p = PolyId::of_atom(atom);
        self.depends_on_any(p) || self.arena.atom_range(atom).low < 0.0
    }

    fn depends_on_any(&mut self, p: PolyId) -> bool {
        !self.arena.coordinates_of(p).is_empty()
    }

    /// What an atom is never below.
    fn least(&mut self, atom: AtomId) -> Option<PolyId> {
        let low = self.arena.atom_range(atom).low;
        if low.is_finite() && low.abs() < EXACT {
            return Some(self.arena.constant(low));
        }
        None
    }

    /// What an atom is never above.
    fn greatest(&mut self, atom: AtomId) -> Option<PolyId> {
        match self.arena.atom_of(atom).clone() {
            Atom::Coordinate { size, .. } => {
                return self.arena.sub(size, PolyId::ONE).ok();
            }
            Atom::Apply { function, args } => match (function, &args[..]) {
                (Function::Mod, &[_, size]) if self.arena.range(size).low >= 0.0 => {
                    return self.arena.sub(size, PolyId::ONE).ok();
                }
                (Function::Wrapped, &[_, size]) => {
                    return self.arena.sub(size, PolyId::ONE).ok();
                }
                (Function::IntegerDiv, &[whole, size]) => {
                    let coordinate = self.arena.as_atom(whole);
                    let coordinate = coordinate.map(|atom| self.arena.atom_of(atom).clone());
                    if let Some(Atom::Coordinate { size: all, .. }) = coordinate
                        && let Some(count) = self.arena.div_exact(all, size)
                    {
                        return self.arena.sub(count, PolyId::ONE).ok();
                    }
                }
                (Function::Min, &[a, b]) => {
                    return Some(if self.depends_on_any(a) { b } else { a });
                }
                _ => {}
            },
            _ => {}
        }
        let high = self.arena.atom_range(atom).high;
        (high.is_finite() && high.abs() < EXACT).then(|| self.arena.constant(high))
    }

    /// Whether an expression in sizes is not negative because no term of it is, with sizes counted from their least values.
    fn is_sum_of_sizes(&mut self, p: PolyId) -> bool {
        let mut shifted = p;
        for (atom, least) in self.sizes_of(p) {
            if least > 0.0 {
                let size = PolyId::of_atom(atom);
                let least = self.arena.constant(least);
                let Some(moved) = self
                    .arena
                    .add(size, least)
                    .ok()
                    .and_then(|by| self.with(shifted, atom, by))
                else {
                    return false;
                };
                shifted = moved;
            }
        }
        let terms = self.arena.terms(shifted).to_vec();
        terms.iter().all(|term| {
            term.coefficient >= 0.0
                && self.arena.factors(term.mono).iter().all(|&factor| {
                    let range = self.arena.atom_range(factor);
                    range.low >= 0.0 && !range.nan
                })
        })
    }

    /// The same, where it exceeds a size that is at least 1 by itself, and is a sum.
    fn exceeds_a_size(&mut self, p: PolyId) -> bool {
        let coordinates: SmallVec<[AtomId; 4]> = self.coordinates().into();
        coordinates.into_iter().any(|coordinate| {
            let Atom::Coordinate { size, .. } = *self.arena.atom_of(coordinate) else {
                return false;
            };
            if self.arena.terms(size).len() < 2 {
                return false;
            }
            let rest = self
                .arena
                .sub(p, size)
                .and_then(|p| self.arena.add(p, PolyId::ONE));
            rest.is_ok_and(|rest| self.is_sum_of_sizes(rest))
        })
    }

    fn coordinates(&self) -> &[AtomId] {
        self.arena.coordinate_members(self.exists)
    }

    /// The atoms of an expression, and what each is at least.
    fn sizes_of(&mut self, p: PolyId) -> SmallVec<[(AtomId, f64); 4]> {
        let mut sizes: SmallVec<[(AtomId, f64); 4]> = SmallVec::new();
        for term in self.arena.terms(p).to_vec() {
            for factor in self.arena.factors(term.mono) {
                if sizes.iter().all(|&(known, _)| known != factor) {
                    let least = self.least_size(PolyId::of_atom(factor), MAX_NESTED);
                    sizes.push((factor, if least.abs() < EXACT { least } else { 0.0 }));
                }
            }
        }
        sizes
    }

    /// What a size is at least.
    fn least_size(&self, size: PolyId, nested: usize) -> f64 {
        let low = self.arena.range(size).low;
        let Some(atom) = self.arena.as_atom(size) else {
            return low;
        };
        if self.is_positive(atom) {
            return low.max(1.0);
        }
        match self.arena.atom_of(atom) {
            Atom::Apply {
                function: Function::Min,
                args,
            } if nested > 0 => {
                let least = args.iter().map(|&arg| self.least_size(arg, nested - 1));
                low.max(least.fold(f64::INFINITY, f64::min))
            }
            _ => low,
        }
    }

    /// Whether a size is at least 1, because an element exists along an axis whose size it divides.
    fn is_positive(&self, size: AtomId) -> bool {
        self.coordinates().iter().any(|&coordinate| {
            let Atom::Coordinate { size: own, .. } = self.arena.atom_of(coordinate) else {
                return false;
            };
            let terms = self.arena.terms(*own);
            matches!(&*terms, [term] if self.arena.factors(term.mono).contains(&size))
        })
    }

    /// `p` with an atom replaced, where it occurs as a factor.
    pub(super) fn with(&mut self, p: PolyId, atom: AtomId, by: PolyId) -> Option<PolyId> {
        let mut sum = PolyId::ZERO;
        for term in self.arena.terms(p).to_vec() {
            let factors = self.arena.factors(term.mono);
            let mut product = self.arena.constant(term.coefficient);
            for factor in factors {
                let factor = match factor == atom {
                    true => by,
                    false => PolyId::of_atom(factor),
                };
                product = self.arena.mul(product, factor).ok()?;
            }
            sum = self.arena.add(sum, product).ok()?;
        }
        Some(sum)
    }
}
