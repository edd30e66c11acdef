//! Rotary embeddings.
//!
//! *Matches.* A float tensor `y` each of whose channels is one channel of a tensor `x`, unchanged, or the sum of two channels of
//! `x` with coefficients `cos` and `∓ sin`, pair by pair, in the half or the interleaved layout; the rotated channels are one
//! contiguous range.
//!
//! *Conditions.* `x`, and tensors that hold `cos` and `sin` and broadcast against `x`, exist in the graph before `y`. The
//! coefficients of each channel are proven to be those of a rotation ([`proof`]): cos and sin of one expression with one
//! amplitude, or rows of constant tables with `c² + s²` constant. Where the two channels of a pair have an angle each, or the
//! tables are of unknown origin, the formula holds and the pair is not known to be turned: the class is `linear`.
//!
//! *Rewrites to.* `ai.phasor::RotaryEmbedding(x, cos, sin)`.
//!
//! Values are taken in three steps: [`groups`] collects the tensors that share rotated channels, [`readoff`] expresses one in
//! the channels of another, [`tables`] finds the graph's own cos and sin.

mod diagnose;
mod flaw;
mod groups;
mod nearby;
mod page;
mod proof;
mod readoff;
mod site;
mod turned;

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashSet;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::value::{Loss, Value};
use crate::symbolic::{Interpreter, Work, display};

use super::kit::Ground;
use super::kit::assemble::{self, Holders};
use super::kit::behind::{self, Behind};
use super::kit::made::Step;
use super::kit::miss::{Miss, node_name};
use super::kit::scale;
use super::kit::tables::{self, Found, Tables};
use super::{Analysis, Kind, Site, Stage};
use groups::{Group, Sources};
use page::RULE;
use proof::{Origin, Verdict};
use readoff::{Pair, Rotation, wanted};
use turned::{placed, turned};

pub(super) use page::PAGE;
pub use site::{AngleSource, Pairing, Rotary};

/// Most tensors that one may be a rotation of, the earliest in the graph first.
const MAX_SOURCES: usize = 512;

/// What the graph offers to build sites from, and what is made of it.
struct Material<'g, 'a> {
    ground: &'g Ground<'a>,
    sources: Sources,
    tables: Tables,
    holders: RefCell<Holders>,
}

/// A tensor that may be the one that is rotated.
struct Source {
    id: ValueId,
    value: Rc<Value>,
    /// What makes it of the graph's own tensor.
    step: Option<Step>,
}

/// Finds the rotary sites of an interpreted graph.
pub(super) fn find<'a>(it: &mut Interpreter<'a>, ground: &Ground<'a>, analysis: &mut Analysis) {
    let groups = groups::collect(it, &ground.order);
    let mut misses = Vec::new();
    // A product of two tensors is linear in either: its rotation is in a group of each.
    let mut nodes = FxHashSet::default();
    if !groups.is_empty() {
        let material = Material {
            sources: Sources::collect(it, &ground.order, &groups),
            tables: Tables::collect(it, &ground.order),
            holders: RefCell::default(),
            ground,
        };
        for group in groups {
            if it.budget.is_spent(Work::Recognising) {
                let first = group.values.iter().min().copied();
                let node = first.and_then(|y| it.index().producer(y));
                it.gave_up = it.gave_up.or(node.map(|(node, _)| node));
                break;
            }
            if let Some(site) = site(it, &group, &material) {
                if nodes.insert(site.node) {
                    analysis.sites.push(site);
                }
            } else {
                misses.extend(diagnose::group(it, &group, &material));
            }
        }
    }
    let ends = analysis.sites.iter();
    let ends = ends.filter_map(|site| it.index().id(&site.y));
    let mut accounted: FxHashSet<ValueId> = ends.collect();
    accounted.extend(misses.iter().map(|miss| miss.value));
    // A rotated tensor that is cut up, repeated or scaled further on is no second rotation.
    let following = nearby::following(it, &accounted);
    misses.retain(|miss| !following.contains(&miss.value));
    // Of what is not looked at, everything would seem to have got lost.
    if !it.budget.is_over() {
        misses.extend(nearby::find(it, &accounted));
    }
    let refusals = misses.into_iter().map(|miss| miss.refusal(it));
    analysis.refusals.extend(refusals);
}

/// The best rewrite of a group: the widest `y`, of the narrowest type, the earliest in the graph.
fn site(it: &mut Interpreter<'_>, group: &Group, material: &Material<'_, '_>) -> Option<Site> {
    for &y in &group.values {
        let Some(yv) = it.known(y).cloned() else {
            continue;
        };
        for x in sources(it, group, (y, &yv), material) {
            if let Ok(site) = attempt(it, group, &x, (y, &yv), material) {
                return Some(site);
            }
        }
    }
    None
}

/// The tensors that `y` may be a rotation of: those of the graph, then those whose channels lie along two axes, put along one.
fn sources(
    it: &mut Interpreter<'_>,
    group: &Group,
    (y, yv): (ValueId, &Value),
    material: &Material<'_, '_>,
) -> Vec<Source> {
    let before = material.sources.of(group.root).iter();
    let before = before.filter(|&&x| material.ground.order.is_before(x, y));
    let before = before.filter_map(|&id| Some((id, it.known(id)?.clone())));
    let before = before.take(MAX_SOURCES);
    let (others, same): (Vec<_>, Vec<_>) = before.partition(|(_, x)| x.rank() == yv.rank() + 1);
    let mut sources: Vec<Source> = Vec::new();
    sources.extend(same.into_iter().map(|(id, value)| Source {
        id,
        value,
        step: None,
    }));
    for (id, value) in others {
        if let Some((step, merged)) = assemble::merged(it, &value) {
            sources.push(Source {
                id,
                value: Rc::new(merged),
                step: Some(step),
            });
        }
    }
    sources
}

fn attempt(
    it: &mut Interpreter<'_>,
    group: &Group,
    x: &Source,
    (y, yv): (ValueId, &Value),
    material: &Material<'_, '_>,
) -> Result<Site, Miss> {
    let miss = |stage, reason: &str, hint| Miss::new(RULE, stage, y, reason).with_hint(hint);
    let xv = &x.value;
    let elements = xv.data.len() + yv.data.len();
    it.budget.spend(Work::Recognising, elements as u64);
    let dtype = yv.dtype;
    if xv.dtype != dtype
        || !matches!(
            dtype,
            DataType::F32 | DataType::F16 | DataType::BF16 | DataType::F64
        )
    {
        return Err(miss(
            Stage::Pairs,
            "the tensor and its rotation differ in type",
            None,
        ));
    }
    let rotation: Rotation =
        readoff::read(it, xv, yv, group.root).map_err(|reason| miss(Stage::Pairs, reason, None))?;
    let Verdict {
        proof,
        origin,
        amplitude,
    } = match proof::prove(it, &rotation) {
        Ok(verdict) => verdict,
        Err(reason) => return Err(miss(Stage::Proof, reason.reason, reason.hint)),
    };
    let start = it.arena.origin(group.root).map(ValueId);
    // What begins inside a branch has no name here.
    let start = start
        .filter(|id| id.index() < it.index().len())
        .unwrap_or(x.id);
    let behind = Behind::of(it, &material.ground.order, y, &[x.id, start]).ok_or_else(|| {
        miss(
            Stage::Tables,
            "the cosines and sines are computed from too many values",
            None,
        )
    })?;
    if !behind.hands_on(x.id) {
        return Err(miss(
            Stage::Pairs,
            "the rotated tensor is not computed from the tensor before it alone: numbers are rounded to a narrower type or cancel in between",
            Some("compute the rotation in one type"),
        ));
    }
    let (rotation, inverse, (cos, sin)) =
        wired(it, rotation, material, (yv, &behind)).ok_or_else(|| {
            miss(
                Stage::Tables,
                "no tensor that it is computed from holds the cosines and sines in a form that broadcasts against the rotated tensor",
                None,
            )
        })?;
    if !tables::has_sizes_of(&mut it.arena, yv, &xv.shape, &[&cos.rows, &sin.rows]) {
        return Err(miss(
            Stage::Tables,
            "the rotated tensor has other sizes than the tensor before it and the tables broadcast to",
            None,
        ));
    }
    let tables: Vec<ValueId> = [&cos, &sin]
        .iter()
        .flat_map(|table| &table.sources)
        .copied()
        .collect();
    let stops: Vec<ValueId> = tables.iter().copied().chain([x.id]).collect();
    let between = Behind::of(it, &material.ground.order, y, &stops);
    let ends = tables.iter().filter_map(|&id| it.known(id).cloned());
    let ends: Vec<Rc<Value>> = ends.chain([xv.clone()]).collect();
    let ends: Vec<&Value> = ends.iter().map(|end| &**end).chain([yv]).collect();
    let between = between.filter(|between| scale::is_kept(it, between, &ends));
    let Some(between) = between else {
        return Err(miss(
            Stage::Pairs,
            "what is rotated is scaled or shifted and put back: numbers that overflow or vanish in between do not in the operator",
            Some("take the factors out that cancel, or scale before the rotation"),
        ));
    };
    let annihilated = |&&id: &&ValueId| it.loss(id).is_some();
    let channels = it.arena.origin(group.root).map(Loss::Annihilated);
    let losses: Vec<ValueId> = between
        .values()
        .iter()
        .chain([&y])
        .filter(annihilated)
        .copied()
        .collect();
    let own = losses.iter().all(|&id| it.loss(id) == channels);
    let permitted = losses.is_empty() || own && behind::is_dense(it, x.id);
    if !permitted {
        return Err(miss(
            Stage::Proof,
            "a channel is multiplied by 0 or subtracted from itself: where it is infinite or NaN, the graph makes NaN of more channels than the operator",
            Some("rotate by slices or by an index instead of a matrix of zeros and ones"),
        ));
    }
    let own = behind::rearranged(it, x.id);
    if behind::depends(it, &material.ground.order, &tables, &own) {
        return Err(miss(
            Stage::Proof,
            "the coefficients are computed from the tensor that they are multiplied with, so they encode no positions",
            None,
        ));
    }
    let node = it
        .index()
        .producer(y)
        .map(|(node, _)| node)
        .ok_or_else(|| {
            miss(
                Stage::Pairs,
                "the rotated tensor is not computed by a node",
                None,
            )
        })?;
    if it.file.graph().node[node].output.len() != 1 {
        return Err(miss(
            Stage::Pairs,
            "the node of the rotated tensor has other outputs",
            None,
        ));
    }
    let origin_dtype = it.known(start).map_or(dtype, |value| value.dtype);
    let mut sources: Vec<String> = Vec::new();
    for &id in &tables {
        let name = it.index().name(id);
        if !sources.iter().any(|known| known == name) {
            sources.push(name.to_owned());
        }
    }
    let table = turned(&mut it.arena, &rotation).and_then(|turned| {
        let placing =
            |it: &mut Interpreter<'_>, positions: &_| placed(it, positions, &rotation, (xv, yv));
        let mut angles = material.ground.angles.borrow_mut();
        let order = &material.ground.order;
        angles.of(it, order, &turned, &placing, (y, &behind), inverse)
    });
    let name = it.index().name(x.id).to_owned();
    let name = match &x.step {
        Some(step) => material
            .ground
            .maker
            .borrow_mut()
            .make(step.clone(), &[&name], xv),
        None => name,
    };
    Ok(Site {
        rule: RULE,
        node,
        node_name: node_name(it, node),
        y: it.index().name(y).to_owned(),
        dtype,
        shape: display::shape(&it.arena, &yv.shape),
        proof,
        assumes_finite: !losses.is_empty(),
        kind: Kind::Rotary(Rotary {
            x: name,
            origin: it.index().name(start).to_owned(),
            origin_dtype,
            pairing: rotation.input,
            output_pairing: rotation.output,
            rotary_dim: rotation.width,
            rotary_offset: rotation.offset,
            head_dim: rotation.channels,
            inverse,
            even: rotation.pairs.iter().flatten().all(Pair::is_even),
            table_dtype: cos.dtype,
            table_width: cos.width,
            angles: match origin {
                Origin::Computed => AngleSource::Computed,
                Origin::Table => AngleSource::Table,
                Origin::Given => AngleSource::Given,
            },
            amplitude,
            sources,
            cos: cos.input,
            sin: sin.input,
            table,
        }),
    })
}

/// The tables for a rotation: the graph's own, or else put together from them. A rotation by the negated angle reads the same
/// cosines and sines with the sine's sign turned.
fn wired(
    it: &mut Interpreter<'_>,
    rotation: Rotation,
    material: &Material<'_, '_>,
    y: (&Value, &Behind),
) -> Option<(Rotation, bool, (Found, Found))> {
    let (order, tables) = (&material.ground.order, &material.tables);
    let cosines = wanted(&rotation, |c| c.0);
    let sines = wanted(&rotation, |c| c.1);
    if let Some(found) = tables.find(it, (&cosines, &sines), y) {
        return Some((rotation, false, found));
    }
    let reversed = rotation.clone().reversed(&mut it.arena);
    let negated = wanted(&reversed, |c| c.1);
    if let Some(found) = tables.find(it, (&cosines, &negated), y) {
        return Some((reversed, true, found));
    }
    let mut holders = material.holders.borrow_mut();
    let maker = &mut material.ground.maker.borrow_mut();
    if let Some(found) = holders.find(it, maker, order, (&cosines, &sines), y) {
        return Some((rotation, false, found));
    }
    let found = holders.find(it, maker, order, (&cosines, &negated), y)?;
    Some((reversed, true, found))
}
