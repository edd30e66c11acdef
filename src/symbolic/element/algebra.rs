//! Arithmetic on elements: polynomials where the numbers are exact integers, functions of a type everywhere else.
//!
//! A float that was rounded is no polynomial of what it was computed from, and neither is an integer that may have wrapped. So a
//! sum, difference or product is a polynomial only where all numbers are integers that the type holds. Equal elements are then equal
//! bit by bit, not only over the reals.

use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::operation::Operation;
use crate::symbolic::poly::{Arena, Atom, PolyId};
use crate::symbolic::range::{EXACT, Range};
use crate::symbolic::sets::SetId;

/// Arithmetic on elements that exist at some coordinates.
pub struct Algebra<'a> {
    /// All expressions.
    pub arena: &'a mut Arena,
    /// Coordinates that exist: no size of theirs is 0.
    pub(super) exists: SetId,
}

impl<'a> Algebra<'a> {
    /// Arithmetic on elements of a tensor with these coordinates.
    pub fn at(arena: &'a mut Arena, coordinates: &[PolyId]) -> Algebra<'a> {
        let exists = arena.coordinates_in(coordinates);
        Algebra { arena, exists }
    }

    /// Whether a number of this type computed as `p` is `p`.
    pub(super) fn holds(&self, p: PolyId, dtype: DataType) -> bool {
        match dtype.is_float() {
            true => self.arena.is_exact(p, dtype),
            false => dtype.is_integer() && self.arena.fits(p, dtype),
        }
    }

    /// An operation of a type.
    pub(super) fn typed(
        &mut self,
        operation: Operation,
        dtype: DataType,
        args: &[PolyId],
    ) -> PolyId {
        self.arena.apply(Function::Typed(operation, dtype), args)
    }

    /// `exact`, where the type holds it and the operands, which are the operands of the typed operation too.
    fn exact_or_typed(
        &mut self,
        exact: Option<PolyId>,
        operation: Operation,
        dtype: DataType,
        [a, b]: [PolyId; 2],
    ) -> PolyId {
        let whole = |this: &Self, p| !dtype.is_float() || this.arena.is_exact(p, dtype);
        if let Some(p) = exact
            && self.holds(p, dtype)
            && whole(self, a)
            && whole(self, b)
        {
            return p;
        }
        let commutes = matches!(operation, Operation::Add | Operation::Mul);
        match commutes && b < a {
            true => self.typed(operation, dtype, &[b, a]),
            false => self.typed(operation, dtype, &[a, b]),
        }
    }

    /// `a + b` in a type.
    pub fn add(&mut self, a: PolyId, b: PolyId, dtype: DataType) -> PolyId {
        let exact = self.arena.add(a, b).ok();
        self.exact_or_typed(exact, Operation::Add, dtype, [a, b])
    }

    /// `a - b` in a type.
    pub fn sub(&mut self, a: PolyId, b: PolyId, dtype: DataType) -> PolyId {
        let exact = self.arena.sub(a, b).ok();
        self.exact_or_typed(exact, Operation::Sub, dtype, [a, b])
    }

    /// `a · b` in a type.
    pub fn mul(&mut self, a: PolyId, b: PolyId, dtype: DataType) -> PolyId {
        for (factor, other) in [(a, b), (b, a)] {
            if factor == PolyId::ONE {
                return other;
            }
            if dtype.is_float() && self.arena.as_constant(factor) == Some(-1.0) {
                return self.arena.scale(other, -1.0);
            }
        }
        let exact = self.arena.mul(a, b).ok();
        self.exact_or_typed(exact, Operation::Mul, dtype, [a, b])
    }

    /// `a / b` in a type: rounded to zero for integers.
    pub fn div(&mut self, a: PolyId, b: PolyId, dtype: DataType) -> PolyId {
        if b == PolyId::ONE {
            return a;
        }
        if dtype.is_float() {
            return self.typed(Operation::Div, dtype, &[a, b]);
        }
        let range = self.arena.range(b);
        if range.low >= 1.0 && self.nonnegative(a) {
            return self.quotient(a, b);
        }
        self.arena.integer_quotient(a, b)
    }

    /// `-a` in a type.
    pub fn neg(&mut self, a: PolyId, dtype: DataType) -> PolyId {
        let negated = self.arena.scale(a, -1.0);
        match dtype.is_float() || self.holds(negated, dtype) {
            true => negated,
            false => self.typed(Operation::Sub, dtype, &[PolyId::ZERO, a]),
        }
    }

    /// A number of one type as one of another.
    pub fn cast(&mut self, a: PolyId, from: DataType, to: DataType) -> PolyId {
        if from == to {
            return a;
        }
        if to == DataType::Bool {
            return self.apply(Function::IsTrue, &[a]);
        }
        let wider = from.is_float() && to.is_float() && to.holds_floats_of(from);
        if wider || from == DataType::Bool || self.holds(a, to) && self.arena.range(a).whole {
            return a;
        }
        if to.is_integer()
            && from.is_integer()
            && let Some(wrapped) = self.wrapped(a, to)
        {
            return wrapped;
        }
        if to.is_integer() && from.is_float() {
            let whole = self.apply(Function::Trunc, &[a]);
            if self.holds(whole, to) {
                return whole;
            }
        }
        self.typed(Operation::Cast, to, &[a])
    }

    /// An integer in a shorter type, which keeps the last bits.
    fn wrapped(&mut self, a: PolyId, to: DataType) -> Option<PolyId> {
        let range = Range::of_type(to);
        if range.high >= EXACT {
            return None;
        }
        let count = self.arena.constant(range.high - range.low + 1.0);
        let low = self.arena.constant(range.low);
        let above = self.arena.sub(a, low).ok()?;
        let above = self.arena.apply(Function::Mod, &[above, count]);
        self.arena.add(above, low).ok()
    }

    /// A function whose result no type rounds, decided where the ranges of its arguments decide it.
    pub fn apply(&mut self, function: Function, args: &[PolyId]) -> PolyId {
        let whole = |this: &Self, p: PolyId| this.arena.range(p).whole;
        match (function, args) {
            (Function::Floor | Function::Ceil | Function::Round | Function::Trunc, &[a])
                if whole(self, a) =>
            {
                return a;
            }
            (Function::Not, &[a]) => {
                if let Some(Atom::Apply {
                    function: Function::Not,
                    args,
                }) = self.arena.as_atom(a).map(|atom| self.arena.atom_of(atom))
                    && let inner = args[0]
                    && self.is_truth(inner)
                {
                    return inner;
                }
            }
            (Function::IsTrue, &[a]) if self.is_truth(a) => return a,
            (Function::Abs, &[a]) if self.nonnegative(a) => return a,
            (Function::Where, &[condition, yes, no]) => {
                if yes == no {
                    return yes;
                }
                if let Some(known) = self.arena.as_constant(condition) {
                    return if known != 0.0 { yes } else { no };
                }
            }
            (Function::Less, &[a, b]) => {
                if let Some(known) = self.decided_less(a, b) {
                    return truth(known);
                }
            }
            (Function::LessOrEqual, &[a, b]) => {
                if let Some(known) = self.decided_less(b, a) {
                    return truth(!known);
                }
            }
            (Function::Equal, &[a, b]) => {
                if let Some(known) = self.decided_equal(a, b) {
                    return truth(known);
                }
            }
            (Function::And, &[a, b]) | (Function::Or, &[a, b]) => {
                let dominant = truth(function == Function::Or);
                let neutral = truth(function == Function::And);
                for (one, other) in [(a, b), (b, a)] {
                    if one == dominant {
                        return dominant;
                    }
                    if one == neutral && self.is_truth(other) {
                        return other;
                    }
                }
            }
            (Function::Max, &[a, b]) => return self.larger(a, b),
            (Function::Min, &[a, b]) => return self.smaller(a, b),
            _ => {}
        }
        let mut args: SmallVec<[PolyId; 3]> = args.into();
        if matches!(function, Function::Equal | Function::And | Function::Or) {
            args.sort_unstable();
        }
        self.arena.apply(function, &args)
    }

    /// A sum with the larger or the smaller of two numbers in place of both where that is decided.
    pub fn unclamped(&mut self, p: PolyId) -> PolyId {
        let mut sum = p;
        for term in self.arena.terms(p).to_vec() {
            for factor in self.arena.factors(term.mono) {
                let (function, args) = match self.arena.atom_of(factor) {
                    Atom::Apply { function, args }
                        if matches!(function, Function::Max | Function::Min) =>
                    {
                        (*function, args.clone())
                    }
                    _ => continue,
                };
                let args: SmallVec<[PolyId; 3]> =
                    args.iter().map(|&arg| self.unclamped(arg)).collect();
                let decided = self.apply(function, &args);
                if decided != PolyId::of_atom(factor)
                    && let Some(shorter) = self.with(sum, factor, decided)
                {
                    sum = shorter;
                }
            }
        }
        sum
    }

    fn is_truth(&self, p: PolyId) -> bool {
        self.arena.range(p).within(Range::TRUTH)
    }

    /// Whether `a < b` in all cases, or in none.
    fn decided_less(&mut self, a: PolyId, b: PolyId) -> Option<bool> {
        if !self.is_number(a) || !self.is_number(b) {
            return None;
        }
        let whole = self.arena.range(a).whole && self.arena.range(b).whole;
        let (up, down) = (self.arena.sub(b, a).ok()?, self.arena.sub(a, b).ok()?);
        if whole {
            let beyond = self.arena.sub(up, PolyId::ONE).ok()?;
            if self.nonnegative(beyond) {
                return Some(true);
            }
        }
        self.nonnegative(down).then_some(false)
    }

    fn decided_equal(&mut self, a: PolyId, b: PolyId) -> Option<bool> {
        if !self.is_number(a) || !self.is_number(b) {
            return None;
        }
        if a == b {
            return Some(true);
        }
        let less = self.decided_less(a, b) == Some(true);
        (less || self.decided_less(b, a) == Some(true)).then_some(false)
    }

    fn is_number(&self, p: PolyId) -> bool {
        !self.arena.range(p).nan
    }

    fn larger(&mut self, a: PolyId, b: PolyId) -> PolyId {
        match self.decided_less(a, b) {
            _ if a == b => a,
            Some(true) => b,
            Some(false) => a,
            None if self.decided_less(b, a) == Some(false) => b,
            None => self.arena.apply(Function::Max, &[a.min(b), a.max(b)]),
        }
    }

    fn smaller(&mut self, a: PolyId, b: PolyId) -> PolyId {
        match self.decided_less(a, b) {
            _ if a == b => a,
            Some(true) => a,
            Some(false) => b,
            None if self.decided_less(b, a) == Some(false) => a,
            None => self.arena.apply(Function::Min, &[a.min(b), a.max(b)]),
        }
    }
}

fn truth(is: bool) -> PolyId {
    if is { PolyId::ONE } else { PolyId::ZERO }
}
