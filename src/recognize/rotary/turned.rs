//! The angles of a rotation, for a `RotaryTable` node that computes its cosines and sines.

use smallvec::SmallVec;

use crate::onnx::DataType;
use crate::recognize::angles::{PairAngles, Positions, exact_f32};
use crate::recognize::kit::tables;
use crate::symbolic::Interpreter;
use crate::symbolic::broadcast::unstretched;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId};
use crate::symbolic::value::Value;

use super::readoff::{Rotation, wanted};

/// Reads the angles off the coefficients; `None` unless there is one a pair and one amplitude for all, which must be exact in
/// `f32`: that is the type of the operator's attribute.
///
/// Coefficients were broadcast to the rotated tensor. The angles are taken as they were before, since a node computes them in the
/// shape of the positions.
pub(super) fn pair_angles(arena: &mut Arena, rotation: &Rotation) -> Option<PairAngles> {
    // A table has one row of angles for a position, whatever the head.
    let (pairs, rest) = rotation.pairs.split_first()?;
    if rest.iter().any(|other| other != pairs) {
        return None;
    }
    let mut common: Option<(f64, bool)> = None;
    let mut still = Vec::new();
    let mut angles = Vec::with_capacity(pairs.len());
    for pair in pairs {
        if !pair.is_even() {
            return None;
        }
        let cos = unstretched(arena, pair.first.0).ok()?;
        let sin = unstretched(arena, pair.first.1).ok()?;
        // Frequency 0: the pair is not turned, and its cosine is the amplitude.
        if sin == PolyId::ZERO {
            still.push(arena.as_constant(cos)?);
            angles.push(PolyId::ZERO);
            continue;
        }
        let (c, angle) = applied(arena, cos, Function::Cos)?;
        let (s, same) = applied(arena, sin, Function::Sin)?;
        if angle != same || c != s.abs() {
            return None;
        }
        // One flag of the node negates all sines, so all pairs must agree.
        let this = (c, s < 0.0);
        if common.is_some_and(|common| common != this) {
            return None;
        }
        common = Some(this);
        angles.push(angle);
    }
    let (amplitude, negated) = common?;
    if still.iter().any(|&c| c != amplitude) {
        return None;
    }
    Some(PairAngles {
        angles,
        amplitude: exact_f32(amplitude)?,
        negated,
    })
}

/// The coefficient and the argument of `coefficient · function(argument)`.
fn applied(arena: &Arena, p: PolyId, function: Function) -> Option<(f64, PolyId)> {
    let terms = arena.terms(p);
    let [term] = &*terms else { return None };
    let factors: SmallVec<[AtomId; 4]> = arena.factors(term.mono);
    let [atom] = factors[..] else { return None };
    match arena.atom_of(atom) {
        Atom::Apply { function: f, args } if *f == function => match args[..] {
            [argument] => Some((term.coefficient, argument)),
            _ => None,
        },
        _ => None,
    }
}

/// The axes to insert so that the table of these positions broadcasts against the rotated tensor `y`. It must do so as a table of
/// the graph would ([`tables::fits`]), and `y` must have the sizes that `x` and this table broadcast to: the graph's own tables
/// may have had others.
pub(super) fn placement(
    it: &mut Interpreter<'_>,
    positions: &Positions,
    rotation: &Rotation,
    (x, y): (&Value, &Value),
) -> Option<Vec<usize>> {
    let first = rotation.pairs.first()?;
    // A node multiplies each position by each frequency: one that is infinite makes NaN of frequency 0.
    if positions.rows.dtype.is_float() && first.iter().any(|pair| pair.first.1 == PolyId::ZERO) {
        return None;
    }
    let width = it.arena.integer((rotation.width / 2) as i64);
    let mut table = positions.rows.clone();
    table.dtype = DataType::F32;
    table.shape.push(width);
    table.enumerated.push(true);
    let cosines = first.iter();
    let cosines = cosines.map(|pair| unstretched(&mut it.arena, pair.first.0));
    table.data = cosines.collect::<Result<_, _>>().ok()?;
    // Frequencies computed from other tensors lie along no axis of the positions: they are the same in every row.
    for root in table.live_roots(&it.arena) {
        if table.axes_of(root).is_none() {
            table.alignment.push((root, SmallVec::new()));
        }
    }
    let cosines = wanted(rotation, |c| c.0);
    let fit = tables::fits(&mut it.arena, &table, y, &cosines)?;
    let whole = tables::has_sizes_of(&mut it.arena, y, &x.shape, &[&fit.rows]);
    whole.then_some(fit.unsqueeze)
}

#[cfg(test)]
mod tests;
