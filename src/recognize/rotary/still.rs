//! Pairs that are turned by angle 0.
//!
//! The graph multiplies their channels by a sine of 0, which makes NaN of an infinite one. So does the operator.

use crate::onnx::ValueId;
use crate::symbolic::Interpreter;
use crate::symbolic::poly::PolyId;
use crate::symbolic::root::RootId;
use crate::symbolic::value::Value;

use super::readoff::{Pair, Rotation, channel_of, channels_of, members};

/// Whether the node of a value multiplies by 0 only what the operator multiplies by 0 too: the channels of pairs that are not turned, each
/// for its own pair.
pub(super) fn is_sine_of_0(
    it: &Interpreter<'_>,
    product: ValueId,
    rotation: &Rotation,
    (x, root): (&Value, RootId),
) -> bool {
    let index = it.index();
    let node = index.producer(product).map(|(node, _)| node);
    let Some(node) = node.map(|node| &it.file.graph().node[node]) else {
        return false;
    };
    let (Some(own), Some(origin)) = (it.known(product), channels_of(&it.arena, x, root)) else {
        return false;
    };
    if !node.is_onnx("Mul") || rotation.input != rotation.output {
        return false;
    }
    // What is multiplied by the sines has an element for each of the product.
    let factors = node.input.iter().filter_map(|name| index.id(name));
    let mut factors = factors.filter_map(|id| it.known(id));
    let Some(factor) = factors.find(|factor| {
        let first = factor.data.first();
        factor.data.len() == own.data.len()
            && first.is_some_and(|&p| channel_of(&it.arena, p, root).is_some())
    }) else {
        return false;
    };
    let length = own.extents(&it.arena).last().copied().unwrap_or(1).max(1);
    let (width, half) = (rotation.width, rotation.width / 2);
    // The pair of an element, of all channels, of those in the range, or of one channel a pair.
    let pair_at = |at: usize| {
        let among = match length {
            all if all == rotation.channels => at.checked_sub(rotation.offset)?,
            _ => at,
        };
        if length == half && length != width && length != rotation.channels {
            return Some(at);
        }
        let of_pair = |&k: &usize| {
            let (a, b) = members(rotation.input, k, width);
            among == a || among == b
        };
        (0..half).find(of_pair)
    };
    let is_shared = |at: usize| {
        let Some(k) = pair_at(at % length) else {
            return false;
        };
        let (a, b) = members(rotation.input, k, width);
        let is_still = |pairs: &Vec<Pair>| {
            pairs[k].first.1 == PolyId::ZERO && pairs[k].second.1 == PolyId::ZERO
        };
        let mut heads = match own.data.len() / length == rotation.pairs.len() {
            true => rotation.pairs[at / length..=at / length].iter(),
            false => rotation.pairs.iter(),
        };
        let channel = channel_of(&it.arena, factor.data[at], root);
        let channel = channel.and_then(|atom| origin.get(&atom));
        let is_own = channel.is_some_and(|source| {
            let among = source.channel.checked_sub(rotation.offset);
            among == Some(a) || among == Some(b)
        });
        is_own && heads.all(is_still)
    };
    let mut zeros = (0..own.data.len()).filter(|&at| own.data[at] == PolyId::ZERO);
    zeros.all(is_shared)
}
