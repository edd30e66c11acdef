//! Pairs that are turned by angle 0.
//!
//! The operator multiplies the channels of such a pair by a sine of 0, each for its partner, which makes NaN of an infinite one. A graph
//! that copies them, or multiplies others by 0, computes something else then. A product with 0 leaves no trace in the element that it is
//! added to, so the products are looked for in the graph, back from the rotated tensor.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::onnx::ValueId;
use crate::onnx::proto::NodeProto;
use crate::recognize::kit::behind::read;
use crate::symbolic::Interpreter;
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::Value;

use super::readoff::{Rotation, members};

/// Most nodes between the rotated tensor and a sum.
const MAX_STEPS: usize = 24;

/// An element of the rotated tensor, and what is multiplied by 0 for it, with either sign.
struct Wanted {
    element: PolyId,
    partner: [PolyId; 2],
}

/// The products with 0 that the operator makes as well.
///
/// # Errors
/// The first channel to which the operator adds one that the graph does not make.
pub(super) fn products(
    it: &mut Interpreter<'_>,
    y: ValueId,
    (x, yv): (&Value, &Value),
    rotation: &Rotation,
) -> Result<FxHashSet<ValueId>, usize> {
    let mut found: FxHashMap<ValueId, FxHashSet<usize>> = FxHashMap::default();
    let mut stills: Vec<(ValueId, usize)> = Vec::new();
    for (lead, pairs) in rotation.pairs.iter().enumerate() {
        let first = lead * rotation.channels + rotation.offset;
        for (k, pair) in pairs.iter().enumerate() {
            if pair.first.1 != PolyId::ZERO && pair.second.1 != PolyId::ZERO {
                continue;
            }
            let (a, b) = members(rotation.input, k, rotation.width);
            for (own, partner) in [(a, b), (b, a)] {
                let channel = rotation.offset + own;
                if rotation.input != rotation.output {
                    return Err(channel);
                }
                let partner = x.data[first + partner];
                let wanted = Wanted {
                    element: yv.data[first + own],
                    partner: [partner, it.arena.scale(partner, -1.0)],
                };
                let (product, at) = product(it, y, &wanted).ok_or(channel)?;
                found.entry(product).or_default().insert(at);
                stills.push((product, channel));
            }
        }
    }
    // A product may have other elements that are 0.
    let is_shared = |(&product, places): (&ValueId, &FxHashSet<usize>)| {
        let value = it.known(product);
        value.is_some_and(|value| {
            let mut data = value.data.iter().enumerate();
            data.all(|(at, &p)| p != PolyId::ZERO || places.contains(&at))
        })
    };
    let mut stills = stills.into_iter();
    match stills.find(|(product, _)| !is_shared((product, &found[product]))) {
        Some((_, channel)) => Err(channel),
        None => Ok(found.into_keys().collect()),
    }
}

/// The product with 0 that is added to an element of a value, and where it is.
fn product(it: &Interpreter<'_>, y: ValueId, wanted: &Wanted) -> Option<(ValueId, usize)> {
    let mut value = y;
    for _ in 0..MAX_STEPS {
        let node = node(it, value)?;
        let inputs = read(it, value);
        match node.op_type() {
            "Add" | "Sub" => return summand(it, value, &inputs, wanted),
            "Identity" | "Cast" | "CastLike" | "Reshape" | "Flatten" | "Transpose" | "Squeeze"
            | "Unsqueeze" | "Expand" | "Concat" | "Slice" | "Split" | "Gather" | "ScatterND" => {
                let holds = |id: &ValueId| {
                    let value = it.known(*id);
                    value.is_some_and(|value| value.data.contains(&wanted.element))
                };
                let mut holding = inputs.into_iter().filter(holds);
                // Of two, either may be the one.
                value = holding.next().filter(|_| holding.next().is_none())?;
            }
            _ => return None,
        }
    }
    None
}

/// The same of a sum: one term is the element, the other a product of its partner with 0.
fn summand(
    it: &Interpreter<'_>,
    sum: ValueId,
    terms: &[ValueId],
    wanted: &Wanted,
) -> Option<(ValueId, usize)> {
    let &[a, b] = terms else { return None };
    let whole = it.known(sum)?;
    let mut places = whole.data.iter().enumerate();
    let is_place = |(at, &p): (usize, &PolyId)| (p == wanted.element).then_some(at);
    let at = places.find_map(is_place)?;
    if places.any(|(_, &p)| p == wanted.element) {
        return None;
    }
    let element = |id: ValueId| {
        let value = it.known(id)?;
        (value.data.len() == whole.data.len()).then(|| value.data[at])
    };
    let (own, mut zero) = match element(b)? == PolyId::ZERO {
        true => (a, b),
        false => (b, a),
    };
    if element(own)? != wanted.element || element(zero)? != PolyId::ZERO {
        return None;
    }
    let mut made = node(it, zero)?;
    if made.is_onnx("Neg") {
        zero = *read(it, zero).first()?;
        made = node(it, zero)?;
    }
    let factors = read(it, zero);
    let mut factors = factors.iter().filter_map(|&id| element(id));
    let is_partner = factors.any(|factor| wanted.partner.contains(&factor));
    (made.is_onnx("Mul") && is_partner && element(zero)? == PolyId::ZERO).then_some((zero, at))
}

fn node<'a>(it: &Interpreter<'a>, value: ValueId) -> Option<&'a NodeProto> {
    let (node, _) = it.index().producer(value)?;
    let file = it.file;
    let node = &file.graph().node[node];
    node.is_standard().then_some(node)
}

#[cfg(test)]
mod tests;
