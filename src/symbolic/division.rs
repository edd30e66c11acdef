//! Division of polynomials: sizes divide exactly more often than not.

use super::function::Function;
use super::poly::{Arena, Atom, PolyId, Term};
use super::range::EXACT;

impl Arena {
    /// `a / b` where the division is exact: equal polynomials, a constant divisor, or monomials that divide.
    pub fn div_exact(&mut self, a: PolyId, b: PolyId) -> Option<PolyId> {
        if a == b && b != PolyId::ZERO {
            return Some(PolyId::ONE);
        }
        let divisor = match &*self.terms(b) {
            [term] => *term,
            _ => return None,
        };
        let cut = self.factors(divisor.mono);
        let mut terms = Vec::new();
        for term in self.terms(a).to_vec() {
            let mut factors = self.factors(term.mono);
            for atom in &cut {
                let at = factors.iter().position(|f| f == atom)?;
                factors.remove(at);
            }
            terms.push(Term {
                mono: self.mono(factors),
                coefficient: term.coefficient / divisor.coefficient,
            });
        }
        self.collect(terms).ok()
    }

    /// `a / divisor`, every coefficient divided on its own: a factor of `1 / divisor` would round twice.
    fn divide(&mut self, a: PolyId, divisor: f64) -> PolyId {
        let terms = self.terms(a).to_vec();
        let divided = terms.into_iter().map(|term| Term {
            coefficient: term.coefficient / divisor,
            ..term
        });
        self.intern(divided.collect())
    }

    /// ONNX integer division: exact where it divides, else a function of its own.
    pub fn integer_quotient(&mut self, a: PolyId, b: PolyId) -> PolyId {
        if let (None, Some(divisor)) = (self.as_constant(a), self.as_integer(b))
            && divisor != 0
            && (divisor.unsigned_abs() as f64) < EXACT
            && self
                .terms(a)
                .iter()
                .all(|t| (t.coefficient / divisor as f64).fract() == 0.0)
        {
            return self.divide(a, divisor as f64);
        }
        if self.as_constant(b).is_none()
            && let Some(exact) = self.div_exact(a, b)
            && self
                .terms(exact)
                .iter()
                .all(|t| t.coefficient.fract() == 0.0)
        {
            return exact;
        }
        // Rounding to zero twice is rounding to zero once.
        if let Some(Atom::Apply {
            function: Function::IntegerDiv,
            args,
        }) = self.as_atom(a).map(|atom| self.atom_of(atom))
            && let (inner, Some(first), Some(second)) =
                (args[0], self.as_integer(args[1]), self.as_integer(b))
            && first > 0
            && second > 0
            && let Some(both) = first.checked_mul(second)
        {
            let both = self.integer(both);
            return self.integer_quotient(inner, both);
        }
        self.apply(Function::IntegerDiv, &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_division() {
        let mut a = Arena::new();
        let (x, y) = (a.symbol("x"), a.symbol("y"));
        let xy = a.mul(x, y).unwrap();
        let p = a.scale(xy, 64.0);
        let four_x = a.scale(x, 4.0);
        let sixteen_y = a.scale(y, 16.0);
        assert_eq!(a.div_exact(p, four_x), Some(sixteen_y));
        let [two, three, six] = [2, 3, 6].map(|n| a.integer(n));
        let half = a.integer_quotient(x, two);
        let sixth = a.integer_quotient(x, six);
        assert_eq!(a.integer_quotient(half, three), sixth);
        let z = a.symbol("z");
        assert_eq!(a.div_exact(p, z), None);
    }
}
