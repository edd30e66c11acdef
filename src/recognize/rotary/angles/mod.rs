//! Angles that are positions times frequencies.
//!
//! *Matches.* Every pair of a proven rotation is turned by `amplitude · cos(angle)` and `amplitude · sin(angle)`, and one tensor
//! of the graph holds positions such that every angle is the sum over its coordinate streams of position times frequency. The
//! frequencies are a tensor of the graph, or numbers that the element type holds exactly.
//!
//! *Conditions.* The rotated tensor is computed from positions and frequencies, and the tables that they give broadcast against it
//! as the graph's own do. On the way to the angles nothing but the product changes a position ([`path`]). Rounding is not modelled
//! here: that the graph computes the products in this order and type is for [`crate::confirm`] to show.
//!
//! *Rewrites to.* `ai.phasor::RotaryTable(positions, frequencies)`, one for all sites that share them.
//!
//! [`positions`] lists the tensors that may hold positions, [`frequencies`] divides the angles by them.

mod frequencies;
mod path;
mod positions;

use smallvec::SmallVec;

use crate::onnx::{DataType, ValueId};
use crate::recognize::{AngleTable, Stage, TABLE_RULE, TableUse};
use crate::symbolic::Interpreter;
use crate::symbolic::broadcast::unstretched;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, AtomId, PolyId};
use crate::symbolic::value::Value;

use super::behind::{self, Behind};
use super::miss::Miss;
use super::order::Order;
use super::readoff::Rotation;
use super::tables;
use positions::Positions;

/// The tables found so far, with what tells them apart.
#[derive(Default)]
pub(super) struct Angles {
    pub tables: Vec<AngleTable>,
    /// Tables that positions of the graph come near.
    pub misses: Vec<Miss>,
    keys: Vec<Key>,
}

struct Key {
    value: ValueId,
    positions: Positions,
    rows: Vec<Vec<PolyId>>,
    frequencies: Option<ValueId>,
}

impl Angles {
    /// The table that a site's angles come from, if they are positions times frequencies.
    pub(super) fn of(
        &mut self,
        it: &mut Interpreter<'_>,
        order: &Order,
        rotation: &Rotation,
        (x, y): (&Value, ValueId),
        behind: &Behind,
        inverse: bool,
    ) -> Option<TableUse> {
        let turned = turned(&mut it.arena, rotation)?;
        let mut cone = behind.values().to_vec();
        let changed = path::changed(it, &cone);
        cone.retain(|value| !changed.contains(value) && !behind.cancels(*value));
        let doubles = |id: &ValueId| it.known(*id).is_some_and(|v| v.dtype == DataType::F64);
        let precisions = match cone.iter().any(doubles) {
            true => &[DataType::F32, DataType::F64][..],
            false => &[DataType::F32],
        };
        for &precision in precisions {
            for &value in &cone {
                let found = reading(it, (&turned, rotation), (value, &cone), (x, y), precision);
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
        // Positions that would do, were they not changed on their way.
        let all = behind.values();
        let mut before = all.iter().filter(|value| changed.contains(value));
        let near = before.find(|&&value| {
            reading(it, (&turned, rotation), (value, all), (x, y), DataType::F32).is_some()
        });
        if let Some(&value) = near.filter(|value| !self.misses.iter().any(|m| m.value == **value)) {
            let reason = "the angles are positions times frequencies, but the graph computes them in another order or type: \
                          it casts, rounds or looks up these positions first, so the graph's own tables stay";
            self.misses
                .push(Miss::new(Stage::Proof, value, reason).of_rule(TABLE_RULE));
        }
        None
    }

    /// The number of an equal table that exists before `y`, or of this one, which is new then. Equal are tables of the same tensors,
    /// of tensors that are computed alike, and of exact numbers that are equal.
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

/// The table whose positions are this value, what tells it apart, and the axes to insert, if it is one.
fn reading(
    it: &mut Interpreter<'_>,
    (turned, rotation): (&Turned, &Rotation),
    (value, cone): (ValueId, &[ValueId]),
    (x, y): (&Value, ValueId),
    precision: DataType,
) -> Option<(AngleTable, Key, Vec<usize>)> {
    let target = it.known(y)?.clone();
    for positions in positions::of(it, value) {
        let Some(rows) = frequencies::divide(&mut it.arena, &turned.angles, &positions) else {
            continue;
        };
        let Some(unsqueeze) = placed(it, &positions, rotation, (x, &target)) else {
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

/// The angles of the pairs.
struct Turned {
    angles: Vec<PolyId>,
    amplitude: f32,
    /// Whether all sines are negated.
    negated: bool,
}

/// Reads the angles off the coefficients: one a pair, the same at every enumerated position before the channels, with one
/// amplitude that is exact in f32. They are those of the tables before they are broadcast.
fn turned(arena: &mut Arena, rotation: &Rotation) -> Option<Turned> {
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
    Some(Turned {
        angles,
        amplitude: exact_f32(amplitude)?,
        negated,
    })
}

/// `coefficient · function(argument)` taken apart.
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

/// Relative error of arithmetic in f64 on numbers that were exact.
const ROUNDING: f64 = 1e-13;

/// The f32 that a number is, up to the rounding of f64.
fn exact_f32(number: f64) -> Option<f32> {
    let single = number as f32;
    near(f64::from(single), number).then_some(single)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs()
}

/// The axes to insert so that the table of these positions broadcasts against the rotated tensor, which has the sizes that `x`
/// and the table broadcast to.
fn placed(
    it: &mut Interpreter<'_>,
    positions: &Positions,
    rotation: &Rotation,
    (x, y): (&Value, &Value),
) -> Option<Vec<usize>> {
    let first = rotation.pairs.first()?;
    let width = it.arena.integer((rotation.width / 2) as i64);
    let mut table = positions.rows.clone();
    table.dtype = DataType::F32;
    table.shape.push(width);
    table.enumerated.push(true);
    let cosines = first.iter();
    let cosines = cosines.map(|pair| unstretched(&mut it.arena, pair.first.0));
    table.data = cosines.collect::<Result<_, _>>().ok()?;
    // Frequencies that depend on other tensors are the same at every position.
    for root in table.live_roots(&it.arena) {
        if table.axes_of(root).is_none() {
            table.alignment.push((root, SmallVec::new()));
        }
    }
    let fit = tables::placement(&mut it.arena, &table, y, rotation)?;
    let whole = tables::has_sizes_of(&mut it.arena, y, &x.shape, &[&fit.rows]);
    whole.then_some(fit.unsqueeze)
}
