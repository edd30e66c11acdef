//! Sinusoidal embeddings.
//!
//! *Matches.* A float tensor `y` whose channels, the elements along its last axis, are sines and cosines of one position times a
//! frequency each, all times one factor, in the half or the interleaved layout, and zeros at the end.
//!
//! *Conditions.* Elements are read as the graph rounds them ([`crate::symbolic::element`]): the angle is one product of `float` or
//! `double`, and so are sine and cosine. A tensor of the graph holds the position of every row, before the channels are born, and
//! the frequencies are numbers or a tensor of the graph. Where the graph divides positions that are not whole, the product with
//! the reciprocal is another rounding of the same angle; the site says so.
//!
//! *Rewrites to.* `ai.phasor::SinusoidalEmbedding(positions, frequencies, target_type)`.
//!
//! [`reach`] lists the tensors in which sines and cosines come together, [`channel`](mod@channel) reads one element, [`row`] all of a row, and
//! [`place`] finds positions and frequencies. What rotary sites read is left to those.
//!
//! Rows may also be looked up in a constant of the model, which [`lookup`] finds and [`fit`] proves to be sinusoids. Such sites have a rule
//! of their own, which is applied on request.

mod channel;
mod fit;
mod lookup;
mod page;
mod place;
mod reach;
mod row;
mod site;
#[cfg(test)]
mod tests;

use phasor_ops::contract::sinusoidal::SinusoidalAttributes;
use rustc_hash::FxHashSet;

use crate::onnx::{DataType, ValueId};
use crate::symbolic::element::{Elements, Indices};
use crate::symbolic::poly::PolyId;
use crate::symbolic::{Interpreter, Work, display};

use super::angles::exact_f32;
use super::kit::Context;
use super::kit::behind;
use super::kit::miss::{Miss, node_name};
use super::{Analysis, Kind, Proof, Site, Stage};
use channel::channel;
use page::RULE;
use place::Cone;
use reach::Reach;
use row::{Flaw, Row};

pub(super) use page::{PAGE, TABLE_PAGE, TABLE_RULE};
pub use site::{LookedUp, Placed, Sinusoidal, Source};

/// The widest row that is read.
const MAX_WIDTH: i64 = 1 << 13;
/// What looking at one element costs, in steps of the budget.
const STEP: u64 = 256;
/// How many values are looked at behind rotary sites.
const MAX_ROTARY: usize = 10_000;

/// A row that is proven, and its site.
struct Found {
    y: ValueId,
    row: Row,
    width: usize,
    site: Site,
}

/// Finds the sinusoidal sites of an interpreted graph.
pub(super) fn find(it: &mut Interpreter<'_>, context: &Context<'_>, analysis: &mut Analysis) {
    let rotary = behind_rotary(it, analysis);
    computed(it, context, &rotary, analysis);
    lookup::find(it, context, &rotary, analysis);
}

/// Finds the sites whose rows the graph computes.
fn computed(
    it: &mut Interpreter<'_>,
    context: &Context<'_>,
    rotary: &FxHashSet<ValueId>,
    analysis: &mut Analysis,
) {
    let reach = Reach::of(it);
    if !reach.any() {
        return;
    }
    let mut elements = Elements::default();
    let mut found: Vec<Found> = Vec::new();
    let mut misses: Vec<Miss> = Vec::new();
    for &y in context.order.computed() {
        if !reach.is_of_both(y) || rotary.contains(&y) {
            continue;
        }
        if it.budget.is_spent(Work::Recognising) {
            let node = it.index().producer(y).map(|(node, _)| node);
            it.gave_up = it.gave_up.or(node);
            break;
        }
        match attempt(it, context, &mut elements, y) {
            Ok(new) => join(it, &reach, &mut found, new),
            Err(Some(miss)) => misses.push(miss),
            Err(None) => {}
        }
    }
    let mut told: Vec<ValueId> = Vec::new();
    for miss in misses {
        let touches =
            |one: &Found| reach.leads(it, one.y, miss.value) || reach.leads(it, miss.value, one.y);
        let again = told.iter().any(|&other| reach.leads(it, other, miss.value));
        if !again && !found.iter().any(touches) {
            told.push(miss.value);
            analysis.refusals.push(miss.refusal(it));
        }
    }
    analysis.sites.extend(found.into_iter().map(|one| one.site));
}

/// Adds a site, unless its tensor is another one moved. It takes the place of one whose channels it changes, if nothing else
/// reads that.
fn join(it: &Interpreter<'_>, reach: &Reach, found: &mut Vec<Found>, new: Found) {
    let Some(before) = found.iter_mut().rfind(|one| reach.leads(it, one.y, new.y)) else {
        found.push(new);
        return;
    };
    let same = before.row == new.row && before.width == new.width;
    if !same && reach.leads_only(it, before.y, new.y) {
        *before = new;
    }
}

/// The values that rotated tensors are computed from, up to the tensors that are rotated: their cosines and sines, and all ways
/// to these.
fn behind_rotary(it: &Interpreter<'_>, analysis: &Analysis) -> FxHashSet<ValueId> {
    let id = |name: &String| it.index().id(name);
    let mut seen = FxHashSet::default();
    for (site, rotary) in analysis
        .sites
        .iter()
        .filter_map(|site| Some((site, site.rotary()?)))
    {
        let stops = [&rotary.x, &rotary.origin].map(id);
        let mut open: Vec<ValueId> = id(&site.y).into_iter().collect();
        while let Some(value) = open.pop()
            && seen.len() < MAX_ROTARY
        {
            let read = behind::read(it, value).into_iter();
            let further = read.filter(|&value| !stops.contains(&Some(value)));
            open.extend(further.filter(|&value| seen.insert(value)));
        }
    }
    seen
}

/// Reads a tensor as a site.
///
/// # Errors
/// The near miss, if it is one.
fn attempt(
    it: &mut Interpreter<'_>,
    context: &Context<'_>,
    elements: &mut Elements,
    y: ValueId,
) -> Result<Found, Option<Miss>> {
    let known = it.value(y).map_err(|_| None)?;
    let dtype = known.dtype;
    let size = known
        .shape
        .last()
        .and_then(|&size| it.arena.as_integer(size));
    let width = size
        .filter(|width| (1..=MAX_WIDTH).contains(width))
        .ok_or(None)?;
    if !dtype.is_float() {
        return Err(None);
    }
    let near = |stage, reason: &str| Some(Miss::new(RULE, stage, y, reason));
    let at = Elements::coordinates(it, y).ok_or(None)?;
    let row = match row_of(it, elements, y, (&at, width), dtype) {
        Ok(row) => row,
        Err(Flaw::Unlike) => return Err(None),
        Err(Flaw::Near(reason)) => return Err(near(Stage::Proof, &reason)),
    };
    if !matches!(dtype, DataType::F32 | DataType::F64) {
        let reason = format!(
            "the graph rounds angles, sines and cosines to `{dtype}`, and the operator does not"
        );
        return Err(near(Stage::Proof, &reason));
    }
    if row.divided && place::is_whole(&it.arena, row.position, dtype) {
        let reason = "the graph divides whole positions by numbers, and the operator multiplies by their reciprocals: the two are \
                      rounded differently, which shows in the sines of large angles";
        return Err(near(Stage::Proof, reason));
    }
    let Some(amplitude) = exact_f32(row.factor) else {
        return Err(near(
            Stage::Proof,
            "the factor of sines and cosines is no number of type `float`",
        ));
    };
    let cone = Cone::of(it, &context.order, y);
    let rank = at.len() - 1;
    let places = (&at[..rank], &known.shape[..rank]);
    let before = place::rounded_from(&it.arena, row.position, dtype);
    let wanted: Vec<PolyId> = [row.position].into_iter().chain(before).collect();
    let Some(positions) = place::positions(it, elements, &cone, &wanted, places) else {
        let reason = "no tensor of the graph holds the position of every row, in a type that the operator reads";
        return Err(near(Stage::Positions, reason));
    };
    let frequencies = place::frequencies(it, elements, &cone, &row.frequencies, dtype);
    let Some(frequencies) = frequencies else {
        let reason = "the frequencies are neither numbers nor a tensor of the graph with one for every pair of channels";
        return Err(near(Stage::Positions, reason));
    };
    let (node, _) = it.index().producer(y).ok_or(None)?;
    let width = usize::try_from(width).map_err(|_| None)?;
    let count = row.frequencies.len();
    let attributes = SinusoidalAttributes {
        interleaved: row.interleaved,
        cos_first: row.cos_first,
        amplitude,
        width: if width == 2 * count { 0 } else { width },
        ..SinusoidalAttributes::default()
    };
    let site = Site {
        rule: RULE,
        node,
        node_name: node_name(it, node),
        y: it.index().name(y).to_owned(),
        dtype,
        shape: display::shape(&it.arena, &known.shape),
        proof: match row.divided {
            true => Proof::Formula,
            false => Proof::Exact,
        },
        assumes_finite: false,
        kind: Kind::Sinusoidal(Sinusoidal {
            positions,
            frequencies,
            count,
            dtype,
            attributes,
            width,
            divided: row.divided,
            table: None,
        }),
    };
    Ok(Found {
        y,
        row,
        width,
        site,
    })
}

/// The channels of the row at some coordinates.
fn row_of(
    it: &mut Interpreter<'_>,
    elements: &mut Elements,
    y: ValueId,
    (at, width): (&Indices, i64),
    dtype: DataType,
) -> Result<Row, Flaw> {
    let mut read = |it: &mut Interpreter<'_>, k: i64| {
        if it.budget.is_spent(Work::Recognising) {
            return Err(Flaw::Unlike);
        }
        let looked_at = elements.steps;
        let mut at = at.clone();
        if let Some(last) = at.last_mut() {
            *last = if width == 1 {
                PolyId::ZERO
            } else {
                it.arena.integer(k)
            };
        }
        let element = elements.element(it, y, &at);
        let steps = 1 + elements.steps - looked_at;
        it.budget.spend(Work::Recognising, steps * STEP);
        channel(&it.arena, element, dtype).ok_or(Flaw::Unlike)
    };
    // Most tensors that are no row show it in one of these.
    for k in [0, width / 2, width - 1] {
        read(it, k)?;
    }
    let channels = (0..width)
        .map(|k| read(it, k))
        .collect::<Result<Vec<_>, _>>()?;
    row::read(&mut it.arena, &channels, dtype)
}
