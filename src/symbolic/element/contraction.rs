//! Products of matrices that sum something up: which elements of the two factors are multiplied.
//!
//! An element of such a product is no expression in elements, but an access to the product. What it sums up is asked for here, by
//! whoever looks for more than where data moves.

use rustc_hash::FxHashMap;

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::ops::linear::equation;
use crate::symbolic::poly::{AtomId, PolyId};
use crate::symbolic::value::Value;

use super::{Access, Elements, Indices};

/// The axis of the coordinate that is summed over: no tensor has so many.
pub(super) const SUMMED: u32 = u32::MAX;

/// An element that is a sum of products of elements of two tensors.
#[derive(Clone, Debug)]
pub struct Contraction {
    /// What is multiplied.
    pub factors: [Factor; 2],
    /// The coordinate that is summed over.
    pub along: AtomId,
    /// Its size.
    pub size: PolyId,
}

/// One factor of such products.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The tensor.
    pub value: ValueId,
    /// Where its element lies.
    pub at: Indices,
    /// The element.
    pub element: PolyId,
}

impl Elements {
    /// What an element sums up; `None` if it is no sum over one axis of products of two tensors.
    pub fn contraction(
        &mut self,
        it: &mut Interpreter<'_>,
        element: &Access,
    ) -> Option<Contraction> {
        let (node, _) = it.index().producer(element.value)?;
        let file = it.file;
        let node = &file.graph().node[node];
        if !node.is_standard() || node.input.len() != 2 {
            return None;
        }
        let ids = [0, 1].map(|slot| it.index().id(&node.input[slot]));
        let [Some(a), Some(b)] = ids else { return None };
        let values = [it.value(a).ok()?, it.value(b).ok()?];
        let own = it.value(element.value).ok()?;
        let factors = [&*values[0], &*values[1]];
        let places = places(node, factors, own.rank())?;
        let size = summed(it, node, &places, factors)?;
        let along = it.arena.coordinate(SUMMED, size);
        let mut factor = |slot: usize, value| {
            let place = (&element.indices, along);
            let at = indices(it, &places[slot], factors[slot], &own, place)?;
            let element = self.element(it, value, &at);
            Some(Factor { value, at, element })
        };
        let factors = [factor(0, a)?, factor(1, b)?];
        Some(Contraction {
            factors,
            along: it.arena.as_atom(along)?,
            size,
        })
    }
}

/// Which axis of the product each axis of a factor goes along; `None` for the one that is summed over.
type Places = Vec<Option<usize>>;

/// The places of both factors of a product of this rank, if it sums up one axis of both.
pub(super) fn places(node: &NodeProto, factors: [&Value; 2], rank: usize) -> Option<[Places; 2]> {
    match node.op_type() {
        "MatMul" => matmul(factors, rank),
        "Einsum" => einsum(node, factors, rank),
        _ => None,
    }
}

fn matmul(factors: [&Value; 2], rank: usize) -> Option<[Places; 2]> {
    let place = |from: &Value, summed: usize| -> Option<Places> {
        let skipped = rank.checked_sub(from.rank())?;
        let axes = 0..from.rank();
        Some(
            axes.map(|axis| (axis != summed).then_some(skipped + axis))
                .collect(),
        )
    };
    let [a, b] = factors;
    if a.rank() < 2 || b.rank() < 2 {
        return None;
    }
    Some([place(a, a.rank() - 1)?, place(b, b.rank() - 2)?])
}

fn einsum(node: &NodeProto, factors: [&Value; 2], rank: usize) -> Option<[Places; 2]> {
    let ([a, b], result) = equation(node, factors.map(Value::rank)).ok()?;
    let mut labels: FxHashMap<char, usize> = FxHashMap::default();
    for (axis, label) in result.into_iter().enumerate() {
        if !label.is_alphabetic() || labels.insert(label, axis).is_some() {
            return None;
        }
    }
    if labels.len() != rank {
        return None;
    }
    let place = |term: &[char], from: &Value| -> Option<Places> {
        let mut seen: Vec<char> = Vec::new();
        for &label in term {
            if !label.is_alphabetic() || seen.contains(&label) {
                return None;
            }
            seen.push(label);
        }
        let places = seen.iter().map(|label| labels.get(label).copied());
        (seen.len() == from.rank()).then(|| places.collect())
    };
    let inner = |term: &[char]| -> Vec<char> {
        let labels = term.iter().filter(|label| !labels.contains_key(label));
        labels.copied().collect()
    };
    let (left, right) = (inner(&a), inner(&b));
    if left.len() != 1 || left != right {
        return None;
    }
    Some([place(&a, factors[0])?, place(&b, factors[1])?])
}

/// The size of the axis that is summed over, if both factors have it. `MatMul` fails where they do not, so of two sizes the one that is
/// a number, or the one of the right factor, is the size of both.
pub(super) fn summed(
    it: &Interpreter<'_>,
    node: &NodeProto,
    places: &[Places; 2],
    factors: [&Value; 2],
) -> Option<PolyId> {
    let size = |slot: usize| {
        let axis = places[slot].iter().position(Option::is_none)?;
        factors[slot].shape.get(axis).copied()
    };
    let (left, right) = (size(0)?, size(1)?);
    if left == PolyId::ONE || right == PolyId::ONE || left != right && node.op_type() != "MatMul" {
        return None;
    }
    let is_number = it.arena.as_integer(left).is_some();
    Some(if is_number { left } else { right })
}

/// Where the element of a factor lies. An axis of another size than the product's may be 1 at run time, so that its index is not known.
pub(super) fn indices(
    it: &Interpreter<'_>,
    places: &Places,
    from: &Value,
    own: &Value,
    (at, along): (&Indices, PolyId),
) -> Option<Indices> {
    let index = |(place, &size): (&Option<usize>, &PolyId)| match *place {
        None => Some(along),
        Some(_) if size == PolyId::ONE => Some(PolyId::ZERO),
        Some(axis) if it.arena.may_stretch(size, *own.shape.get(axis)?) => None,
        Some(axis) => at.get(axis).copied(),
    };
    places.iter().zip(&from.shape).map(index).collect()
}
