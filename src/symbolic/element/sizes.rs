//! Sizes of axes along which an element exists, so that they are at least 1, and what reshapes say of sizes.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::onnx::ValueId;
use crate::symbolic::function::Function;
use crate::symbolic::poly::{Arena, Atom, PolyId};

use super::Algebra;

/// Numbers the coordinates of sizes apart from those of tensors.
const SIZED: u32 = 1 << 17;

/// Differences that are 0 wherever the node of a value runs.
#[derive(Default)]
pub(super) struct Facts {
    known: FxHashMap<ValueId, PolyId>,
}

impl Facts {
    pub(super) fn note(&mut self, value: ValueId, zero: PolyId) {
        self.known.insert(value, zero);
    }

    /// Whether `p` is 0 wherever the nodes of these values run.
    pub(super) fn are_zero(&self, arena: &mut Arena, p: PolyId, values: &[ValueId]) -> bool {
        let negated = arena.scale(p, -1.0);
        p == PolyId::ZERO
            || values
                .iter()
                .filter_map(|value| self.known.get(value))
                .any(|&zero| zero == p || zero == negated)
    }
}

/// A size without the clamps that have no effect where it is at least 1.
pub(super) fn positive(arena: &mut Arena, size: PolyId) -> PolyId {
    let [term] = arena.terms(size)[..] else {
        return size;
    };
    let mut product = arena.constant(term.coefficient);
    for factor in arena.factors(term.mono) {
        let factor = positive_factor(arena, PolyId::of_atom(factor));
        match arena.mul(product, factor) {
            Ok(longer) => product = longer,
            Err(_) => return size,
        }
    }
    product
}

fn positive_factor(arena: &mut Arena, factor: PolyId) -> PolyId {
    let atom = arena
        .as_atom(factor)
        .map(|atom| arena.atom_of(atom).clone());
    let Some(Atom::Apply { function, args }) = atom else {
        return factor;
    };
    match (function, &args[..]) {
        (Function::Max, &[PolyId::ZERO, inner] | &[inner, PolyId::ZERO]) => positive(arena, inner),
        (Function::Min, &[a, b]) => {
            // Neither is less than 1.
            let (a, b) = (positive(arena, a), positive(arena, b));
            let sizes: SmallVec<[PolyId; 2]> = [a, b]
                .iter()
                .zip(SIZED..)
                .map(|(&size, axis)| arena.coordinate(axis, size))
                .collect();
            Algebra::at(arena, &sizes).apply(Function::Min, &[a, b])
        }
        _ => factor,
    }
}
