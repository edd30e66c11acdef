//! Whether the coefficients of the pairs are a rotation.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::recognize::Proof;
use crate::symbolic::Interpreter;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, MonoId, PolyId, Term};
use crate::symbolic::table::{TableId, Tables};

use super::readoff::{Pair, Rotation};

/// Relative deviation of `c² + s²` over the rows of a table: tables are rounded, to bfloat16 at worst (2⁻⁸ a factor).
const NORM_TOLERANCE: f64 = 2e-2;

/// Deviation from whole half turns, in half turns: models write the quarter turn in `f32`.
const TURN_TOLERANCE: f64 = 1e-7;

/// Where cos and sin come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Trigonometric functions of an angle.
    Computed,
    /// Rows of constant tables.
    Table,
    /// Unknown.
    Given,
}

/// What is proven.
pub(super) struct Verdict {
    /// The class.
    pub proof: Proof,
    /// Where the angles come from.
    pub origin: Origin,
    /// Common factor of cos and sin, 1 where it is not constant.
    pub amplitude: f64,
}

/// Why the coefficients are refused.
pub(super) struct Doubt {
    /// The reason, in a sentence.
    pub reason: &'static str,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

fn doubt<T>(reason: &'static str, hint: Option<&'static str>) -> Result<T, Doubt> {
    Err(Doubt { reason, hint })
}

/// Proves every pair; the weakest proof counts.
pub(super) fn prove(it: &Interpreter<'_>, rotation: &Rotation) -> Result<Verdict, Doubt> {
    let mut verdict: Option<Verdict> = None;
    let mut previous: Option<Pair> = None;
    for pair in rotation.pairs.iter().flatten() {
        if previous == Some(*pair) {
            continue;
        }
        previous = Some(*pair);
        let next = pair_proof(&it.arena, &it.tables, pair)?;
        verdict = Some(match verdict {
            None => next,
            Some(v) if v.proof == Proof::Linear => v,
            Some(v)
                if next.proof == Proof::Linear
                    || (v.amplitude - next.amplitude).abs() <= 1e-6 * v.amplitude.abs() =>
            {
                Verdict {
                    proof: next.proof,
                    origin: next.origin,
                    amplitude: v.amplitude,
                }
            }
            Some(v) => Verdict {
                amplitude: 1.0,
                ..v
            },
        });
    }
    verdict.map_or_else(|| doubt("no pair is rotated", None), Ok)
}

/// One angle that turns both channels of a pair is a rotation; channels turned by an angle each obey the formula alone.
fn pair_proof(arena: &Arena, tables: &Tables, pair: &Pair) -> Result<Verdict, Doubt> {
    let first = channel_proof(arena, tables, pair.first)?;
    if pair.is_even() {
        return Ok(first);
    }
    channel_proof(arena, tables, pair.second)?;
    Ok(Verdict {
        proof: Proof::Linear,
        ..first
    })
}

/// Proves one channel of a pair.
pub(super) fn channel(
    it: &Interpreter<'_>,
    coefficients: (PolyId, PolyId),
) -> Result<Verdict, Doubt> {
    channel_proof(&it.arena, &it.tables, coefficients)
}

fn channel_proof(
    arena: &Arena,
    tables: &Tables,
    (cos, sin): (PolyId, PolyId),
) -> Result<Verdict, Doubt> {
    if let (Some(c), Some(s)) = (arena.as_constant(cos), arena.as_constant(sin)) {
        let amplitude = c.hypot(s);
        return Ok(Verdict {
            proof: Proof::Rotation,
            origin: Origin::Table,
            amplitude,
        });
    }
    let (c_terms, s_terms) = (arena.terms(cos), arena.terms(sin));
    let ([c], [s]) = (&*c_terms, &*s_terms) else {
        return doubt(
            "a coefficient is a sum where a cosine or a sine is expected",
            None,
        );
    };
    let (mut c_factors, mut s_factors) = (arena.factors(c.mono), arena.factors(s.mono));
    let mut k = 0;
    while k < c_factors.len() {
        match s_factors.iter().position(|f| *f == c_factors[k]) {
            Some(at) => {
                s_factors.remove(at);
                c_factors.remove(k);
            }
            None => k += 1,
        }
    }
    let ([c_atom], [s_atom]) = (&c_factors[..], &s_factors[..]) else {
        return doubt("cosine and sine do not share their other factors", None);
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
        (Atom::Channel { .. }, Atom::Channel { .. }) if same_size => Ok(Verdict {
            proof: Proof::Linear,
            origin: Origin::Given,
            amplitude: 1.0,
        }),
        _ => doubt("cosine and sine are not of one kind", None),
    }
}

/// An angle as an expression and what is to be added to it.
type Angle = (PolyId, f64);

/// The angle that a cosine or a sine is the cosine of.
fn as_cosine(function: Function, args: &[PolyId]) -> Option<Angle> {
    match (function, args) {
        (Function::Cos, [angle]) => Some((*angle, 0.0)),
        (Function::Sin, [angle]) => Some((*angle, -FRAC_PI_2)),
        _ => None,
    }
}

/// Cosine and sine of one angle, each of which may be spelled as the other a quarter turn away. `plain` says that they are not.
fn computed(
    arena: &Arena,
    plain: bool,
    (cos, c): (Angle, f64),
    (sin, s): (Angle, f64),
) -> Result<Verdict, Doubt> {
    // sin(b) = cos(b - π/2), so the angles agree where the second cosine is a quarter turn behind the first.
    let apart = constant_difference(arena, cos.0, sin.0)
        .map(|constant| (constant + cos.1 - sin.1 - FRAC_PI_2) / PI);
    let turns = apart.filter(|turns| (turns - turns.round()).abs() <= TURN_TOLERANCE);
    let Some(turns) = turns else {
        return match plain {
            true => doubt("cosine and sine are of different angles", None),
            false => doubt(
                "the coefficients of a pair are not cosine and sine of one angle",
                None,
            ),
        };
    };
    if (c.abs() - s.abs()).abs() > 1e-9 * c.abs() {
        return doubt("cosine and sine are scaled differently", None);
    }
    // Half a turn changes the sign.
    let c = if turns.round() % 2.0 == 0.0 { c } else { -c };
    if c < 0.0 {
        return doubt("the cosine is negated", None);
    }
    Ok(Verdict {
        proof: Proof::Rotation,
        origin: Origin::Computed,
        amplitude: c,
    })
}

/// `a - b` where that is a number.
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
) -> Result<Verdict, Doubt> {
    match (f, g) {
        (Function::Table(cos), Function::Table(sin)) if same_argument => {
            table_rotation(tables, cos, sin, c, s)
        }
        (Function::Table(_), Function::Table(_)) => {
            doubt("cosine and sine are read from different rows", None)
        }
        (Function::Where, Function::Where) => Ok(Verdict {
            proof: Proof::Linear,
            origin: Origin::Given,
            amplitude: 1.0,
        }),
        _ => doubt(
            "the coefficients of a pair are not cosine and sine of one angle",
            None,
        ),
    }
}

/// Rows of two columns with `c² + s²` constant that begin as a rotation does: near the positive cosine axis.
fn table_rotation(
    tables: &Tables,
    cos: TableId,
    sin: TableId,
    c: f64,
    s: f64,
) -> Result<Verdict, Doubt> {
    let rows = tables.rows(cos);
    if rows != tables.rows(sin) {
        return doubt("the tables of cosine and sine differ in length", None);
    }
    let at = |row: usize| (c * tables.get(cos, row), s * tables.get(sin, row));
    let (c0, s0) = at(0);
    let norm = c0.hypot(s0);
    let unequal = (0..rows).any(|row| {
        let (c, s) = at(row);
        (c.hypot(s) - norm).abs() > NORM_TOLERANCE * norm || !c.is_finite()
    });
    if unequal || norm == 0.0 {
        // Learned tables: the formula holds, the angle does not exist.
        return Ok(Verdict {
            proof: Proof::Linear,
            origin: Origin::Table,
            amplitude: 1.0,
        });
    }
    if s0.abs() <= NORM_TOLERANCE * norm && c0 < 0.0 {
        return doubt("the cosine is negated", None);
    }
    Ok(Verdict {
        proof: Proof::Rotation,
        origin: Origin::Table,
        amplitude: norm,
    })
}
