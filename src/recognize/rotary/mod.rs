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

mod groups;
mod order;
mod proof;
mod readoff;
mod tables;

use rustc_hash::FxHashSet;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::Interpreter;
use crate::symbolic::value::Value;

use super::{Analysis, Refusal, Site};
use groups::{Group, Sources};
use order::Order;
use proof::{Origin, Verdict};
use readoff::{Pair, Rotation};
use tables::{Found, Tables};

/// The rule's identifier.
pub(crate) const RULE: &str = "rotary";

/// How far an attempt came; a larger value is further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Channels,
    Pairs,
    Angles,
    Tables,
}

/// An attempt that failed: how far it came, and why.
struct Miss {
    stage: Stage,
    value: ValueId,
    reason: String,
    hint: Option<String>,
}

/// What the graph offers to build sites from.
struct Material {
    order: Order,
    sources: Sources,
    tables: Tables,
}

/// Finds the rotary sites of an interpreted graph.
pub(super) fn find(it: &mut Interpreter<'_>, hidden: &FxHashSet<String>, analysis: &mut Analysis) {
    let order = Order::of(it, hidden);
    let groups = groups::collect(it, &order);
    if groups.is_empty() {
        return;
    }
    let material = Material {
        sources: Sources::collect(it, &order, &groups),
        tables: Tables::collect(it, &order),
        order,
    };
    for group in groups {
        match site(it, &group, &material) {
            Ok(site) => analysis.sites.push(site),
            Err(Some(miss)) if miss.stage >= Stage::Angles || group.trigonometric => {
                analysis.refusals.push(refusal(it, miss))
            }
            Err(_) => {}
        }
    }
    analysis.sites.sort_by_key(|site| site.node);
}

fn refusal(it: &Interpreter<'_>, miss: Miss) -> Refusal {
    let value = it.index().name(miss.value).to_owned();
    let node = it
        .index()
        .producer(miss.value)
        .map_or_else(|| value.clone(), |(node, _)| node_name(it, node));
    Refusal {
        rule: RULE,
        node,
        value,
        reason: miss.reason,
        hint: miss.hint,
    }
}

fn node_name(it: &Interpreter<'_>, node: usize) -> String {
    let node = &it.file.graph().node[node];
    match node.name() {
        "" => node.output.first().cloned().unwrap_or_default(),
        name => name.to_owned(),
    }
}

/// The best rewrite of a group: the widest `y`, of the narrowest type, the earliest in the graph.
fn site(
    it: &mut Interpreter<'_>,
    group: &Group,
    material: &Material,
) -> Result<Site, Option<Miss>> {
    let mut furthest: Option<Miss> = None;
    let mut note = |miss: Miss| {
        if furthest.as_ref().is_none_or(|f| miss.stage > f.stage) {
            furthest = Some(miss);
        }
    };
    for &y in &group.values {
        let sources = material.sources.of(group.root);
        for &x in sources.iter().filter(|&&x| material.order.is_before(x, y)) {
            match attempt(it, group, x, y, material) {
                Ok(site) => return Ok(site),
                Err(miss) => note(miss),
            }
        }
        note(Miss {
            stage: Stage::Channels,
            value: y,
            reason: "no tensor of this shape holds the channels before the rotation".into(),
            hint: None,
        });
    }
    Err(furthest)
}

fn attempt(
    it: &mut Interpreter<'_>,
    group: &Group,
    x: ValueId,
    y: ValueId,
    material: &Material,
) -> Result<Site, Miss> {
    let miss = |stage, reason: String, hint: Option<&str>| Miss {
        stage,
        value: y,
        reason,
        hint: hint.map(str::to_owned),
    };
    let (Some(xv), Some(yv)) = (it.known(x).cloned(), it.known(y).cloned()) else {
        return Err(miss(
            Stage::Channels,
            "a value that was not interpreted".into(),
            None,
        ));
    };
    let dtype = yv.dtype;
    if xv.dtype != dtype
        || !matches!(
            dtype,
            DataType::F32 | DataType::F16 | DataType::BF16 | DataType::F64
        )
    {
        return Err(miss(
            Stage::Channels,
            "the tensor and its rotation differ in type".into(),
            None,
        ));
    }
    let rotation: Rotation = readoff::read(it, &xv, &yv, group.root)
        .map_err(|reason| miss(Stage::Pairs, reason.into(), None))?;
    let Verdict {
        proof,
        origin,
        amplitude,
    } = match proof::prove(it, &rotation) {
        Ok(verdict) => verdict,
        Err(reason) => return Err(miss(Stage::Angles, reason.reason.into(), reason.hint)),
    };
    let (rotation, inverse, (cos, sin)) =
        wired(it, rotation, material, (y, &yv)).ok_or_else(|| {
            miss(
                Stage::Tables,
                "no tensor of the graph holds the cosines and sines in a form that broadcasts against the rotated tensor".into(),
                None,
            )
        })?;
    let node = it
        .index()
        .producer(y)
        .map(|(node, _)| node)
        .ok_or_else(|| {
            miss(
                Stage::Channels,
                "the rotated tensor is not computed by a node".into(),
                None,
            )
        })?;
    if it.file.graph().node[node].output.len() != 1 {
        return Err(miss(
            Stage::Channels,
            "the node of the rotated tensor has other outputs".into(),
            None,
        ));
    }
    let start = it.arena.origin(group.root).map(ValueId);
    // What begins inside a branch has no name here.
    let start = start
        .filter(|id| id.index() < it.index().len())
        .unwrap_or(x);
    let origin_dtype = it.known(start).map_or(dtype, |value| value.dtype);
    Ok(Site {
        rule: RULE,
        x: it.index().name(x).to_owned(),
        y: it.index().name(y).to_owned(),
        origin: it.index().name(start).to_owned(),
        origin_dtype,
        node,
        node_name: node_name(it, node),
        pairing: rotation.input,
        output_pairing: rotation.output,
        rotary_dim: rotation.width,
        rotary_offset: rotation.offset,
        head_dim: rotation.channels,
        inverse,
        even: rotation.pairs.iter().flatten().all(Pair::is_even),
        dtype,
        table_dtype: cos.dtype,
        table_width: cos.width,
        shape: crate::symbolic::display::shape(&it.arena, &yv.shape),
        proof,
        angles: match origin {
            Origin::Computed => super::AngleSource::Computed,
            Origin::Table => super::AngleSource::Table,
            Origin::Given => super::AngleSource::Given,
        },
        amplitude,
        cos: cos.input,
        sin: sin.input,
    })
}

/// The graph's tables for a rotation. One by the negated angle reads the same cosines and sines with the sine's sign turned.
fn wired(
    it: &mut Interpreter<'_>,
    rotation: Rotation,
    material: &Material,
    y: (ValueId, &Value),
) -> Option<(Rotation, bool, (Found, Found))> {
    let find = |it: &Interpreter<'_>, rotation: &Rotation| {
        material.tables.find(it, &material.order, rotation, y)
    };
    if let Some(found) = find(it, &rotation) {
        return Some((rotation, false, found));
    }
    let reversed = rotation.reversed(&mut it.arena);
    let found = find(it, &reversed)?;
    Some((reversed, true, found))
}
