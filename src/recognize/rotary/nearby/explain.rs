//! Says what stopped a candidate: the first node on the way that the interpreter did not follow, or, if it followed all of them,
//! what the products lack.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::RULE;
use super::super::groups::single_roots;
use super::{Candidate, MAX_ORIGINS, Trace, origins, sources};
use crate::onnx::ValueId;
use crate::recognize::kit::flow::{self, Effect};
use crate::recognize::kit::lost;
use crate::recognize::kit::miss::Miss;
use crate::recognize::{Lost, Stage};
use crate::symbolic::root::{RootId, RootKind};
use crate::symbolic::{Interpreter, display};

/// Why a candidate is no site.
pub(super) fn explain(it: &Interpreter<'_>, trace: &Trace, candidate: &Candidate) -> Miss {
    if let Some(miss) = exchanged_elsewhere(it, trace, candidate) {
        return miss;
    }
    let lost = way(it, trace, candidate)
        .into_iter()
        .filter(|&node| lost::of(it, node).is_some_and(|stopped| !lost::is_symptom(stopped)))
        .find_map(|node| {
            let output = it.file.graph().node[node].output.first()?;
            lost::at(it, it.index().id(output)?)
        });
    if let Some(lost) = lost.or_else(|| exchanged(it, trace, candidate)) {
        let reason = format!(
            "the analysis does not follow `{}`, on the way from the angles, or from the tensor, to their products",
            lost.value
        );
        let hint = lost::hint(&lost);
        let mut miss = Miss::new(RULE, Stage::Angles, candidate.end, reason).with_hint(Some(hint));
        miss.lost = Some(Box::new(lost));
        return miss;
    }
    let tensors = tensors(it, trace, candidate);
    let reason = match &tensors[..] {
        [tensor] if !candidate.summed => format!(
            "cosine and sine are multiplied into `{tensor}`, but the products stand side by side: no channel is a sum of two"
        ),
        [a, b, ..] if candidate.summed => {
            format!(
                "the products that are added are of two tensors, `{a}` and `{b}`, and not of the channels of one"
            )
        }
        _ => "no channel is proven to be a sum of two channels of one tensor".to_owned(),
    };
    Miss::new(RULE, Stage::Angles, candidate.end, reason)
}

/// The node that is not followed and makes one of the tensors of another: the exchange of channels.
fn exchanged(it: &Interpreter<'_>, trace: &Trace, candidate: &Candidate) -> Option<Lost> {
    let tensors: Vec<ValueId> = candidate
        .products
        .iter()
        .map(|&p| trace.products[p].tensor)
        .collect();
    let sources: FxHashSet<ValueId> = tensors
        .iter()
        .flat_map(|&tensor| origins(it, tensor))
        .collect();
    tensors
        .iter()
        .flat_map(|&tensor| origins(it, tensor))
        .find_map(|value| {
            let (node, _) = it.index().producer(value)?;
            lost::of(it, node).filter(|stopped| !lost::is_symptom(stopped))?;
            let made = &it.file.graph().node[node];
            let is_exchange = matches!(flow::effect(made), Effect::Mixes)
                && flow::inputs(it, made).any(|(_, id)| sources.contains(&id));
            is_exchange.then(|| lost::at(it, value)).flatten()
        })
}

/// The nodes between angles, tensors and the end of a candidate, in graph order. Values that all tensors come from are left out:
/// nothing has to be known of how the tensor that is rotated was computed.
fn way(it: &Interpreter<'_>, trace: &Trace, candidate: &Candidate) -> Vec<usize> {
    let mut values: FxHashSet<ValueId> = candidate.values.iter().copied().collect();
    let mut open: Vec<ValueId> = candidate
        .products
        .iter()
        .map(|&p| trace.products[p].angle)
        .collect();
    for &p in &candidate.products {
        if !trace.products[p].kinds.any() {
            values.extend(origins(it, trace.products[p].angle));
        }
    }
    while let Some(value) = open.pop() {
        if trace.angles.contains_key(&value) && values.insert(value) {
            open.extend(sources(it, value));
        }
    }
    let origins: Vec<FxHashSet<ValueId>> = candidate
        .products
        .iter()
        .map(|&p| origins(it, trace.products[p].tensor))
        .collect();
    let mut counts: FxHashMap<ValueId, usize> = FxHashMap::default();
    for &value in origins.iter().flatten() {
        *counts.entry(value).or_default() += 1;
    }
    let shared = |value: &ValueId| counts.get(value) == Some(&origins.len());
    if origins.iter().flatten().any(shared) {
        let parts = origins.iter().flatten().copied();
        values.extend(parts.filter(|value| !shared(value)));
    }
    let nodes: FxHashSet<usize> = values
        .into_iter()
        .filter_map(|value| it.index().producer(value))
        .map(|(node, _)| node)
        .collect();
    let mut nodes: Vec<usize> = nodes.into_iter().collect();
    nodes.sort_unstable_by_key(|&node| it.index().rank(node));
    nodes
}

/// Names of the tensors that are multiplied, without repetition, each traced back through nodes that only rearrange it.
fn tensors(it: &Interpreter<'_>, trace: &Trace, candidate: &Candidate) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = FxHashSet::default();
    for &p in &candidate.products {
        let mut value = trace.products[p].tensor;
        for _ in 0..MAX_ORIGINS {
            let Some((node, _)) = it.index().producer(value) else {
                break;
            };
            let node = &it.file.graph().node[node];
            let Effect::Moves(data) = flow::effect(node) else {
                break;
            };
            let source = flow::inputs(it, node).find(|(k, _)| data.first() == Some(k));
            let Some((_, source)) = source else { break };
            value = source;
        }
        if seen.insert(value) {
            names.push(it.index().name(value).to_owned());
        }
    }
    names
}

/// The miss where halves are exchanged along another axis than the last, by a concatenation of pieces of one tensor.
fn exchanged_elsewhere(it: &Interpreter<'_>, trace: &Trace, candidate: &Candidate) -> Option<Miss> {
    candidate.products.iter().find_map(|&p| {
        let tensor = trace.products[p].tensor;
        let (node, _) = it.index().producer(tensor)?;
        let node = &it.file.graph().node[node];
        if node.op_type() != "Concat" {
            return None;
        }
        let pieces: Vec<ValueId> = flow::inputs(it, node).map(|(_, id)| id).collect();
        let whole = it.known(*pieces.first()?)?;
        let axis = node.int("axis")?;
        let axis = if axis < 0 {
            axis + whole.rank() as i64
        } else {
            axis
        };
        if axis + 1 == whole.rank() as i64 {
            return None;
        }
        let mut base = None;
        for piece in &pieces {
            let root = base_root(it, *piece)?;
            if *base.get_or_insert(root) != root {
                return None;
            }
        }
        let shape = display::shape(&it.arena, &whole.shape);
        let reason = format!(
            "the halves that are exchanged lie along axis {axis} of the tensor, in pieces of shape {shape}, and not along its last axis"
        );
        let hint = "a rotation exchanges channels within one head: check the axis of the slices and of the concatenation, or transpose the tensor so that its channels come last";
        Some(Miss::new(RULE, Stage::Angles, candidate.end, reason).with_hint(Some(hint)))
    })
}

/// The root that the channels of a value come from, before any slicing.
fn base_root(it: &Interpreter<'_>, value: ValueId) -> Option<RootId> {
    let known = it.known(value)?;
    let terms = it.arena.terms(*known.data.first()?);
    let mut root = *single_roots(&it.arena, terms.first()?.mono).first()?;
    while let RootKind::Derived(base, _) = &it.arena.root_of(root).kind {
        root = *base;
    }
    Some(root)
}
