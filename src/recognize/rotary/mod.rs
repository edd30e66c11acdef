//! Rotary embeddings.
//!
//! *Matches.* A float tensor `y` each of whose channels is one channel of a tensor `x`, unchanged, or the sum of two channels of
//! `x` with coefficients `cos` and `∓ sin`, pair by pair, in the half or the interleaved layout; the rotated channels are one
//! contiguous [`range`](mod@range), in which pairs may be [`still`].
//!
//! *Conditions.* `x`, and tensors that hold `cos` and `sin` and broadcast against `x`, exist in the graph before `y`. The
//! coefficients of each channel are proven to be those of a rotation ([`proof`]): cos and sin of one expression with one
//! amplitude, or rows of constant tables with `c² + s²` constant. Where the two channels of a pair have an angle each, or the
//! tables are of unknown origin, the formula holds and the pair is not known to be turned: the class is `linear`.
//!
//! *Rewrites to.* `ai.phasor::RotaryEmbedding(x, cos, sin)`.
//!
//! [`groups`] collects the tensors that share rotated channels. An [`attempt`](mod@attempt) tries one of them as the rotation of
//! an earlier tensor: [`readoff`] expresses its channels in those of the other, [`proof`] proves the coefficients, and
//! [`super::kit::tables`] finds tensors that hold them, or [`scaled`] makes them. Where no attempt succeeds, [`diagnose`] and [`nearby`] say how near the
//! graph came.

mod attempt;
mod diagnose;
mod flaw;
mod groups;
mod joined;
mod nearby;
mod page;
mod proof;
mod range;
mod readoff;
mod scaled;
mod site;
mod still;
mod turned;

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashSet;

use crate::onnx::ValueId;
use crate::symbolic::value::Value;
use crate::symbolic::{Interpreter, Work};

use super::kit::Context;
use super::kit::assemble::{self, Holders};
use super::kit::miss::Miss;
use super::kit::step::Step;
use super::kit::tables::Tables;
use super::{Analysis, Site};
use attempt::attempt;
use groups::{Group, Sources};
pub(crate) use page::RULE;

pub(super) use page::PAGE;
pub use site::{AngleSource, Pairing, Rotary};

/// How many tensors are tried as the one that is rotated, the earliest in the graph first.
const MAX_SOURCES: usize = 512;

/// The tensors of a graph that sites are built from.
struct Material<'g, 'a> {
    context: &'g Context<'a>,
    sources: Sources,
    tables: Tables,
    holders: RefCell<Holders>,
}

/// A tensor that may be the one that is rotated.
struct Source {
    id: ValueId,
    value: Rc<Value>,
    /// What makes it from the graph's tensor `id`, with the value after each step.
    steps: Vec<(Step, Rc<Value>)>,
}

/// Finds the rotary sites of an interpreted graph.
pub(super) fn find<'a>(it: &mut Interpreter<'a>, context: &Context<'a>, analysis: &mut Analysis) {
    let groups = groups::collect(it, &context.order);
    let mut misses = Vec::new();
    // A product of two tensors is linear in either, so its rotation is found in the groups of both roots.
    let mut nodes = FxHashSet::default();
    if !groups.is_empty() {
        let material = Material {
            sources: Sources::collect(it, &context.order, &groups),
            tables: Tables::collect(it, &context.order),
            holders: RefCell::default(),
            context,
        };
        let mut left = Vec::new();
        let mut open: Vec<Group> = groups.into_iter().rev().collect();
        while let Some(group) = open.pop() {
            if is_spent(it, &group) {
                break;
            }
            let Some(site) = site(it, &group, &material, Factors::InTables) else {
                left.push(group);
                continue;
            };
            // Other channels of one head may be rotated by themselves.
            let y = it.index().id(&site.y);
            open.extend(y.and_then(|y| group.without(it, y)));
            if nodes.insert(site.node) {
                analysis.sites.push(site);
            }
        }
        // A rotated tensor that is scaled later is no second rotation.
        let following = nearby::following(it, &ends(it, analysis));
        for group in left {
            if is_spent(it, &group) {
                break;
            }
            let is_later = group.values.iter().any(|y| following.contains(y));
            let scaled = match is_later {
                true => None,
                false => site(it, &group, &material, Factors::Apart),
            };
            match scaled {
                Some(site) if nodes.insert(site.node) => analysis.sites.push(site),
                Some(_) => {}
                None => misses.extend(diagnose::group(it, &group, &material)),
            }
        }
    }
    let mut accounted = ends(it, analysis);
    // Each of the parts that are joined wrongly says so.
    let mut said = FxHashSet::default();
    misses.retain(|miss: &Miss| said.insert((miss.value, miss.reason.clone())));
    // A product of two tensors is in a group of each, of which one may find the site.
    misses.retain(|miss| !accounted.contains(&miss.value));
    accounted.extend(misses.iter().map(|miss| miss.value));
    // A rotated tensor that is sliced, repeated or scaled later is not a second rotation.
    let following = nearby::following(it, &accounted);
    misses.retain(|miss| !following.contains(&miss.value));
    // After the budget has run out, every remaining node would look like one where the analysis lost track.
    if !it.budget.is_over() {
        misses.extend(nearby::find(it, &accounted));
    }
    let refusals = misses.into_iter().map(|miss| miss.refusal(it));
    analysis.refusals.extend(refusals);
}

/// Whether there is no budget left, which is noted of the first tensor of a group.
fn is_spent(it: &mut Interpreter<'_>, group: &Group) -> bool {
    let spent = it.budget.is_spent(Work::Recognising);
    if spent {
        let first = group.values.iter().min().copied();
        let node = first.and_then(|y| it.index().producer(y));
        it.gave_up = it.gave_up.or(node.map(|(node, _)| node));
    }
    spent
}

/// The tensors that the sites found so far compute.
fn ends(it: &Interpreter<'_>, analysis: &Analysis) -> FxHashSet<ValueId> {
    let ends = analysis.sites.iter();
    ends.filter_map(|site| it.index().id(&site.y)).collect()
}

/// Where factors of cosines and sines are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Factors {
    /// In the tensors that hold these.
    InTables,
    /// In other tensors, so that tables of both have to be made.
    Apart,
}

/// The best rewrite of a group: the widest `y`, of the narrowest type, the earliest in the graph.
fn site(
    it: &mut Interpreter<'_>,
    group: &Group,
    material: &Material<'_, '_>,
    factors: Factors,
) -> Option<Site> {
    for &y in &group.values {
        let Some(yv) = it.known(y).cloned() else {
            continue;
        };
        for x in sources(it, group, (y, &yv), material) {
            let made = material.context.maker.borrow().mark();
            if let Ok(site) = attempt(it, group, &x, (y, &yv), material, factors) {
                return Some(site);
            }
            material.context.maker.borrow_mut().forget_since(made);
        }
    }
    None
}

/// The tensors that `y` may be a rotation of: the graph's own, then those with channels along two axes (complex numbers as
/// `[..., r/2, 2]`), merged into one; at last the earliest with its axes in another order.
fn sources(
    it: &mut Interpreter<'_>,
    group: &Group,
    (y, yv): (ValueId, &Value),
    material: &Material<'_, '_>,
) -> Vec<Source> {
    let before = material.sources.holding(group.root).iter();
    let before = before.filter(|&&x| material.context.order.is_before(x, y));
    let before = before.filter_map(|&id| Some((id, it.known(id)?.clone())));
    let before = before.take(MAX_SOURCES);
    let (others, same): (Vec<_>, Vec<_>) = before.partition(|(_, x)| x.rank() == yv.rank() + 1);
    let mut sources: Vec<Source> = Vec::new();
    sources.extend(same.into_iter().map(|(id, value)| Source {
        id,
        value,
        steps: Vec::new(),
    }));
    for (id, value) in others {
        if let Some((step, merged)) = assemble::merged(it, &value) {
            let value = Rc::new(merged);
            let steps = vec![(step, value.clone())];
            sources.push(Source { id, value, steps });
        }
    }
    let turned = sources.iter().find_map(|x| {
        let (step, value) = assemble::turned(it, &x.value, yv, group.root)?;
        let value = Rc::new(value);
        let mut steps = x.steps.clone();
        steps.push((step, value.clone()));
        let is_alike = readoff::same_layout(&value, yv, group.root);
        let id = x.id;
        is_alike.then_some(Source { id, value, steps })
    });
    sources.extend(turned);
    sources
}
