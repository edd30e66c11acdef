//! Parts of a rotation that are put together wrongly: a channel is left out, comes twice, or is no channel at all.
//!
//! The two halves of a rotation are tensors of their own before they are joined, and are no rotation of what they are cut from. What
//! is wrong shows only in the tensor that holds both.

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::recognize::Stage;
use crate::recognize::kit::flow::{self, Effect};
use crate::recognize::kit::lost;
use crate::recognize::kit::miss::Miss;
use crate::symbolic::poly::{Atom, AtomId, PolyId};
use crate::symbolic::root::RootId;
use crate::symbolic::value::Value;
use crate::symbolic::{Interpreter, Stop, Stopped};

use super::groups::{Group, single_roots};
use super::{Material, RULE, flaw, readoff};

/// What is wrong where the tensors of a group are joined with others; `None` if nothing joins them, or nothing simple is wrong.
pub(super) fn find(
    it: &Interpreter<'_>,
    group: &Group,
    material: &Material<'_, '_>,
) -> Option<Miss> {
    if let Some(miss) = untraced(it, group, material) {
        return Some(miss);
    }
    let parts: FxHashSet<PolyId> = group
        .values
        .iter()
        .filter_map(|&part| it.known(part))
        .flat_map(|part| part.data.iter().copied())
        .filter(|&p| it.arena.terms(p).len() == 2)
        .collect();
    let joins = |&y: &ValueId| {
        let value = it.known(y)?;
        let holds = value.data.iter().any(|p| parts.contains(p));
        (holds && value.enumerated.last() == Some(&true))
            .then(|| (y, rotated(it, value, group.root)))
    };
    let joined = material.context.order.computed().iter().filter_map(joins);
    // Among equals, the widest one: the parts are such tensors too.
    let width = |y: ValueId| it.known(y).map_or(0, |value| value.data.len());
    let (y, _) = joined
        .rev()
        .max_by_key(|&(y, rotated)| (rotated, width(y)))?;
    let yv = it.known(y)?;
    let (x, xv) = whole(it, group.root, (y, yv), material)?;
    let (reason, hint) = defect(
        it,
        group.root,
        xv,
        yv,
        (it.index().name(x), it.index().name(y)),
    )?;
    Some(Miss::new(RULE, Stage::Pairs, y, reason).with_hint(Some(hint)))
}

/// The miss at a node that joins or moves a tensor of the group and is not followed.
fn untraced(it: &Interpreter<'_>, group: &Group, material: &Material<'_, '_>) -> Option<Miss> {
    let mut parts: FxHashSet<ValueId> = group.values.iter().copied().collect();
    for &value in material.context.order.computed() {
        let Some((node, _)) = it.index().producer(value) else {
            continue;
        };
        let stopped = lost::of(it, node);
        let unknown = |stopped: &Stopped| {
            matches!(stopped.reason, Stop::ForeignDomain | Stop::UnknownOperator)
        };
        let is_unknown = stopped.is_some_and(unknown);
        let effect = flow::effect(&it.file.graph().node[node]);
        let mut inputs = flow::inputs(it, &it.file.graph().node[node]);
        let reads = inputs.any(|(k, id)| {
            let matters = matches!(&effect, Effect::Moves(data) if data.contains(&k));
            (matters || is_unknown) && parts.contains(&id)
        });
        if !reads {
            continue;
        }
        if stopped.is_none() {
            parts.insert(value);
            continue;
        }
        let lost = lost::at(it, value)?;
        let what = match is_unknown {
            true => "which reads rotated channels before they are joined",
            false => "in which rotated channels are joined or moved",
        };
        let reason = format!("the analysis does not follow `{}`, {what}", lost.value);
        let mut miss =
            Miss::new(RULE, Stage::Pairs, value, reason).with_hint(Some(lost::hint(&lost)));
        miss.lost = Some(Box::new(lost));
        return Some(miss);
    }
    None
}

/// How many different elements are sums of two channels.
pub(super) fn rotated(it: &Interpreter<'_>, value: &Value, root: RootId) -> usize {
    let sums = value.data.iter().filter(|&&p| it.arena.terms(p).len() == 2);
    let sums: FxHashSet<PolyId> = sums
        .filter(|&&p| !channels(it, p, root).is_empty())
        .copied()
        .collect();
    sums.len()
}

/// The channels of the root that an element is made of.
fn channels(it: &Interpreter<'_>, p: PolyId, root: RootId) -> Vec<AtomId> {
    let terms = it.arena.terms(p);
    let factors = terms.iter().flat_map(|term| it.arena.factors(term.mono));
    let of_root = |factor: &AtomId| matches!(it.arena.atom_of(*factor), Atom::Channel { root: own, .. } if *own == root);
    factors.filter(of_root).collect()
}

/// The smallest tensor before `y`, laid out as `y` is, with all the channels that `y` is made of.
fn whole<'i>(
    it: &'i Interpreter<'_>,
    root: RootId,
    (y, yv): (ValueId, &Value),
    material: &Material<'_, '_>,
) -> Option<(ValueId, &'i Value)> {
    let read: FxHashSet<AtomId> = yv
        .data
        .iter()
        .flat_map(|&p| channels(it, p, root))
        .collect();
    let holding = material.sources.holding(root).iter();
    let candidates = holding
        .filter(|&&x| material.context.order.is_before(x, y))
        .filter_map(|&x| {
            let xv = it.known(x)?;
            let is_alike = xv.rank() == yv.rank()
                && xv.enumerated == yv.enumerated
                && xv.axes_of(root) == yv.axes_of(root);
            let held = readoff::channels_of(&it.arena, xv, root).filter(|_| is_alike)?;
            read.iter()
                .all(|atom| held.contains_key(atom))
                .then_some((x, &**xv))
        });
    candidates.min_by_key(|(_, xv)| xv.data.len())
}

/// The first channel of `y` that is no rotated channel, and what to do about it.
fn defect(
    it: &Interpreter<'_>,
    root: RootId,
    xv: &Value,
    yv: &Value,
    (x, y): (&str, &str),
) -> Option<(String, &'static str)> {
    let widths = [xv, yv].map(|value| value.extents(&it.arena).last().copied().unwrap_or(1).max(1));
    for row in yv.data.chunks(widths[1]) {
        let is_channel = |&p: &PolyId| {
            let terms = it.arena.terms(p);
            !terms.is_empty()
                && terms
                    .iter()
                    .all(|term| single_roots(&it.arena, term.mono).contains(&root))
        };
        if let Some(j) = row.iter().position(|p| !is_channel(p)) {
            let reason = match row[j] == PolyId::ZERO {
                true => format!("channel {j} of `{y}` is 0 where a rotated channel should be"),
                false => {
                    format!("channel {j} of `{y}` is made of other things than channels of `{x}`")
                }
            };
            return Some((reason, flaw::PLACED));
        }
        let first = |&p: &PolyId| row.iter().position(|&other| other == p);
        if let Some((i, j)) =
            (0..row.len()).find_map(|j| Some((first(&row[j])?, j)).filter(|(i, j)| i != j))
        {
            return Some((
                format!("channels {i} and {j} of `{y}` are the same"),
                flaw::PLACED,
            ));
        }
    }
    let row = yv.data.get(..widths[1])?;
    let read: FxHashSet<AtomId> = row.iter().flat_map(|&p| channels(it, p, root)).collect();
    let is_lost = |k: &usize| {
        xv.data.get(*k).is_some_and(|&p| {
            channels(it, p, root)
                .iter()
                .all(|atom| !read.contains(atom))
        })
    };
    let lost: Vec<usize> = (0..widths[0]).filter(is_lost).collect();
    if widths[1] >= widths[0] {
        return None;
    }
    let consequence = match &lost[..] {
        [] => "no tensor holds both rotated channels of every pair".to_owned(),
        [one] => format!("channel {one} of `{x}` is in none of them"),
        several => format!("{} of `{x}` are in none of them", listed(several)),
    };
    let reason = format!(
        "`{y}` has {} channels, and `{x}`, of which they are made, has {}: {consequence}",
        widths[1], widths[0],
    );
    Some((reason, flaw::PLACED))
}

/// `channel 3`, `channels 3 and 7`, `channels 0, 1, 2 and further ones`.
fn listed(channels: &[usize]) -> String {
    const SHOWN: usize = 4;
    let mut words: Vec<String> = channels.iter().take(SHOWN).map(usize::to_string).collect();
    if channels.len() > SHOWN {
        words.push("further ones".to_owned());
    }
    let last = words.pop().unwrap_or_default();
    match words.is_empty() {
        true => format!("channel {last}"),
        false => format!("channels {} and {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests;
