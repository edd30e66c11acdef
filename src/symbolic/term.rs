//! The terms of polynomials.

use super::ids::MonoId;

/// One term: coefficient times monomial.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The monomial.
    pub mono: MonoId,
    /// Its coefficient, never zero.
    pub coefficient: f64,
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.mono == other.mono && self.coefficient.to_bits() == other.coefficient.to_bits()
    }
}
impl Eq for Term {}
impl std::hash::Hash for Term {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.mono.hash(state);
        // The hasher's buckets come from low bits, which are zero in most coefficients.
        let bits = self.coefficient.to_bits();
        (bits ^ (bits >> 32)).hash(state);
    }
}

/// The terms of a polynomial, in a fixed order.
pub enum Terms<'a> {
    /// `1 · atom`.
    One([Term; 1]),
    /// An interned polynomial.
    Many(&'a [Term]),
}

impl std::ops::Deref for Terms<'_> {
    type Target = [Term];
    fn deref(&self) -> &[Term] {
        match self {
            Terms::One(term) => term,
            Terms::Many(terms) => terms,
        }
    }
}
