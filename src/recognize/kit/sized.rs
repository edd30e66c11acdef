//! Finds a tensor along an axis of which places can be counted.

use crate::onnx::ValueId;
use crate::symbolic::Interpreter;
use crate::symbolic::element::Elements;
use crate::symbolic::poly::PolyId;

use super::order::Order;

/// A tensor with an axis of this size, and the axis: among `values`, or else an input of the graph that exists before `y`.
pub(in crate::recognize) fn find(
    it: &mut Interpreter<'_>,
    order: &Order,
    y: ValueId,
    values: &[ValueId],
    size: PolyId,
) -> Option<(ValueId, usize)> {
    let size = Elements::size(it, size);
    let inputs = it.file.graph().input.iter();
    let inputs = inputs.filter_map(|input| it.index().id(input.name()));
    let inputs = inputs.filter(|&id| order.is_before(id, y));
    let all: Vec<ValueId> = values.iter().copied().chain(inputs).collect();
    all.into_iter().find_map(|id| {
        let shape = it.known(id)?.shape.clone();
        let mut sizes = shape.iter().map(|&own| Elements::size(it, own));
        Some((id, sizes.position(|own| own == size)?))
    })
}
