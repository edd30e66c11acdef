//! `If` with a known condition: the element of the branch that is taken.
//!
//! A branch is a graph of its own, with elements of its own. Those that it reads from around it are looked for there.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::symbolic::branch;
use crate::symbolic::poly::{Atom, PolyId, Stop};
use crate::symbolic::visit::Visit;

use super::{Elements, Indices, Pause, Query, evaluate};

/// Most nodes of a branch that is looked into.
const MAX_NODES: usize = 256;

pub(super) fn element(
    query: &mut Query<'_, '_>,
    visit: &Visit<'_>,
    slot: usize,
) -> Result<PolyId, Pause> {
    let condition = query.ask_scalar(visit.input(0)?)?;
    let condition = query.it.arena.as_constant(condition);
    let taken = branch::branch(visit, condition.ok_or(Stop::UnknownCondition)? != 0.0)?;
    if taken.node.len() > MAX_NODES {
        return Err(Stop::UnknownCondition.into());
    }
    let (file, given) = branch::alone(query.it, taken)?;
    let at = query.at.clone();
    let outer: FxHashMap<u32, ValueId> = given
        .iter()
        .filter_map(|(inner, name)| Some((inner.0, query.it.index().id(name)?)))
        .collect();
    let found = branch::inside(query.it, visit, (&file, true), &given, |inner| {
        let output = file.graph().output.get(slot)?;
        let id = file.index().id(output.name())?;
        (inner.value(id).ok()?.rank() == at.len())
            .then(|| Elements::default().element(inner, id, &at))
    });
    outside(query, found.ok_or(Stop::BranchNoGraph)?, &outer)
}

/// An element of a branch in terms of the values around it.
fn outside(
    query: &mut Query<'_, '_>,
    element: PolyId,
    outer: &FxHashMap<u32, ValueId>,
) -> Result<PolyId, Pause> {
    let parts = evaluate::parts(&query.it.arena, element).ok_or(Stop::LongSum)?;
    let mut known: FxHashMap<PolyId, PolyId> = FxHashMap::default();
    for part in parts {
        let mut sum = PolyId::ZERO;
        for term in query.it.arena.terms(part).to_vec() {
            let mut product = query.it.arena.constant(term.coefficient);
            for factor in query.it.arena.factors(term.mono) {
                let factor = match query.it.arena.atom_of(factor).clone() {
                    Atom::Access { value, indices, .. } => {
                        let value = outer.get(&value).ok_or(Stop::BranchNoGraph)?;
                        let at: Indices = indices.iter().map(|part| known[part]).collect();
                        query.ask(*value, &at)?
                    }
                    Atom::Apply { function, args } => {
                        let args: SmallVec<[PolyId; 3]> =
                            args.iter().map(|part| known[part]).collect();
                        query.algebra().apply(function, &args)
                    }
                    _ => PolyId::of_atom(factor),
                };
                product = query.it.arena.mul(product, factor)?;
            }
            sum = query.it.arena.add(sum, product)?;
        }
        known.insert(part, sum);
    }
    Ok(known[&element])
}
