//! Angles that are positions times frequencies.
//!
//! *Matches.* Every pair of a proven rotation is turned by `amplitude · cos(angle)` and `amplitude · sin(angle)`, and one tensor
//! of the graph holds positions such that every angle is the sum over its coordinate streams of position times frequency. The
//! frequencies are a tensor of the graph, or numbers that the element type holds exactly.
//!
//! *Conditions.* The rotated tensor is computed from positions and frequencies, and the table that they give broadcasts against it
//! as the graph's own does. On the way to the angles, nothing but the product changes a position ([`path`]). Rounding is not modelled
//! here: `(p * c) * f` and `p * (c * f)` are one polynomial. [`crate::confirm`] shows that the graph computes the products in the
//! operator's order and type.
//!
//! *Rewrites to.* `ai.phasor::RotaryTable(positions, frequencies, target_type)`, one for all sites that share them.
//!
//! [`positions`] lists the tensors that may hold positions, [`frequencies`] divides the angles by them.

mod frequencies;
mod page;
mod path;
mod positions;
mod rounding;
mod table;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::Interpreter;
use crate::symbolic::poly::PolyId;

use super::Stage;
use super::kit::behind::{self, Behind};
use super::kit::miss::Miss;
use super::kit::order::Order;

pub(super) use page::PAGE;
pub use page::RULE;
pub(super) use positions::Positions;
pub(super) use rounding::exact_f32;
pub use table::{AngleTable, Frequencies, TableUse};

/// The angles of a rotation, one a pair of channels, and the factor of their cosines and sines.
pub(in crate::recognize) struct PairAngles {
    pub angles: Vec<PolyId>,
    pub amplitude: f32,
    /// Whether all sines are negated.
    pub negated: bool,
}

/// How a table of these positions broadcasts against the encoded tensor: the axes to insert.
pub(in crate::recognize) type Placing<'p> =
    dyn Fn(&mut Interpreter<'_>, &Positions) -> Option<Vec<usize>> + 'p;

/// The tables found so far.
#[derive(Default)]
pub(in crate::recognize) struct AngleTables {
    pub tables: Vec<AngleTable>,
    /// Near misses: positions that would do if nothing changed them on their way.
    pub misses: Vec<Miss>,
    /// For each table, what an equal one must agree in.
    keys: Vec<Key>,
}

/// What tells tables apart, beside their types and amplitude.
struct Key {
    value: ValueId,
    positions: Positions,
    rows: Vec<Vec<PolyId>>,
    frequencies: Option<ValueId>,
}

impl AngleTables {
    /// The table that a site's angles come from, if they are positions times frequencies.
    pub(in crate::recognize) fn find(
        &mut self,
        it: &mut Interpreter<'_>,
        order: &Order,
        turned: &PairAngles,
        placing: &Placing<'_>,
        (y, behind): (ValueId, &Behind),
        inverse: bool,
    ) -> Option<TableUse> {
        let mut cone = behind.values().to_vec();
        let changed = path::changed(it, &cone);
        cone.retain(|value| !changed.contains(value) && !behind.cancels(*value));
        // `float` first; `double` only if the graph computes something in it.
        let doubles = |id: &ValueId| it.known(*id).is_some_and(|v| v.dtype == DataType::F64);
        let precisions = match cone.iter().any(doubles) {
            true => &[DataType::F32, DataType::F64][..],
            false => &[DataType::F32],
        };
        for &precision in precisions {
            // The earliest positions that fit: from there, the graph itself is run for confirmation.
            for &value in &cone {
                let found = reading(it, (turned, placing), (value, &cone), precision);
                if let Some((table, key, unsqueeze)) = found {
                    let name = |id: ValueId| it.index().name(id).to_owned();
                    let frequencies = key.frequencies.map(name);
                    return Some(TableUse {
                        table: self.share(it, order, (table, key), y),
                        unsqueeze,
                        inverse: inverse != turned.negated,
                        positions: name(value),
                        frequencies,
                    });
                }
            }
        }
        // Report positions that would do if nothing changed them on their way.
        let all = behind.values();
        let mut before = all.iter().filter(|value| changed.contains(value));
        let near = before
            .find(|&&value| reading(it, (turned, placing), (value, all), DataType::F32).is_some());
        if let Some(&value) = near.filter(|value| !self.misses.iter().any(|m| m.value == **value)) {
            let reason = "the angles are positions times frequencies, but the graph computes them in another order or type: \
                          it casts, rounds or looks up these positions first, so it keeps its own tables";
            self.misses
                .push(Miss::new(RULE, Stage::Proof, value, reason));
        }
        None
    }

    /// The number of an equal table that exists before `y`, or else of this one, which is added.
    ///
    /// Equal polynomials are not enough, since positions may have been rounded differently. Tables are equal if their tensors are
    /// the same or computed alike (by the same operators from equal values, so bit by bit), or if their numbers are exact.
    fn share(
        &mut self,
        it: &Interpreter<'_>,
        order: &Order,
        (table, key): (AngleTable, Key),
        y: ValueId,
    ) -> usize {
        let exact = |key: &Key| !key.positions.rows.caveats.rounded;
        let alike = |a: Option<ValueId>, b: Option<ValueId>| match (a, b) {
            (Some(a), Some(b)) => it.are_alike(a, b),
            (a, b) => a == b,
        };
        let constant = |id: Option<ValueId>| id.is_some_and(|id| it.file.constant(id).is_some());
        let equal = |known: &AngleTable, k: &Key| {
            known.dtype == table.dtype
                && known.amplitude == table.amplitude
                && k.rows == key.rows
                && k.positions == key.positions
                && (it.are_alike(k.value, key.value) || exact(k) && exact(&key))
                && (alike(k.frequencies, key.frequencies)
                    || constant(k.frequencies) && constant(key.frequencies))
                && order.is_before(k.value, y)
                && k.frequencies.is_none_or(|f| order.is_before(f, y))
        };
        let known = (0..self.keys.len()).find(|&at| equal(&self.tables[at], &self.keys[at]));
        known.unwrap_or_else(|| {
            self.tables.push(table);
            self.keys.push(key);
            self.tables.len() - 1
        })
    }
}

/// The table whose positions are this value, its key, and the axes to insert; `None` if the angles are no multiples of these
/// positions.
fn reading(
    it: &mut Interpreter<'_>,
    (turned, placing): (&PairAngles, &Placing<'_>),
    (value, cone): (ValueId, &[ValueId]),
    precision: DataType,
) -> Option<(AngleTable, Key, Vec<usize>)> {
    for positions in positions::readings(it, value) {
        let Some(rows) = frequencies::divide(&mut it.arena, &turned.angles, &positions) else {
            continue;
        };
        let Some(unsqueeze) = placing(it, &positions) else {
            continue;
        };
        let Some(found) = frequencies::exact(it, cone, &rows, precision) else {
            continue;
        };
        let table = AngleTable {
            positions: it.index().name(value).to_owned(),
            positions_dtype: positions.rows.dtype,
            axis: positions.axis,
            frequencies: found.frequencies,
            dtype: found.dtype,
            width: turned.angles.len(),
            amplitude: turned.amplitude,
            precise: false,
        };
        let key = Key {
            value,
            positions,
            rows,
            frequencies: found.value,
        };
        return Some((table, key, unsqueeze));
    }
    None
}

#[cfg(test)]
mod tests;
