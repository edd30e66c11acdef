//! Says why a group of tensors gave no site.
//!
//! Of all attempts, the report explains the one from the earliest tensor without cosines to the widest tensor of the group.
//! [`flaw`] names the channel that does not fit; a coefficient that the analysis lost track of is followed back to the node where
//! that happened. A channel with a constant coefficient in its sum (`x + x*cos`) is modulated and is no near miss.

use crate::onnx::ValueId;
use crate::recognize::{Lost, Stage};
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, PolyId};
use crate::symbolic::root::{RootId, RootKind};
use crate::symbolic::{Interpreter, Stop, display};

use super::RULE;
use super::groups::Group;
use super::range::Row;
use super::readoff::{self, Rotation};
use super::{Factors, Material, Source, attempt, flaw, joined, proof};
use crate::recognize::kit::formula::Letters;
use crate::recognize::kit::lost;
use crate::recognize::kit::miss::Miss;

/// What a group lacks; `None` if it is no near miss, because it has no cosines and sines and its channels form no pairs.
pub(super) fn group(
    it: &mut Interpreter<'_>,
    group: &Group,
    material: &Material<'_, '_>,
) -> Option<Miss> {
    if it.arena.root_of(group.root).channels < 2 {
        // A factor, which some other group's channels are multiplied with.
        return None;
    }
    let mut values = group.values.clone();
    // Of the parts of a tensor and the whole, the whole.
    let sums = |y: &ValueId| {
        it.known(*y)
            .map_or(0, |value| joined::rotated(it, value, group.root))
    };
    values.sort_by_cached_key(|y| std::cmp::Reverse(sums(y)));
    for y in values {
        if let Some(x) = before(it, group.root, y, material) {
            let (Some(xv), Some(yv)) = (it.known(x).cloned(), it.known(y).cloned()) else {
                continue;
            };
            let source = Source {
                id: x,
                value: xv,
                steps: Vec::new(),
            };
            let Err(miss) = attempt(it, group, &source, (y, &yv), material, Factors::InTables)
            else {
                continue;
            };
            let is_part = miss.stage == Stage::Pairs
                && readoff::rows(it, &source.value, &yv, group.root).is_err();
            if is_part && group.trigonometric {
                return joined::find(it, group, material)
                    .or_else(|| refined(it, group, (x, y), miss));
            }
            return refined(it, group, (x, y), miss);
        }
    }
    let y = *group.values.first()?;
    group
        .trigonometric
        .then(|| without_source(it, group.root, y, material))
}

/// The earliest tensor of `y`'s layout that holds the channels of the root and has no cosines as factors.
fn before(
    it: &Interpreter<'_>,
    root: RootId,
    y: ValueId,
    material: &Material<'_, '_>,
) -> Option<ValueId> {
    let yv = it.known(y)?;
    let serves = |x: &ValueId| {
        material.context.order.is_before(*x, y)
            && it.known(*x).is_some_and(|xv| {
                readoff::same_layout(xv, yv, root)
                    && xv
                        .data
                        .first()
                        .is_some_and(|&p| !trigonometric(&it.arena, p))
                    && readoff::channels_of(&it.arena, xv, root).is_some()
            })
    };
    material.sources.holding(root).iter().copied().find(serves)
}

fn trigonometric(arena: &Arena, p: PolyId) -> bool {
    let is = |f: &Function| matches!(f, Function::Cos | Function::Sin | Function::Table(_));
    arena.terms(p).iter().any(|term| {
        arena.factors(term.mono).iter().any(
            |&factor| matches!(arena.atom_of(factor), Atom::Apply { function, .. } if is(function)),
        )
    })
}

fn without_source(
    it: &Interpreter<'_>,
    root: RootId,
    y: ValueId,
    material: &Material<'_, '_>,
) -> Miss {
    let shape = |id: ValueId| {
        it.known(id)
            .map_or_else(String::new, |v| display::shape(&it.arena, &v.shape))
    };
    let whole = |x: &&ValueId| {
        material.context.order.is_before(**x, y)
            && it
                .known(**x)
                .and_then(|v| v.data.first())
                .is_some_and(|&p| !trigonometric(&it.arena, p))
    };
    let reason = match material.sources.holding(root).iter().find(whole) {
        Some(&x) => format!(
            "no tensor of its layout, {}, holds the channels before the rotation; they come from `{}` of shape {}",
            shape(y),
            it.index().name(x),
            shape(x),
        ),
        None => "no tensor of the graph holds the channels before the rotation".to_owned(),
    };
    Miss::new(RULE, Stage::Pairs, y, reason)
}

/// The miss, naming the first channels that fail.
fn refined(
    it: &mut Interpreter<'_>,
    group: &Group,
    (x, y): (ValueId, ValueId),
    mut miss: Miss,
) -> Option<Miss> {
    let (xv, yv) = (it.known(x)?.clone(), it.known(y)?.clone());
    if miss.stage == Stage::Proof {
        let rotations = readoff::read(it, &xv, &yv, group.root);
        if let Some(rotation) = rotations.iter().flatten().next() {
            unproven(it, rotation, &mut miss);
        }
        return Some(miss);
    }
    let rows = readoff::rows(it, &xv, &yv, group.root).ok();
    let modulated =
        |row: &Row| row.len() == 2 && row.iter().any(|(_, c)| it.arena.as_constant(*c).is_some());
    if miss.stage == Stage::Pairs && rows.iter().flatten().flatten().any(modulated) {
        return None;
    }
    let found = rows.iter().flatten().find_map(|rows| flaw::find(it, rows));
    let paired = found.as_ref().is_some_and(|found| found.paired);
    if let Some(found) = found {
        // No tables were found because the coefficients belong to no angle, so that is the reason to give.
        if found.paired && miss.stage == Stage::Tables {
            miss.stage = Stage::Proof;
        }
        miss.reason = found.reason;
        miss.hint = found.hint.map(str::to_owned);
    } else if miss.stage == Stage::Tables {
        scaled(it, rows.iter().flatten(), &mut miss);
    }
    (paired || !matches!(miss.stage, Stage::Angles | Stage::Pairs) || group.trigonometric)
        .then_some(miss)
}

/// Says that products are scaled, where no tensor holds cosines and sines because of that.
fn scaled<'r>(it: &mut Interpreter<'_>, rows: impl Iterator<Item = &'r Vec<Row>>, miss: &mut Miss) {
    let rotated = |(_, row): &(usize, &Row)| row.len() == 2;
    let Some((channel, row)) = rows.flat_map(|rows| rows.iter().enumerate()).find(rotated) else {
        return;
    };
    let mut letters = Letters::default();
    let formula = letters.row(&it.arena, row);
    let is_scaled = row.iter().any(|(_, p)| {
        let terms = it.arena.terms(*p);
        terms.iter().any(|term| term.coefficient.abs() != 1.0)
    });
    if !letters.has_others() && !is_scaled {
        return;
    }
    let notes = letters.all_notes(it);
    miss.reason = format!(
        "channel {channel} is `{formula}`{notes}: no tensor holds the cosines and sines with that factor in a form that broadcasts against \
         the rotated one"
    );
    miss.hint = Some(
        "scale the tensor before its rotation or after it, and not the products with cosines and sines"
            .to_owned(),
    );
}

/// Adds the formula of the first channel that is not proven, and the node where its coefficients became unknown.
fn unproven(it: &mut Interpreter<'_>, rotation: &Rotation, miss: &mut Miss) {
    let half = (rotation.width / 2).max(1);
    for (k, pair) in rotation.pairs.iter().flatten().enumerate() {
        let (a, b) = readoff::members(rotation.input, k % half, rotation.width);
        let (ya, yb) = readoff::members(rotation.output, k % half, rotation.width);
        let channels = [
            (ya, (a, b), pair.first, -1.0),
            (yb, (b, a), pair.second, 1.0),
        ];
        for (channel, (own, other), (cos, sin), sign) in channels {
            let fails = match pair.is_lopsided() {
                true => sin == PolyId::ZERO,
                false => proof::channel(it, (cos, sin)).is_err(),
            };
            if !fails {
                continue;
            }
            let mut letters = Letters::default();
            let cross = it.arena.scale(sin, sign);
            let row = [
                (rotation.offset + own, cos),
                (rotation.offset + other, cross),
            ];
            let row = match pair.is_lopsided() {
                true => &row[..1],
                false => &row[..],
            };
            let formula = letters.row(&it.arena, row);
            let notes = letters.notes(it);
            let reason = if cos == sin && trigonometric(&it.arena, cos) {
                "the same function stands for cosine and for sine"
            } else {
                &miss.reason
            };
            let channel = rotation.offset + channel;
            miss.reason = format!("{reason}: channel {channel} is `{formula}`{notes}");
            miss.lost = [(cos, sin), (sin, cos)]
                .into_iter()
                .find_map(|(p, other)| origin(it, p, other))
                .map(Box::new);
            if let Some(lost) = &miss.lost {
                miss.hint = Some(lost::hint(lost).to_owned());
            }
            return;
        }
    }
}

/// The node at which a coefficient became unknown: the one that the analysis did not follow. What the `other` coefficient contains too,
/// such as the factor of a norm, does not keep the two from being a cosine and a sine; nor does a sum of channels.
fn origin(it: &Interpreter<'_>, coefficient: PolyId, other: PolyId) -> Option<Lost> {
    let others = it.arena.roots_of(other);
    let own = it.arena.roots_of(coefficient);
    let mut own = own.iter().filter(|root| !others.contains(root));
    let found = own.find_map(|&root| {
        let mut root = root;
        while let RootKind::Derived(base, _) = &it.arena.root_of(root).kind {
            root = *base;
        }
        match it.arena.root_of(root).kind {
            RootKind::Fresh(value, _) if it.arena.root_of(root).is_activation() => {
                lost::at(it, ValueId(value))
            }
            _ => None,
        }
    });
    found.filter(|lost| lost.reason != Stop::UnrelatedSum)
}

#[cfg(test)]
mod tests;
