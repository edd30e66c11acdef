//! Elements as intervals: which numbers an expression can be while its only unknown runs through an interval.
//!
//! Rounding and every function here are monotone piece by piece, so that the ends of an interval bound what lies between. Where nothing
//! is known the interval is everything.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::function::Function;
use crate::symbolic::operation::Operation;
use crate::symbolic::poly::{Arena, Atom, PolyId};
use crate::symbolic::range::Range;

use super::evaluate::{evaluated, operands, parts};

/// The numbers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Whether ONNX leaves open what every one of them is: each comes from a float that was cast to an integer that cannot hold it.
    pub undefined: bool,
}

impl Interval {
    const ALL: Interval = Interval::new(f64::NEG_INFINITY, f64::INFINITY);
    const TRUTH: Interval = Interval::new(0.0, 1.0);
    const UNDEFINED: Interval = Interval {
        undefined: true,
        ..Interval::ALL
    };

    /// The numbers from `low` to `high`.
    pub const fn new(low: f64, high: f64) -> Interval {
        Interval {
            low,
            high,
            undefined: false,
        }
    }

    /// The only number in it.
    pub fn point(self) -> Option<f64> {
        (self.low == self.high && self.low.is_finite()).then_some(self.low)
    }

    fn of(number: f64) -> Interval {
        Interval::new(number, number)
    }

    fn plus(self, other: Interval) -> Interval {
        Interval::new(self.low + other.low, self.high + other.high).checked()
    }

    fn union(self, other: Interval) -> Interval {
        Interval::new(self.low.min(other.low), self.high.max(other.high))
    }

    /// Everything, if an end is no number.
    fn checked(self) -> Interval {
        match self.low.is_nan() || self.high.is_nan() {
            true => Interval::ALL,
            false => self,
        }
    }

    /// The hull of a function at all corners; right where the function is monotone in every argument.
    fn corners(args: &[Interval], f: &dyn Fn(&[f64]) -> f64) -> Interval {
        let mut hull: Option<Interval> = None;
        for corner in 0..1usize << args.len() {
            let ends = args.iter().enumerate();
            let ends: SmallVec<[f64; 3]> = ends
                .map(|(k, arg)| {
                    if corner >> k & 1 == 0 {
                        arg.low
                    } else {
                        arg.high
                    }
                })
                .collect();
            let number = f(&ends);
            if number.is_nan() {
                return Interval::ALL;
            }
            let number = Interval::of(number);
            hull = Some(hull.map_or(number, |hull| hull.union(number)));
        }
        hull.unwrap_or(Interval::ALL)
    }

    /// Whether all these numbers are true, or none.
    fn decided(self) -> Option<bool> {
        match (self.low, self.high) {
            (0.0, 0.0) => Some(false),
            (low, high) if low > 0.0 || high < 0.0 => Some(true),
            _ => None,
        }
    }
}

/// The numbers that `p` can be, where `atom` says what its coordinates, sizes and accesses can be; `None` where one is unknown.
pub fn interval(
    arena: &Arena,
    p: PolyId,
    atom: &dyn Fn(&Atom) -> Option<Interval>,
) -> Option<Interval> {
    let mut known: FxHashMap<PolyId, Interval> = FxHashMap::default();
    for part in parts(arena, p)? {
        let (mut sum, mut undefined) = (Interval::of(0.0), false);
        for term in arena.terms(part).iter() {
            let mut product = Interval::of(term.coefficient);
            for factor in arena.factors(term.mono) {
                let args = operands(arena, factor);
                let args: SmallVec<[Interval; 4]> = args.iter().map(|arg| known[arg]).collect();
                let factor = match arena.atom_of(factor) {
                    Atom::Integer(value) => Interval::of(*value as f64),
                    Atom::Apply { function, .. } => applied(*function, &args),
                    other => atom(other)?,
                };
                undefined |= factor.undefined;
                product = Interval::corners(&[product, factor], &|x| x[0] * x[1]);
            }
            sum = sum.plus(product);
        }
        let sum = if undefined { Interval::UNDEFINED } else { sum };
        known.insert(part, sum);
    }
    known.get(&p).copied()
}

fn applied(function: Function, args: &[Interval]) -> Interval {
    let at_corners = || Interval::corners(args, &|ends| evaluated(function, ends));
    let points = args.iter().all(|arg| arg.point().is_some());
    match (function, args) {
        (Function::Where, &[condition, yes, no]) if !condition.undefined => {
            match condition.decided() {
                Some(true) => yes,
                Some(false) => no,
                None if yes.undefined && no.undefined => Interval::UNDEFINED,
                None => yes.union(no),
            }
        }
        _ if args.iter().any(|arg| arg.undefined) => Interval::UNDEFINED,
        (Function::Typed(Operation::Cast, dtype), &[a])
            if dtype.is_integer() && lies_beyond(a, dtype) =>
        {
            Interval::UNDEFINED
        }
        _ if points => at_corners(),
        (Function::Typed(operation, _), _) if is_monotone(operation, args) => at_corners(),
        (
            Function::Floor
            | Function::Ceil
            | Function::Round
            | Function::Trunc
            | Function::Sign
            | Function::Max
            | Function::Min,
            _,
        ) => Interval::corners(args, &|ends| monotone(function, ends)),
        (Function::Abs, &[a]) => match a.low <= 0.0 && a.high >= 0.0 {
            true => Interval::new(0.0, a.high.max(-a.low)),
            false => at_corners(),
        },
        (Function::Less, &[a, b]) => compared(a.high < b.low, a.low >= b.high),
        (Function::LessOrEqual, &[a, b]) => compared(a.high <= b.low, a.low > b.high),
        (Function::Equal, &[a, b]) => compared(false, a.high < b.low || b.high < a.low),
        (Function::Not, &[a]) => compared(a.decided() == Some(false), a.decided() == Some(true)),
        (Function::IsTrue, &[a]) => compared(a.decided() == Some(true), a.decided() == Some(false)),
        (Function::And, &[a, b]) => compared(
            a.decided() == Some(true) && b.decided() == Some(true),
            a.decided() == Some(false) || b.decided() == Some(false),
        ),
        (Function::Or, &[a, b]) => compared(
            a.decided() == Some(true) || b.decided() == Some(true),
            a.decided() == Some(false) && b.decided() == Some(false),
        ),
        (Function::IntegerDiv, &[_, b]) if b.low >= 1.0 => at_corners(),
        (Function::Wrapped, &[index, size]) => match (index.low >= 0.0, index.high < 0.0) {
            (true, _) => index,
            (_, true) => index.plus(size),
            _ => index.union(index.plus(size)),
        },
        _ => Interval::ALL,
    }
}

/// A monotone function, of infinities too.
fn monotone(function: Function, args: &[f64]) -> f64 {
    match (function, args) {
        (Function::Max, &[a, b]) => a.max(b),
        (Function::Min, &[a, b]) => a.min(b),
        (Function::Sign, &[a]) => f64::from(u8::from(a > 0.0)) - f64::from(u8::from(a < 0.0)),
        (_, &[a]) if a.is_infinite() => a,
        (function, args) => evaluated(function, args),
    }
}

/// Whether no number of an interval fits an integer type.
fn lies_beyond(a: Interval, dtype: DataType) -> bool {
    let range = Range::of_type(dtype);
    a.low > range.high || a.high < range.low
}

fn compared(always: bool, never: bool) -> Interval {
    match (always, never) {
        (true, _) => Interval::of(1.0),
        (_, true) => Interval::of(0.0),
        _ => Interval::TRUTH,
    }
}

/// Whether an operation is monotone in each argument over these numbers.
fn is_monotone(operation: Operation, args: &[Interval]) -> bool {
    let positive = |arg: Option<&Interval>| arg.is_some_and(|arg| arg.low > 0.0);
    let one_sign = |arg: Option<&Interval>| arg.is_some_and(|arg| arg.low > 0.0 || arg.high < 0.0);
    match operation {
        Operation::Add | Operation::Sub | Operation::Mul | Operation::Cast | Operation::Exp => true,
        Operation::Sqrt | Operation::Log => positive(args.first()),
        Operation::Div => one_sign(args.get(1)),
        Operation::Reciprocal => one_sign(args.first()),
        Operation::Pow | Operation::Sin | Operation::Cos => false,
    }
}
