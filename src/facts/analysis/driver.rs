//! Infers every node of a tract model on its own, in topological order, and again when something it depends on is refined.
//!
//! tract's own driver stops at the first node that fails. Here a failure costs that node alone. Facts that tract is
//! known to get wrong are held back: the outcome of an `If`, a slice whose bound may be of either sign, the remainder of shape values that may be
//! negative, and whatever has a negative dimension. So are sizes that are sums of more symbols than any model has: each operator
//! would go through all of them.

use crate::engine::guard::caught;
use crate::engine::tract::gate;
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array::StridedSlice;

/// The most times one node is inferred; refinement ends long before.
const MAX_VISITS: u8 = 16;

/// Elements that a constant may have to be computed during analysis.
const MAX_EVALUATED: usize = 4096;

/// Most parts of a dimension's expression; the sizes of vision models have about 20.
const MAX_TERMS: usize = 256;

/// The result, beside the facts in the model.
pub(super) struct Outcome {
    wrong: FxHashSet<OutletId>,
}

impl Outcome {
    /// Whether a fact must not be believed.
    pub(super) fn is_wrong(&self, outlet: OutletId) -> bool {
        self.wrong.contains(&outlet)
    }
}

/// Refines the facts of a model's values in place.
pub(super) fn infer(model: &mut InferenceModel) -> Outcome {
    let count = model.nodes().len();
    let order = model.eval_order().unwrap_or_else(|_| (0..count).collect());
    let mut rank = vec![usize::MAX; count];
    order
        .iter()
        .enumerate()
        .for_each(|(at, node)| rank[*node] = at);
    // Nodes that no output needs come last.
    let mut by_rank = order;
    for (node, rank) in rank
        .iter_mut()
        .enumerate()
        .filter(|(_, rank)| **rank == usize::MAX)
    {
        *rank = by_rank.len();
        by_rank.push(node);
    }
    let mut outcome = Outcome {
        wrong: FxHashSet::default(),
    };
    let mut visits = vec![0u8; count];
    let mut open: BTreeSet<usize> = (0..by_rank.len()).collect();
    while let Some(at) = open.pop_first() {
        let node = by_rank[at];
        if visits[node] >= MAX_VISITS {
            continue;
        }
        visits[node] += 1;
        let Ok(Ok(changed)) = caught(|| step(model, node)) else {
            continue;
        };
        for (outlet, fact) in changed {
            if has_negative_dim(&fact) || fact.shape.dims().any(is_long) {
                outcome.wrong.insert(outlet);
                continue;
            }
            if model.set_outlet_fact(outlet, fact).is_err() {
                continue;
            }
            let source = &model.nodes()[outlet.node];
            open.extend(
                source.outputs[outlet.slot]
                    .successors
                    .iter()
                    .map(|s| rank[s.node])
                    .filter(|r| *r != at),
            );
            if outlet.node != node {
                open.insert(rank[outlet.node]);
            }
        }
    }
    outcome
}

/// Infers one node; returns the facts that it refines.
fn step(model: &mut InferenceModel, id: usize) -> TractResult<Vec<(OutletId, InferenceFact)>> {
    let node = model.node(id);
    if node.inputs.is_empty() && node.outputs.iter().all(|o| o.fact.shape.is_concrete()) {
        return Ok(Vec::new());
    }
    let (inputs, outputs) = model.node_facts(id)?;
    let mut inputs: TVec<InferenceFact> = inputs.into_iter().cloned().collect();
    let outputs: TVec<InferenceFact> = outputs.into_iter().cloned().collect();
    let observed = node.op.observe_outlets(model, node)?;
    let observed: TVec<InferenceFact> = observed
        .iter()
        .map(|o| model.outlet_fact(*o).cloned())
        .collect::<TractResult<_>>()?;
    // tract analyses and runs whole bodies here, out of our control.
    if matches!(&*node.op.name(), "If" | "Scan") {
        return Ok(Vec::new());
    }
    let is_slice = gate::inner(node.op.as_ref())
        .as_op()
        .downcast_ref::<StridedSlice>()
        .is_some();
    if is_slice {
        inputs.iter_mut().skip(1).take(2).for_each(plain_bounds);
        if inputs.iter().skip(1).take(2).any(is_undecidable) {
            let shape = inputs[0]
                .shape
                .rank()
                .concretize()
                .map(|rank| tvec![DimFact::Any; rank as usize]);
            let shape = shape.map(ShapeFactoid::closed).unwrap_or_default();
            let fact = InferenceFact {
                datum_type: inputs[0].datum_type,
                shape,
                value: ValueFact::Any,
            };
            return Ok(refined(model, OutletId::new(id, 0), &fact)?
                .into_iter()
                .collect());
        }
    }
    // The facts that a slice states for its bounds are those of the integers that replaced them.
    let inlets = if is_slice {
        vec![node.inputs[0]]
    } else {
        node.inputs.clone()
    };
    let is_remainder = matches!(&*node.op.name(), "Remint" | "Rem");
    let op = &mut model.node_mut(id).op;
    let (inferred, mut results, _) = op.infer_facts(
        inputs.iter().collect(),
        outputs.iter().collect(),
        observed.iter().collect(),
    )?;
    if let Some(values) = evaluated(op.as_ref(), &inferred, &results)? {
        results = values;
    }
    if is_remainder
        && inputs
            .iter()
            .any(|i| i.datum_type.concretize().is_some_and(|t| t.is_tdim()))
    {
        results
            .iter_mut()
            .for_each(|fact| fact.value = remainder(&inputs));
    }
    let mut changed = Vec::new();
    for (outlet, fact) in inlets.iter().zip(&inferred) {
        changed.extend(refined(model, *outlet, fact)?);
    }
    for (slot, fact) in results.iter().enumerate() {
        changed.extend(refined(model, OutletId::new(id, slot), fact)?);
    }
    Ok(changed)
}

/// What a node computes, if its inputs are constants and neither they nor the results are more than a few thousand elements:
/// enough for shapes, and no work or memory that a file could make large.
fn evaluated(
    op: &dyn InferenceOp,
    inputs: &[InferenceFact],
    results: &[InferenceFact],
) -> TractResult<Option<TVec<InferenceFact>>> {
    let is_small = |fact: &InferenceFact| {
        let dims = fact.shape.as_concrete_finite().ok().flatten();
        let count = dims.and_then(|dims| dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)));
        count.is_some_and(|n| n <= MAX_EVALUATED)
    };
    if inputs.is_empty() || !inputs.iter().chain(results).all(is_small) {
        return Ok(None);
    }
    let values = inputs
        .iter()
        .map(|i| i.value.concretize().map(|t| t.into_tvalue()));
    let Some(values) = values.collect::<Option<TVec<TValue>>>() else {
        return Ok(None);
    };
    // It may fail on symbols that have no value; the rules' facts hold all the same.
    let Ok(Some(values)) = op.eval_out_of_plan(values) else {
        return Ok(None);
    };
    let facts = values
        .into_iter()
        .map(|t| InferenceFact::try_from(t.into_arc_tensor()));
    Ok(Some(facts.collect::<TractResult<_>>()?))
}

/// The fact of an outlet with what is newly known, if that is news.
fn refined(
    model: &InferenceModel,
    outlet: OutletId,
    fact: &InferenceFact,
) -> TractResult<Option<(OutletId, InferenceFact)>> {
    let old = model.outlet_fact(outlet)?;
    let new = old.unify(fact)?;
    Ok((new != *old).then_some((outlet, new)))
}

/// Turns bounds that are symbolic integers only by type into plain ones: tract knows the bound "to the end", the largest int64,
/// only by that type.
fn plain_bounds(bounds: &mut InferenceFact) {
    let Some(value) = bounds
        .value
        .concretize()
        .filter(|v| v.datum_type().is_tdim())
    else {
        return;
    };
    if let Ok(plain) = value.cast_to::<i64>() {
        *bounds = InferenceFact::from(plain.into_owned());
    }
}

/// Whether the bounds of a slice have one whose sign depends on the symbols, or one "to the end" among symbolic ones: tract
/// guesses there.
fn is_undecidable(bounds: &InferenceFact) -> bool {
    let Some(bounds) = bounds
        .value
        .concretize()
        .filter(|v| v.datum_type().is_tdim())
    else {
        return false;
    };
    let Ok(plain) = bounds.try_as_plain_ram() else {
        return true;
    };
    let undecidable = |bound: &TDim| match bound.as_i64() {
        Some(n) => n.unsigned_abs() >= i32::MAX as u64,
        None => !bound.prove_positive_or_zero() && !bound.prove_negative_or_zero(),
    };
    plain
        .as_slice::<TDim>()
        .is_ok_and(|bounds| bounds.iter().any(undecidable))
}

/// The remainder as ONNX defines it for integers, of the divisor's sign; unknown for symbolic values.
fn remainder(inputs: &[InferenceFact]) -> ValueFact {
    let numbers = |fact: &InferenceFact| -> Option<(Vec<usize>, Vec<i64>)> {
        let value = fact.value.concretize()?;
        let value = value.cast_to::<TDim>().ok()?;
        let dims = value
            .try_as_plain_ram()
            .ok()?
            .as_slice::<TDim>()
            .ok()?
            .to_vec();
        Some((
            value.shape().to_vec(),
            dims.iter().map(TDim::as_i64).collect::<Option<_>>()?,
        ))
    };
    let (Some((shape, a)), Some((_, b))) = (numbers(&inputs[0]), numbers(&inputs[1])) else {
        return ValueFact::Any;
    };
    let [b] = b.as_slice() else {
        return ValueFact::Any;
    };
    if *b == 0 {
        return ValueFact::Any;
    }
    let values: Vec<TDim> = a
        .iter()
        .map(|a| {
            (a.wrapping_rem(*b).wrapping_add(*b))
                .wrapping_rem(*b)
                .to_dim()
        })
        .collect();
    let value = tensor1(&values).into_shape(&shape).ok();
    value.map_or(ValueFact::Any, |t| ValueFact::Only(t.into_arc_tensor()))
}

/// Whether a dimension has more terms or factors than is worth following.
fn is_long(dim: &DimFact) -> bool {
    let mut open: Vec<TDim> = dim.concretize().into_iter().collect();
    let mut count = 0;
    while let Some(next) = open.pop() {
        count += 1;
        if count > MAX_TERMS {
            return true;
        }
        match next {
            TDim::Add(terms) | TDim::Mul(terms) => open.extend(terms),
            TDim::MulInt(_, inner) | TDim::Div(inner, _) => open.push(*inner),
            _ => {}
        }
    }
    false
}

fn has_negative_dim(fact: &InferenceFact) -> bool {
    fact.shape.dims().any(|dim| {
        dim.concretize()
            .is_some_and(|d| d.as_i64().is_some_and(|n| n < 0))
    })
}
