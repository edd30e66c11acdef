//! Divides angles by positions, and finds the quotients: as a tensor of the graph, or as numbers.
//!
//! The node must multiply by the very numbers that the graph multiplies by. A tensor of the graph is best, whatever its numbers.
//! Numbers that the analysis computed itself, such as a frequency times a scale, serve only if the type holds them exactly: a
//! quotient rounded once more gives other angles.

use crate::onnx::{DataType, ValueId};
use crate::symbolic::Interpreter;
use crate::symbolic::poly::{Arena, Atom, PolyId, Term};

use super::positions::Positions;
use super::rounding::{exact_f32, near};
use super::table::Frequencies;

/// For each coordinate stream, the factor of its positions in every angle; `None` unless the products add up to the angles. So a
/// summand without positions, such as a phase, ends the reading.
pub(super) fn divide(
    arena: &mut Arena,
    angles: &[PolyId],
    positions: &Positions,
) -> Option<Vec<Vec<PolyId>>> {
    let leads: Vec<Term> = positions
        .streams
        .iter()
        .map(|&p| lead(arena, p))
        .collect::<Option<_>>()?;
    let mut rows = vec![Vec::with_capacity(angles.len()); leads.len()];
    for &angle in angles {
        let mut sum = PolyId::ZERO;
        for (stream, lead) in leads.iter().enumerate() {
            let frequency = quotient(arena, angle, lead)?;
            let product = arena.mul(frequency, positions.streams[stream]).ok()?;
            sum = arena.add(sum, product).ok()?;
            rows[stream].push(frequency);
        }
        if !equal(arena, sum, angle) {
            return None;
        }
    }
    // A stream that no angle uses is no coordinate. As many streams as angles are the angles themselves, each times 1.
    let used = |row: &Vec<PolyId>| row.iter().any(|&f| f != PolyId::ZERO);
    let fewer = rows.len() == 1 || rows.len() < angles.len();
    (fewer && rows.iter().all(used)).then_some(rows)
}

/// The term of the positions that divides a term of an angle: one with a channel of a root, if any, else one that varies.
fn lead(arena: &Arena, p: PolyId) -> Option<Term> {
    let has_channel = |t: &Term| {
        let factors = arena.factors(t.mono);
        factors
            .iter()
            .any(|&f| matches!(arena.atom_of(f), Atom::Channel { .. }))
    };
    let terms = arena.terms(p);
    let varies = |t: &&Term| !arena.factors(t.mono).is_empty();
    let found = terms.iter().find(|t| has_channel(t));
    found.or_else(|| terms.iter().find(varies)).copied()
}

/// The terms of `p` that `by` divides, divided by it.
fn quotient(arena: &mut Arena, p: PolyId, by: &Term) -> Option<PolyId> {
    let cut = arena.factors(by.mono);
    let terms = arena.terms(p).to_vec();
    let mut sum = PolyId::ZERO;
    'terms: for term in terms {
        let mut factors = arena.factors(term.mono);
        for atom in &cut {
            let Some(at) = factors.iter().position(|f| f == atom) else {
                continue 'terms;
            };
            factors.remove(at);
        }
        let mut product = arena.constant(term.coefficient / by.coefficient);
        for atom in factors {
            product = arena.mul(product, PolyId::of_atom(atom)).ok()?;
        }
        sum = arena.add(sum, product).ok()?;
    }
    Some(sum)
}

/// Whether two polynomials agree up to the rounding of their coefficients.
fn equal(arena: &Arena, a: PolyId, b: PolyId) -> bool {
    let (left, right) = (arena.terms(a), arena.terms(b));
    a == b
        || left.len() == right.len()
            && left
                .iter()
                .zip(right.iter())
                .all(|(l, r)| l.mono == r.mono && near(l.coefficient, r.coefficient))
}

/// Frequencies exactly as the graph has them.
pub(super) struct Exact {
    pub frequencies: Frequencies,
    /// The tensor of the graph that holds them, if one is read.
    pub value: Option<ValueId>,
    pub dtype: DataType,
}

/// The tensor of the graph that holds the frequencies, or their numbers if all are exact in this precision.
pub(super) fn exact(
    it: &mut Interpreter<'_>,
    cone: &[ValueId],
    rows: &[Vec<PolyId>],
    precision: DataType,
) -> Option<Exact> {
    if let [row] = rows
        && let Some(found) = held(it, cone, row)
    {
        return Some(found);
    }
    let number = |&p: &PolyId| {
        let number = it.arena.as_constant(p)?;
        match precision {
            DataType::F64 => Some(number),
            _ => exact_f32(number).map(f64::from),
        }
    };
    let numbers: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| row.iter().map(number).collect::<Option<_>>())
        .collect::<Option<_>>()?;
    Some(Exact {
        frequencies: Frequencies::Numbers(numbers),
        value: None,
        dtype: precision,
    })
}

/// The tensor of the graph that holds these frequencies along its only axis longer than 1, if possible one without other axes.
fn held(it: &mut Interpreter<'_>, cone: &[ValueId], row: &[PolyId]) -> Option<Exact> {
    let holds = |&id: &ValueId| {
        let value = it.known(id)?;
        let extents = value.extents(&it.arena);
        let plain = (0..value.rank()).all(|axis| {
            value.enumerated[axis] && { value.is_unit(axis) || extents[axis] == row.len() }
        });
        (matches!(value.dtype, DataType::F32 | DataType::F64)
            && plain
            && value.data.len() == row.len()
            && value.rank() > 0
            && row
                .iter()
                .zip(value.data.iter())
                .all(|(&a, &b)| equal(&it.arena, a, b)))
        .then(|| (id, value.rank(), value.dtype))
    };
    let all: Vec<(ValueId, usize, DataType)> = cone.iter().filter_map(holds).collect();
    let (id, rank, dtype) = *all.iter().min_by_key(|(_, rank, _)| (*rank > 1) as u8)?;
    if rank > 1
        && let Some(tensor) = it.tensor(id)
    {
        return Some(Exact {
            frequencies: Frequencies::Numbers(vec![tensor.to_f64()?]),
            value: None,
            dtype,
        });
    }
    Some(Exact {
        frequencies: Frequencies::Value {
            name: it.index().name(id).to_owned(),
            flatten: rank > 1,
        },
        value: Some(id),
        dtype,
    })
}

#[cfg(test)]
mod tests;
