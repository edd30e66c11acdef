//! Sums and products of polynomials, within bounds: beyond them an operation stops, and the caller starts a fresh root.

use super::ids::PolyId;
use super::poly::{Arena, Memo, Stop};
use super::term::Term;

/// Most terms of a polynomial. Rotations have 2, two-dimensional angles up to 4; activations that mix grow without bound.
const MAX_TERMS: usize = 12;
/// Most factors of a monomial. A rotated, normed and scaled channel has about 5.
const MAX_DEGREE: usize = 8;

impl Arena {
    /// `a + b`.
    pub fn add(&mut self, a: PolyId, b: PolyId) -> Result<PolyId, Stop> {
        if a == PolyId::ZERO {
            return Ok(b);
        }
        if b == PolyId::ZERO {
            return Ok(a);
        }
        let key = Memo::Add(a.min(b), a.max(b));
        if let Some(&known) = self.memo.get(&key) {
            return known;
        }
        let sum = self.collect(
            self.terms(a)
                .iter()
                .chain(self.terms(b).iter())
                .copied()
                .collect(),
        );
        self.memo.insert(key, sum);
        sum
    }

    /// `factor · p`.
    pub fn scale(&mut self, p: PolyId, factor: f64) -> PolyId {
        if factor == 1.0 {
            return p;
        }
        if factor == 0.0 {
            return PolyId::ZERO;
        }
        let terms = self
            .terms(p)
            .iter()
            .map(|t| Term {
                mono: t.mono,
                coefficient: t.coefficient * factor,
            })
            .collect();
        self.intern(terms)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: PolyId, b: PolyId) -> Result<PolyId, Stop> {
        let negated = self.scale(b, -1.0);
        self.add(a, negated)
    }

    /// `a · b`.
    pub fn mul(&mut self, a: PolyId, b: PolyId) -> Result<PolyId, Stop> {
        if let Some(c) = self.as_constant(a) {
            return Ok(self.scale(b, c));
        }
        if let Some(c) = self.as_constant(b) {
            return Ok(self.scale(a, c));
        }
        let key = Memo::Mul(a.min(b), a.max(b));
        if let Some(&known) = self.memo.get(&key) {
            return known;
        }
        let product = self.multiply(a, b);
        self.memo.insert(key, product);
        product
    }

    fn multiply(&mut self, a: PolyId, b: PolyId) -> Result<PolyId, Stop> {
        let (left, right) = (self.terms(a).to_vec(), self.terms(b).to_vec());
        if left.len() * right.len() > MAX_TERMS {
            return Err(Stop::LongProduct);
        }
        let mut terms = Vec::with_capacity(left.len() * right.len());
        for s in &left {
            for t in &right {
                let mut factors = self.factors(s.mono);
                factors.extend(self.factors(t.mono));
                if factors.len() > MAX_DEGREE {
                    return Err(Stop::HighDegree);
                }
                factors.sort_unstable();
                terms.push(Term {
                    mono: self.mono(factors),
                    coefficient: s.coefficient * t.coefficient,
                });
            }
        }
        self.collect(terms)
    }

    /// The polynomial of terms that a polynomial has.
    pub fn sum_of(&mut self, terms: Vec<Term>) -> PolyId {
        self.intern(terms)
    }

    /// Sums terms of equal monomials and drops those that cancel.
    pub(super) fn collect(&mut self, mut terms: Vec<Term>) -> Result<PolyId, Stop> {
        terms.sort_by_key(|t| t.mono);
        terms.dedup_by(|later, kept| {
            let same = later.mono == kept.mono;
            if same {
                kept.coefficient += later.coefficient;
            }
            same
        });
        terms.retain(|t| t.coefficient != 0.0);
        if terms.len() > MAX_TERMS {
            return Err(Stop::LongSum);
        }
        Ok(self.intern(terms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_expressions_have_equal_ids() {
        let mut a = Arena::new();
        let (x, y) = (a.symbol("x"), a.symbol("y"));
        let sum = a.add(x, y).unwrap();
        let left = a.mul(sum, sum).unwrap();
        let (xx, xy, yy) = (
            a.mul(x, x).unwrap(),
            a.mul(x, y).unwrap(),
            a.mul(y, y).unwrap(),
        );
        let twice = a.scale(xy, 2.0);
        let right = a.add(xx, yy).unwrap();
        let right = a.add(right, twice).unwrap();
        assert_eq!(left, right);
        assert_eq!(a.sub(left, right).unwrap(), PolyId::ZERO);
    }

    #[test]
    fn growth_is_bounded() {
        let mut a = Arena::new();
        let mut p = a.symbol("s0");
        for k in 1..MAX_TERMS {
            let s = a.symbol(&format!("s{k}"));
            p = a.add(p, s).unwrap();
        }
        let s = a.symbol("one too many");
        assert!(a.add(p, s).is_err());
        assert!(a.mul(p, p).is_err());
    }
}
