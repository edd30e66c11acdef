//! Proves that the coefficients of the pairs are a rotation.
//!
//! Coefficients are polynomials in atoms such as `cos(angle)` or `T[row]`, so two expressions for one angle are the same
//! polynomial, however the graph spells it. A channel passes if its two coefficients are
//!
//! * cosine and sine of one angle, with the same factors in front (class `rotation`);
//! * two numbers, or entries of two constant tables at one row, with `c² + s²` the same in all rows (class `rotation`);
//! * entries of tables that nothing is known of, or without such a norm: the operator's formula holds for any table (class
//!   `linear`).
//!
//! Anything else is refused, although the formula would hold: cosine and sine of one channel must belong to one angle.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::recognize::{AngleSource, Proof};
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, MonoId, PolyId, Term};
use crate::symbolic::table::{TableId, Tables};

use super::readoff::{Pair, Rotation, shared_factors};

/// Allowed relative deviation of `sqrt(c² + s²)` between the rows of a table. Tables are rounded, at worst to bfloat16 (2⁻⁸ an
/// entry).
const NORM_TOLERANCE: f64 = 2e-2;

/// Allowed deviation from a whole number of half turns, in half turns: models write the quarter turn in `f32`.
const TURN_TOLERANCE: f64 = 1e-7;

/// What is proven.
pub(super) struct Proven {
    /// The class.
    pub proof: Proof,
    /// Where the angles come from.
    pub origin: AngleSource,
    /// Common factor of cos and sin; 1 where pairs differ in it. Only reports use it.
    pub amplitude: f64,
    /// Whether a table begins with half a turn.
    pub opens_turned: bool,
}

/// Proves every pair. The class of the weakest pair is that of the whole.
///
/// # Errors
/// Why the coefficients of some pair are refused.
pub(super) fn prove(it: &Interpreter<'_>, rotation: &Rotation) -> Result<Proven, &'static str> {
    let mut proven: Option<Proven> = None;
    let mut previous: Option<Pair> = None;
    let mut stills: Vec<f64> = Vec::new();
    for pair in rotation.pairs.iter().flatten() {
        // Equal neighbours need one proof.
        if previous == Some(*pair) {
            continue;
        }
        previous = Some(*pair);
        if let Some(cos) = still(&it.arena, pair) {
            stills.push(cos);
            continue;
        }
        let next = pair_proof(&it.arena, &it.tables, pair)?;
        proven = Some(match proven {
            None => next,
            Some(v) if v.proof == Proof::Linear => v.before(&next),
            Some(v)
                if next.proof == Proof::Linear
                    || (v.amplitude - next.amplitude).abs() <= 1e-6 * v.amplitude.abs() =>
            {
                Proven {
                    proof: next.proof,
                    origin: next.origin,
                    ..v.before(&next)
                }
            }
            // Pairs of different lengths are still turned.
            Some(v) => Proven {
                amplitude: 1.0,
                ..v.before(&next)
            },
        });
    }
    let mut proven = proven.ok_or("no pair is rotated")?;
    if stills.iter().any(|&cos| cos != proven.amplitude) {
        proven.amplitude = 1.0;
    }
    proven.checked()
}

/// The cosine of a pair that is turned by angle 0.
fn still(arena: &Arena, pair: &Pair) -> Option<f64> {
    let cos = arena.as_constant(pair.first.0)?;
    (pair.is_even() && pair.first.1 == PolyId::ZERO && cos > 0.0).then_some(cos)
}

impl Proven {
    /// Of this pair and one after it. Where position 0 should be, the angles of all pairs are 0: half a turn in all of them is a negated
    /// cosine, in some of them it is what a position that is not 0 makes of their frequencies.
    fn before(self, next: &Proven) -> Proven {
        Proven {
            opens_turned: self.opens_turned && next.opens_turned,
            ..self
        }
    }

    fn checked(self) -> Result<Proven, &'static str> {
        match self.opens_turned {
            true => Err("the cosine is negated"),
            false => Ok(self),
        }
    }
}

/// A pair is turned if both of its channels have the same coefficients. With an angle a channel, as where the angles of the half
/// layout stand on neighbouring channels, the formula holds and nothing is turned.
fn pair_proof(arena: &Arena, tables: &Tables, pair: &Pair) -> Result<Proven, &'static str> {
    if pair.is_lopsided() {
        return Err("one channel of a pair has a sine and the other has none");
    }
    let first = channel_proof(arena, tables, pair.first)?;
    if pair.is_even() {
        return Ok(first);
    }
    channel_proof(arena, tables, pair.second)?;
    Ok(Proven {
        proof: Proof::Linear,
        ..first
    })
}

/// Proves one channel of a pair.
pub(super) fn channel(
    it: &Interpreter<'_>,
    coefficients: (PolyId, PolyId),
) -> Result<Proven, &'static str> {
    channel_proof(&it.arena, &it.tables, coefficients)?.checked()
}

fn channel_proof(
    arena: &Arena,
    tables: &Tables,
    (cos, sin): (PolyId, PolyId),
) -> Result<Proven, &'static str> {
    // Any two numbers are an amplitude times cosine and sine of some angle.
    if let (Some(c), Some(s)) = (arena.as_constant(cos), arena.as_constant(sin)) {
        let amplitude = c.hypot(s);
        return Ok(Proven {
            proof: Proof::Rotation,
            origin: AngleSource::Table,
            amplitude,
            opens_turned: false,
        });
    }
    let (c_terms, s_terms) = (arena.terms(cos), arena.terms(sin));
    let ([c], [s]) = (&*c_terms, &*s_terms) else {
        return Err("a coefficient is a sum where a cosine or a sine is expected");
    };
    // A factor of both, such as a norm's weight, is part of the amplitude. What it leaves must be one atom each: `cos(a)·f` and
    // `sin(a)·g` do not turn by `a`.
    let (_, [c_factors, s_factors]) = shared_factors(arena, [c.mono, s.mono]);
    if let ([cos], [sin]) = (&c_factors[..], &s_factors[..])
        && let (Some(cos), Some(sin)) = (
            arena.grid_of(arena.atom_of(*cos)),
            arena.grid_of(arena.atom_of(*sin)),
        )
    {
        let numbers = tables.grid(cos).iter().zip(tables.grid(sin));
        let norms = numbers.map(|(cos, sin)| (c.coefficient * cos).hypot(s.coefficient * sin));
        return Ok(by_norms(norms));
    }
    let entries = |factors: &[AtomId]| entries(arena, tables, factors);
    if let (Some(cos), Some(sin)) = (entries(&c_factors), entries(&s_factors))
        && cos.is_some() != sin.is_some()
    {
        return beside_a_number(tables, (cos, c.coefficient), (sin, s.coefficient));
    }
    let ([c_atom], [s_atom]) = (&c_factors[..], &s_factors[..]) else {
        return Err("cosine and sine do not share their other factors");
    };
    let same_size = (c.coefficient.abs() - s.coefficient.abs()).abs() <= 1e-9 * c.coefficient.abs();
    match (arena.atom_of(*c_atom), arena.atom_of(*s_atom)) {
        (
            Atom::Apply {
                function: f,
                args: a,
            },
            Atom::Apply {
                function: g,
                args: b,
            },
        ) => {
            if let (Some(a), Some(b)) = (as_cosine(*f, a), as_cosine(*g, b)) {
                let plain = (*f, *g) == (Function::Cos, Function::Sin);
                return computed(arena, plain, (a, c.coefficient), (b, s.coefficient));
            }
            let functions = (*f, a[..] == b[..], *g);
            read(tables, functions, c.coefficient, s.coefficient)
        }
        (Atom::Channel { .. }, Atom::Channel { .. }) if same_size => Ok(Proven {
            proof: Proof::Linear,
            origin: AngleSource::Given,
            amplitude: 1.0,
            opens_turned: false,
        }),
        _ => Err("cosine and sine are not of one kind"),
    }
}

/// An angle as an expression and a number of radians added to it.
type Angle = (PolyId, f64);

/// The angle whose cosine this is: `sin(a)` is the cosine of `a - π/2`.
fn as_cosine(function: Function, args: &[PolyId]) -> Option<Angle> {
    match (function, args) {
        (Function::Cos, [angle]) => Some((*angle, 0.0)),
        (Function::Sin, [angle]) => Some((*angle, -FRAC_PI_2)),
        _ => None,
    }
}

/// Cosine and sine of one angle. Graphs may spell either as the other a quarter turn away, `cos(a)` as `sin(a + π/2)`; `plain`
/// says that this one does not. `cos` and `sin` are both given as angles whose cosine is taken.
fn computed(
    arena: &Arena,
    plain: bool,
    (cos, c): (Angle, f64),
    (sin, s): (Angle, f64),
) -> Result<Proven, &'static str> {
    // cos(a) and sin(a) are cos(a) and cos(a - π/2): the second angle must be a quarter turn behind the first, up to half turns.
    // The expressions must be equal but for a number, so `cos(a)` and `sin(1.5·a)` do not pass.
    let apart = constant_difference(arena, cos.0, sin.0)
        .map(|constant| (constant + cos.1 - sin.1 - FRAC_PI_2) / PI);
    let turns = apart.filter(|turns| (turns - turns.round()).abs() <= TURN_TOLERANCE);
    let Some(turns) = turns else {
        return Err(match plain {
            true => "cosine and sine are of different angles",
            false => "the coefficients of a pair are not cosine and sine of one angle",
        });
    };
    if (c.abs() - s.abs()).abs() > 1e-9 * c.abs() {
        return Err("cosine and sine are scaled differently");
    }
    // An odd number of half turns negates the cosine. The sign of the sine is free: it is that of the angle.
    let c = if turns.round() % 2.0 == 0.0 { c } else { -c };
    if c < 0.0 {
        return Err(match plain {
            true => "the cosine is negated",
            false => "sine and cosine are exchanged, or one of them has the wrong sign",
        });
    }
    Ok(Proven {
        proof: Proof::Rotation,
        origin: AngleSource::Computed,
        amplitude: c,
        opens_turned: false,
    })
}

/// `a - b` where that is a number: both have the same terms but for the constant one.
fn constant_difference(arena: &Arena, a: PolyId, b: PolyId) -> Option<f64> {
    let terms = |p| {
        let terms = arena.terms(p);
        let varying = terms.iter().filter(|term| term.mono != MonoId::ONE);
        varying.copied().collect::<Vec<Term>>()
    };
    (terms(a) == terms(b)).then(|| arena.constant_term(a) - arena.constant_term(b))
}

/// Coefficients that are read from tables or chosen by a condition.
fn read(
    tables: &Tables,
    (f, same_argument, g): (Function, bool, Function),
    c: f64,
    s: f64,
) -> Result<Proven, &'static str> {
    match (f, g) {
        (Function::Table(cos), Function::Table(sin)) if same_argument => {
            table_rotation(tables, cos, sin, c, s)
        }
        (Function::Table(_), Function::Table(_)) => {
            Err("cosine and sine are read from different rows")
        }
        // Either choice is some number, and the formula holds for any.
        (Function::Where, Function::Where) => Ok(Proven {
            proof: Proof::Linear,
            origin: AngleSource::Given,
            amplitude: 1.0,
            opens_turned: false,
        }),
        _ => Err("the coefficients of a pair are not cosine and sine of one angle"),
    }
}

/// Pairs of numbers by their norms. They are cosines and sines if all norms are equal: then each pair is that norm times cosine and sine
/// of some angle. Else they are learned: the formula holds, but no angle exists.
fn by_norms(norms: impl Iterator<Item = f64>) -> Proven {
    let mut norms = norms.peekable();
    let norm = norms.peek().copied().unwrap_or(0.0);
    let near = |other: f64| (other - norm).abs() <= NORM_TOLERANCE * norm;
    let turns = norms.all(near) && norm > 0.0;
    let (proof, amplitude) = match turns {
        true => (Proof::Rotation, norm),
        false => (Proof::Linear, 1.0),
    };
    Proven {
        proof,
        origin: AngleSource::Table,
        amplitude,
        opens_turned: false,
    }
}

/// The table that these factors are an entry of; `Some(None)` for no factors, which are the number 1.
fn entries(arena: &Arena, tables: &Tables, factors: &[AtomId]) -> Option<Option<TableId>> {
    let [atom] = factors else {
        return factors.is_empty().then_some(None);
    };
    match arena.atom_of(*atom) {
        Atom::Apply {
            function: Function::Table(table),
            ..
        } if tables.rows(*table) > 0 => Some(Some(*table)),
        _ => None,
    }
}

/// A column of a table beside a number: angles whose cosines, or sines, are rounded to one number.
fn beside_a_number(
    tables: &Tables,
    (cos, c): (Option<TableId>, f64),
    (sin, s): (Option<TableId>, f64),
) -> Result<Proven, &'static str> {
    let entry = |table: Option<TableId>, row| table.map_or(1.0, |table| tables.get(table, row));
    let rows = cos.or(sin).map_or(1, |table| tables.rows(table));
    let norms = (0..rows).map(|row| (c * entry(cos, row)).hypot(s * entry(sin, row)));
    let proven = by_norms(norms);
    match proven.proof {
        Proof::Rotation => Ok(proven),
        _ => Err("cosine and sine do not share their other factors"),
    }
}

/// Two columns of tables, read at one row.
fn table_rotation(
    tables: &Tables,
    cos: TableId,
    sin: TableId,
    c: f64,
    s: f64,
) -> Result<Proven, &'static str> {
    let rows = tables.rows(cos);
    if rows != tables.rows(sin) {
        return Err("the tables of cosine and sine differ in length");
    }
    let at = |row: usize| (c * tables.get(cos, row), s * tables.get(sin, row));
    let norm = |(c, s): (f64, f64)| c.hypot(s);
    let proven = by_norms((0..rows).map(|row| norm(at(row))));
    let (c0, s0) = at(0);
    let opens_turned = s0.abs() <= NORM_TOLERANCE * norm(at(0)) && c0 < 0.0;
    Ok(Proven {
        opens_turned: opens_turned && proven.proof == Proof::Rotation,
        ..proven
    })
}

#[cfg(test)]
mod tests;
