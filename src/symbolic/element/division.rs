//! Quotient and remainder of an index by a size: how a reshape moves elements.
//!
//! `f = n q + r` with `0 <= r < n` has one solution. It is guessed from the coefficients of every coordinate and proven by bounds.
//! Where the guess fails, quotient and remainder are functions of what is left once exact multiples are taken out.

use smallvec::{SmallVec, smallvec};

use crate::symbolic::function::Function;
use crate::symbolic::poly::{Atom, MonoId, PolyId, Term};

use super::algebra::Algebra;

/// Most guesses for one division.
const MAX_GUESSES: usize = 64;

/// A quotient and a remainder.
type Parts = (PolyId, PolyId);

impl Algebra<'_> {
    /// Quotient and remainder of `f`, which is not negative, by `n`, which is at least 1.
    pub fn divided(&mut self, f: PolyId, n: PolyId) -> Parts {
        if n == PolyId::ONE {
            return (f, PolyId::ZERO);
        }
        if self.is_within(f, n) {
            return (PolyId::ZERO, f);
        }
        let groups = self.by_coordinates(f);
        let mut guesses: SmallVec<[Parts; 8]> = smallvec![(PolyId::ZERO, PolyId::ZERO)];
        let mut plain = Some((PolyId::ZERO, PolyId::ZERO));
        for (factor, coefficient) in groups {
            // Exact multiples alone: a smaller coefficient stays where it is, so that a sum of several is divided as one.
            let exact = self.coefficient(coefficient, n, f64::trunc);
            plain = plain.and_then(|so_far| self.joined(so_far, factor, exact));
            let (q, r) = self.coefficient(coefficient, n, f64::floor);
            let mut next: SmallVec<[Parts; 8]> = SmallVec::new();
            for (q, r) in self.around((q, r), n, factor == PolyId::ONE) {
                for &so_far in &guesses {
                    next.extend(self.joined(so_far, factor, (q, r)));
                }
            }
            next.truncate(MAX_GUESSES);
            guesses = next;
        }
        for (q, r) in guesses {
            if self.is_within(r, n) {
                return (q, r);
            }
        }
        if let Some((q, r)) = plain
            && q != PolyId::ZERO
            && self.nonnegative(r)
        {
            let over = self.functions(r, n);
            if let Ok(q) = self.arena.add(q, over.0) {
                return (q, over.1);
            }
        }
        self.functions(f, n)
    }

    /// The quotient of integers, the first not negative, the second at least 1.
    pub(super) fn quotient(&mut self, a: PolyId, b: PolyId) -> PolyId {
        self.divided(a, b).0
    }

    fn functions(&mut self, f: PolyId, n: PolyId) -> Parts {
        let quotient = self.arena.integer_quotient(f, n);
        (quotient, self.arena.apply(Function::Mod, &[f, n]))
    }

    /// `so_far` and `factor` times other parts.
    fn joined(&mut self, so_far: Parts, factor: PolyId, parts: Parts) -> Option<Parts> {
        let q = self.arena.mul(factor, parts.0).ok()?;
        let r = self.arena.mul(factor, parts.1).ok()?;
        let q = self.arena.add(so_far.0, q).ok()?;
        Some((q, self.arena.add(so_far.1, r).ok()?))
    }

    /// Other ways to take the same coefficient apart, whose remainders may lie in the range.
    fn around(&mut self, (q, r): Parts, n: PolyId, is_constant: bool) -> SmallVec<[Parts; 3]> {
        let mut all: SmallVec<[Parts; 3]> = smallvec![(q, r)];
        let mut push = |this: &mut Self, by: f64| {
            let step = this.arena.constant(by);
            let whole = this.arena.scale(n, by);
            if let (Ok(q), Ok(r)) = (this.arena.add(q, step), this.arena.sub(r, whole)) {
                all.push((q, r));
            }
        };
        if r != PolyId::ZERO || is_constant {
            push(self, 1.0);
        }
        if is_constant {
            push(self, -1.0);
        }
        all
    }

    /// `f` as a sum of products of what depends on coordinates and coefficients in sizes; the one without coordinates is always
    /// there.
    fn by_coordinates(&mut self, f: PolyId) -> Vec<(PolyId, PolyId)> {
        let mut groups: Vec<(MonoId, Vec<Term>)> = vec![(MonoId::ONE, Vec::new())];
        for term in self.arena.terms(f).to_vec() {
            let factors = self.arena.factors(term.mono);
            let mut parts = [SmallVec::new(), SmallVec::new()];
            for factor in factors {
                let is_size = self
                    .arena
                    .coordinates_of(PolyId::of_atom(factor))
                    .is_empty()
                    && !matches!(self.arena.atom_of(factor), Atom::Access { .. });
                parts[usize::from(is_size)].push(factor);
            }
            let [varying, sizes] = parts;
            let term = Term {
                mono: self.arena.mono(sizes),
                ..term
            };
            let mono = self.arena.mono(varying);
            match groups.iter_mut().find(|(known, _)| *known == mono) {
                Some((_, terms)) => terms.push(term),
                None => groups.push((mono, vec![term])),
            }
        }
        let mut all = Vec::new();
        for (mono, terms) in groups {
            let one = Term {
                mono,
                coefficient: 1.0,
            };
            if let (Ok(factor), Ok(coefficient)) =
                (self.arena.collect(vec![one]), self.arena.collect(terms))
            {
                all.push((factor, coefficient));
            }
        }
        all
    }

    /// A coefficient divided by `n` term by term: `p = n q + r`, where no term of `r` is a multiple of the leading term of `n`. Quotients
    /// of numbers are rounded like that.
    fn coefficient(&mut self, p: PolyId, n: PolyId, rounded: fn(f64) -> f64) -> Parts {
        let terms = self.arena.terms(n).to_vec();
        let degree = |this: &Self, term: &Term| this.arena.factors(term.mono).len();
        let Some(lead) = terms
            .iter()
            .max_by_key(|term| (degree(self, term), term.mono))
            .copied()
        else {
            return (PolyId::ZERO, p);
        };
        let (mut q, mut r, mut rest) = (PolyId::ZERO, PolyId::ZERO, p);
        for _ in 0..4 * terms.len().max(self.arena.terms(p).len()) {
            let all = self.arena.terms(rest).to_vec();
            let Some(term) = all
                .iter()
                .max_by_key(|term| (degree(self, term), term.mono))
            else {
                break;
            };
            let mut factors = self.arena.factors(term.mono);
            let divides = self.arena.factors(lead.mono).iter().all(|atom| {
                let at = factors.iter().position(|factor| factor == atom);
                at.map(|at| factors.remove(at)).is_some()
            });
            let whole = rounded(term.coefficient / lead.coefficient);
            let one = |this: &mut Self, term: Term| this.arena.collect(vec![term]).ok();
            let step = (|| {
                if divides && whole != 0.0 {
                    let factor = Term {
                        mono: self.arena.mono(factors),
                        coefficient: whole,
                    };
                    let factor = one(self, factor)?;
                    let product = self.arena.mul(factor, n).ok()?;
                    q = self.arena.add(q, factor).ok()?;
                    rest = self.arena.sub(rest, product).ok()?;
                    // What is left of the term is smaller than the leading one.
                    let left = term.coefficient - whole * lead.coefficient;
                    if left == 0.0 {
                        return Some(());
                    }
                    let left = one(
                        self,
                        Term {
                            coefficient: left,
                            ..*term
                        },
                    )?;
                    r = self.arena.add(r, left).ok()?;
                    rest = self.arena.sub(rest, left).ok()?;
                } else {
                    let term = one(self, *term)?;
                    r = self.arena.add(r, term).ok()?;
                    rest = self.arena.sub(rest, term).ok()?;
                }
                Some(())
            })();
            if step.is_none() {
                return (PolyId::ZERO, p);
            }
        }
        match self.arena.add(r, rest) {
            Ok(r) => (q, r),
            Err(_) => (PolyId::ZERO, p),
        }
    }

    /// `p` with `n · (r div n) + r mod n` folded back to `r`.
    pub(super) fn recombined(&mut self, p: PolyId) -> PolyId {
        for term in self.arena.terms(p).to_vec() {
            let factors = self.arena.factors(term.mono);
            for (at, &factor) in factors.iter().enumerate() {
                let Atom::Apply {
                    function: Function::Mod,
                    args,
                } = self.arena.atom_of(factor).clone()
                else {
                    continue;
                };
                let mut others = factors.clone();
                others.remove(at);
                let base = Term {
                    mono: self.arena.mono(others),
                    coefficient: term.coefficient,
                };
                let folded = (|| {
                    let base = self.arena.collect(vec![base]).ok()?;
                    let quotient = self.arena.integer_quotient(args[0], args[1]);
                    let whole = self.arena.mul(quotient, args[1]).ok()?;
                    let both = self.arena.add(whole, PolyId::of_atom(factor)).ok()?;
                    let both = self.arena.mul(base, both).ok()?;
                    let rest = self.arena.sub(p, both).ok()?;
                    if self.arena.terms(rest).len() >= self.arena.terms(p).len() {
                        return None;
                    }
                    let dividend = self.arena.mul(base, args[0]).ok()?;
                    self.arena.add(rest, dividend).ok()
                })();
                if let Some(folded) = folded {
                    return folded;
                }
            }
        }
        p
    }
}
