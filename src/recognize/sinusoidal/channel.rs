//! Reads one channel: a sine or a cosine of an angle times a factor, or zero. And an angle: a product of a position and a
//! frequency.
//!
//! Elements are read as the graph rounds them ([`crate::symbolic::element`]), so that a channel that reads alike is computed by
//! the operator in the same steps: it rounds the position, the product, the sine, and the sine times the factor.

use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::symbolic::Operation;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, PolyId};

/// Which function a channel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wave {
    Sin,
    Cos,
}

impl Wave {
    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Wave::Sin => "sine",
            Wave::Cos => "cosine",
        }
    }
}

/// One channel of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Channel {
    /// The number 0.
    Zero,
    /// `factor * wave(angle)`.
    Turned {
        wave: Wave,
        angle: PolyId,
        factor: f64,
    },
}

/// How an angle is read as a product.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Product {
    /// The position.
    pub position: PolyId,
    /// The frequency, a number of the angle's type or an element of a tensor.
    pub frequency: PolyId,
    /// Whether the graph divides by the reciprocal of the frequency, which rounds some angles differently.
    pub divided: bool,
}

/// An operation of this type, with its operands, and the sign before it.
fn operation(arena: &Arena, p: PolyId, dtype: DataType) -> Option<(Operation, Vec<PolyId>, f64)> {
    let terms = arena.terms(p);
    let [term] = terms[..] else { return None };
    let [atom] = arena.factors(term.mono)[..] else {
        return None;
    };
    match arena.atom_of(atom) {
        Atom::Apply {
            function: Function::Typed(operation, of),
            args,
        } if *of == dtype && term.coefficient.abs() == 1.0 => {
            Some((*operation, args.to_vec(), term.coefficient))
        }
        _ => None,
    }
}

/// A channel of this type.
pub(super) fn channel(arena: &Arena, p: PolyId, dtype: DataType) -> Option<Channel> {
    if p == PolyId::ZERO {
        return Some(Channel::Zero);
    }
    let (operation, args, sign) = operation(arena, p, dtype)?;
    match (operation, &args[..]) {
        (Operation::Sin | Operation::Cos, &[angle]) => Some(Channel::Turned {
            wave: match operation {
                Operation::Sin => Wave::Sin,
                _ => Wave::Cos,
            },
            angle,
            factor: sign,
        }),
        (Operation::Mul, &[a, b]) => {
            let (number, of) = match (arena.as_constant(a), arena.as_constant(b)) {
                (Some(number), None) => (number, b),
                (None, Some(number)) => (number, a),
                _ => return None,
            };
            match channel(arena, of, dtype)? {
                // A second factor would be rounded in another place.
                Channel::Turned {
                    wave,
                    angle,
                    factor,
                } if factor.abs() == 1.0 => Some(Channel::Turned {
                    wave,
                    angle,
                    factor: sign * number * factor,
                }),
                _ => None,
            }
        }
        (Operation::Add, &[a, b]) => {
            let (a, b) = (channel(arena, a, dtype)?, channel(arena, b, dtype)?);
            unmasked(a, b)
                .or_else(|| unmasked(b, a))
                .map(|sum| match sum {
                    Channel::Turned {
                        wave,
                        angle,
                        factor,
                    } => Channel::Turned {
                        wave,
                        angle,
                        factor: sign * factor,
                    },
                    Channel::Zero => Channel::Zero,
                })
        }
        _ => None,
    }
}

/// `a + b` where `b` is 0 times a function of the same angle: both are NaN for the same angles.
fn unmasked(a: Channel, b: Channel) -> Option<Channel> {
    match (a, b) {
        (
            Channel::Turned { angle: kept, .. },
            Channel::Turned {
                angle, factor: 0.0, ..
            },
        ) if kept == angle => Some(a),
        _ => None,
    }
}

/// The ways to read an angle of this type as a product.
pub(super) fn products(
    arena: &mut Arena,
    angle: PolyId,
    dtype: DataType,
) -> SmallVec<[Product; 3]> {
    let mut all = SmallVec::new();
    let mut add = |position, frequency, divided| {
        all.push(Product {
            position,
            frequency,
            divided,
        });
    };
    match operation(arena, angle, dtype) {
        Some((Operation::Mul, args, sign)) => {
            if let [a, b] = args[..] {
                for (position, frequency) in [(a, b), (b, a)] {
                    if arena.as_constant(position).is_none() {
                        add(position, arena.scale(frequency, sign), false);
                    }
                }
            }
        }
        Some((Operation::Div, args, sign)) => {
            if let [position, by] = args[..]
                && let Some(by) = arena.as_constant(by)
                && let Some(inverse) = Operation::Reciprocal.eval(dtype, &[sign * by])
                && inverse.is_normal()
            {
                let exact = by.abs().log2().fract() == 0.0;
                let inverse = arena.constant(inverse);
                add(position, inverse, !exact);
            }
        }
        _ => {
            // A whole number of positions, which the type holds: a multiple of the greatest number that divides all of it.
            let lead = arena
                .terms(angle)
                .iter()
                .map(|t| t.coefficient)
                .reduce(common);
            if let Some(lead) = lead.filter(|lead| lead.fract() == 0.0 && *lead > 1.0) {
                let position = arena.scale(angle, 1.0 / lead);
                if arena.scale(position, lead) == angle {
                    let lead = arena.constant(lead);
                    add(position, lead, false);
                }
            }
        }
    }
    if arena.as_constant(angle).is_none() {
        add(angle, PolyId::ONE, false);
    }
    all
}

/// What an angle of this type is but for a phase: a number that is added to it.
pub(super) fn without_phase(arena: &Arena, angle: PolyId, dtype: DataType) -> Option<PolyId> {
    let (operation, args, _) = operation(arena, angle, dtype)?;
    match (operation, &args[..]) {
        (Operation::Add | Operation::Sub, &[a, b]) => {
            let is_number = |p| arena.as_constant(p).is_some();
            match (is_number(a), is_number(b)) {
                (false, true) => Some(a),
                (true, false) => Some(b),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The greatest common divisor of whole numbers; NaN of others.
fn common(a: f64, b: f64) -> f64 {
    match (a.abs(), b.abs()) {
        (a, b) if a.fract() != 0.0 || b.fract() != 0.0 => f64::NAN,
        (a, 0.0) => a,
        (a, b) => common(b, a % b),
    }
}
