//! Expresses the channels of `y` in those of `x`: which pairs, with which coefficients, and which channels are unchanged.
//!
//! Both tensors are polynomials in the channels of one root. A channel of `x` may carry factors of its own (`0.125·w3·c3` after a
//! norm and a scale), so the coefficient of `x3` in a term of `y` is that term divided by `x3`. Nothing is solved: a term of `y`
//! that no channel of `x` divides ends the attempt.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::recognize::Pairing;
use crate::recognize::kit::tables::Wanted;
use crate::symbolic::Interpreter;
use crate::symbolic::poly::{Arena, Atom, AtomId, MonoId, PolyId, Term};
use crate::symbolic::root::RootId;
use crate::symbolic::value::Value;

use super::range::{Row, ranges};

/// `y` as a rotation of `x`.
#[derive(Clone)]
pub(super) struct Rotation {
    /// Pairs of the input channels.
    pub input: Pairing,
    /// Pairs of the output channels.
    pub output: Pairing,
    /// Number of rotated channels.
    pub width: usize,
    /// First rotated channel.
    pub offset: usize,
    /// Size of the last axis.
    pub channels: usize,
    /// For each enumerated position before the channel axis, the coefficients of every pair.
    pub pairs: Vec<Vec<Pair>>,
}

/// Coefficients of a pair of channels `a` and `b`: `y_a = x_a cos_a - x_b sin_a` and `y_b = x_b cos_b + x_a sin_b`. The minus
/// sign is part of the formula: in a reflection, whose cross terms have one sign, `sin_a` is `-sin_b`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// `cos_a` and `sin_a`.
    pub first: (PolyId, PolyId),
    /// `cos_b` and `sin_b`.
    pub second: (PolyId, PolyId),
}

impl Pair {
    /// Whether one angle turns both channels.
    pub(super) fn is_even(&self) -> bool {
        self.first == self.second
    }

    /// Whether one of the channels is made of both and the other is not.
    pub(super) fn is_lopsided(&self) -> bool {
        (self.first.1 == PolyId::ZERO) != (self.second.1 == PolyId::ZERO)
    }
}

impl Rotation {
    /// The rotation by the negated angle: every sine negated.
    pub(super) fn reversed(self, arena: &mut Arena) -> Rotation {
        let mut turn = |sin: &mut PolyId| *sin = arena.scale(*sin, -1.0);
        let mut pairs = self.pairs;
        for pair in pairs.iter_mut().flatten() {
            turn(&mut pair.first.1);
            turn(&mut pair.second.1);
        }
        Rotation { pairs, ..self }
    }
}

/// The cosines (or the sines) of a rotation as a table may hold them, one row for each enumerated position before the channels:
/// one a channel, in the order of the input's layout, or one a pair if both channels of each pair agree.
pub(super) fn wanted(rotation: &Rotation, part: fn((PolyId, PolyId)) -> PolyId) -> Wanted {
    let even = |pair: &Pair| part(pair.first) == part(pair.second);
    let half = |pairs: &Vec<Pair>| pairs.iter().map(|pair| part(pair.first)).collect();
    let full = |pairs: &Vec<Pair>| {
        let mut row = vec![PolyId::ZERO; rotation.width];
        for (k, pair) in pairs.iter().enumerate() {
            let (a, b) = members(rotation.input, k, rotation.width);
            (row[a], row[b]) = (part(pair.first), part(pair.second));
        }
        row
    };
    let all_even = rotation.pairs.iter().flatten().all(even);
    Wanted::new(
        all_even.then(|| rotation.pairs.iter().map(half).collect()),
        rotation.pairs.iter().map(full).collect(),
    )
}

/// Reads `y` as a rotation of `x`, in every way that its channels allow, the narrowest first.
///
/// # Errors
/// The condition that fails.
pub(super) fn read(
    it: &mut Interpreter<'_>,
    x: &Value,
    y: &Value,
    root: RootId,
) -> Result<Vec<Rotation>, &'static str> {
    let rows = rows(it, x, y, root)?;
    let arena = &mut it.arena;
    let channels = y.extents(arena).last().copied().unwrap_or(0);
    let mut found = Vec::new();
    // The node has one range for all rows.
    for (offset, width) in ranges(&rows)? {
        // `output` differs from `input` where a graph takes neighbours apart, rotates halves and leaves them apart.
        let layouts = [Pairing::Half, Pairing::Interleaved].into_iter();
        let layouts = layouts.flat_map(|input| [input, other(input)].map(|output| (input, output)));
        found.extend(layouts.into_iter().find_map(|(input, output)| {
            let of_row = |rows: &Vec<Row>| pairs(arena, rows, offset, width, input, output);
            let pairs: Option<Vec<_>> = rows.iter().map(of_row).collect();
            Some(Rotation {
                input,
                output,
                width,
                offset,
                channels,
                pairs: pairs?,
            })
        }));
    }
    match found.is_empty() {
        false => Ok(found),
        true => {
            Err("the channels are paired neither as in the half nor as in the interleaved layout")
        }
    }
}

/// The channels of `y`, for each enumerated position before the channel axis, in those of `x`.
pub(super) fn rows(
    it: &mut Interpreter<'_>,
    x: &Value,
    y: &Value,
    root: RootId,
) -> Result<Vec<Vec<Row>>, &'static str> {
    if !same_layout(x, y, root) {
        return Err("no tensor of the same layout holds the channels before the rotation");
    }
    let arena = &mut it.arena;
    let channels = y.extents(arena).last().copied().unwrap_or(0);
    if channels < 2 || !y.enumerated[y.rank() - 1] {
        return Err("the last axis does not hold the channels");
    }
    let origin = channels_of(arena, x, root)
        .ok_or("a channel before the rotation is not one channel of its root")?;
    let mut rows: Vec<Vec<Row>> = Vec::new();
    for (at, &p) in y.data.iter().enumerate() {
        if at % channels == 0 {
            rows.push(Vec::with_capacity(channels));
        }
        let row = row(arena, p, root, &origin, at / channels, channels)
            .ok_or("a channel is more than a sum of multiples of channels of one tensor")?;
        rows.last_mut().ok_or("no channels")?.push(row);
    }
    Ok(rows)
}

/// The other layout.
pub(super) fn other(pairing: Pairing) -> Pairing {
    match pairing {
        Pairing::Half => Pairing::Interleaved,
        Pairing::Interleaved => Pairing::Half,
    }
}

/// The channels of pair `k`, counted from the start of the rotated range.
pub(super) fn members(pairing: Pairing, k: usize, width: usize) -> (usize, usize) {
    match pairing {
        Pairing::Half => (k, k + width / 2),
        Pairing::Interleaved => (2 * k, 2 * k + 1),
    }
}

/// Whether the two tensors have the same rank, enumerated axes and sizes, with the root along the same axes. Sizes along the
/// root's axes are not compared here: [`crate::recognize::kit::tables::has_sizes_of`] does that.
pub(super) fn same_layout(x: &Value, y: &Value, root: RootId) -> bool {
    let (Some(along_x), Some(along_y)) = (x.axes_of(root), y.axes_of(root)) else {
        return false;
    };
    x.rank() == y.rank()
        && x.enumerated == y.enumerated
        && x.data.len() == y.data.len()
        && along_x == along_y
        && (0..x.rank())
            .all(|axis| x.shape[axis] == y.shape[axis] || along_x.contains(&(axis as u8)))
}

/// Where a channel of the root stands in `x`.
pub(super) struct SourceChannel {
    /// Its position along the enumerated axes before the last.
    lead: usize,
    /// Its position along the last axis.
    channel: usize,
    /// Factors and coefficient that it has in `x` already (a norm's weight, a scale).
    rest: SmallVec<[AtomId; 4]>,
    coefficient: f64,
}

/// Where each channel of the root stands in `x`; `None` unless every element of `x` is one channel, and no two are the same one:
/// a term of `y` must say which element of `x` it reads.
pub(super) fn channels_of(
    arena: &Arena,
    x: &Value,
    root: RootId,
) -> Option<FxHashMap<AtomId, SourceChannel>> {
    let channels = x.extents(arena).last().copied()?;
    let mut found = FxHashMap::default();
    for (at, &p) in x.data.iter().enumerate() {
        let terms = arena.terms(p);
        let [term] = &*terms else { return None };
        let (atom, rest) = split_root(arena, term.mono, root)?;
        let origin = SourceChannel {
            lead: at / channels,
            channel: at % channels,
            rest,
            coefficient: term.coefficient,
        };
        if found.insert(atom, origin).is_some() {
            return None;
        }
    }
    Some(found)
}

/// The one channel of `root` in a monomial, and the other factors.
fn split_root(
    arena: &Arena,
    mono: MonoId,
    root: RootId,
) -> Option<(AtomId, SmallVec<[AtomId; 4]>)> {
    let mut rest = arena.factors(mono);
    let is_channel =
        |f: &AtomId| matches!(arena.atom_of(*f), Atom::Channel { root: r, .. } if *r == root);
    let at = rest.iter().position(is_channel)?;
    let atom = rest.remove(at);
    if rest.iter().any(is_channel) {
        None
    } else {
        Some((atom, rest))
    }
}

/// One channel of `y`. A term that reads `x` at another position than `lead` ends the attempt: a rotation mixes channels of one
/// row.
fn row(
    arena: &mut Arena,
    p: PolyId,
    root: RootId,
    origin: &FxHashMap<AtomId, SourceChannel>,
    lead: usize,
    channels: usize,
) -> Option<Row> {
    let terms: SmallVec<[Term; 2]> = arena.terms(p).iter().copied().collect();
    let mut row = Row::new();
    for term in terms {
        let (atom, mut factors) = split_root(arena, term.mono, root)?;
        let source = origin
            .get(&atom)
            .filter(|o| o.lead == lead && o.channel < channels)?;
        // Dividing by the channel of `x` takes its own factors out of the term. One that the term lacks would be a division by a
        // value that may be 0.
        for factor in &source.rest {
            let at = factors.iter().position(|f| f == factor)?;
            factors.remove(at);
        }
        let coefficient = product(arena, term.coefficient / source.coefficient, &factors)?;
        row.push((source.channel, coefficient));
    }
    Some(row)
}

/// A number times these factors.
pub(super) fn product(arena: &mut Arena, number: f64, factors: &[AtomId]) -> Option<PolyId> {
    let mut product = arena.constant(number);
    for &factor in factors {
        product = arena.mul(product, PolyId::of_atom(factor)).ok()?;
    }
    Some(product)
}

/// The factors of a monomial.
pub(super) type Factors = SmallVec<[AtomId; 4]>;

/// The factors that two monomials share, and what these leave of each.
pub(super) fn shared_factors(arena: &Arena, monos: [MonoId; 2]) -> (Factors, [Factors; 2]) {
    let [mut a, mut b] = monos.map(|mono| arena.factors(mono));
    let mut shared = Factors::new();
    a.retain(|factor| match b.iter().position(|other| other == factor) {
        Some(at) => {
            shared.push(b.remove(at));
            false
        }
        None => true,
    });
    (shared, [a, b])
}

/// Coefficients of every pair; `None` if some channel is not made of the two that these layouts pair.
fn pairs(
    arena: &mut Arena,
    rows: &[Row],
    offset: usize,
    width: usize,
    input: Pairing,
    output: Pairing,
) -> Option<Vec<Pair>> {
    let coefficient = |j: usize, k: usize| {
        let mut terms = rows[offset + j].iter();
        terms.find(|(channel, _)| *channel == offset + k)
    };
    let mut list = Vec::with_capacity(width / 2);
    for k in 0..width / 2 {
        let ((a, b), (ya, yb)) = (members(input, k, width), members(output, k, width));
        let made_of = |j: usize, own: usize, partner: usize| {
            let (&(_, cos), sin) = (coefficient(j, own)?, coefficient(j, partner));
            // Turned by angle 0, it is the channel alone.
            let terms = if sin.is_some() { 2 } else { 1 };
            let sin = sin.map_or(PolyId::ZERO, |&(_, sin)| sin);
            (rows[offset + j].len() == terms).then_some((cos, sin))
        };
        let (first, second) = (made_of(ya, a, b)?, made_of(yb, b, a)?);
        list.push(Pair {
            first: (first.0, arena.scale(first.1, -1.0)),
            second,
        });
    }
    Some(list)
}

#[cfg(test)]
mod tests;
