//! Types and shapes of inputs, and of what products of matrices make of them.

use crate::onnx::DataType;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::poly::PolyId;
use crate::symbolic::value::Shape;
use crate::symbolic::visit::Visit;

/// Element type and shape of an input.
pub(super) fn input(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    position: usize,
) -> Option<(DataType, Shape)> {
    let id = visit.optional(position)?;
    // Initializers are weights here: their shape is enough, their data stays unread.
    if let Some(index) = it.file.constant(id) {
        let file = it.file;
        let proto = &file.graph().initializer[index];
        let shape = proto.dims.iter().map(|&d| it.arena.integer(d)).collect();
        return Some((DataType::from_onnx(proto.data_type())?, shape));
    }
    let value = it.value(id).ok()?;
    Some((value.dtype, value.shape.clone()))
}

/// The shape that shapes broadcast to.
pub fn joined(it: &mut Interpreter<'_>, shapes: &[Shape]) -> Shape {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    (0..rank)
        .map(|axis| {
            let sizes = shapes
                .iter()
                .filter_map(|s| (axis + s.len()).checked_sub(rank).map(|k| s[k]));
            sizes.fold(PolyId::ONE, |all, size| it.arena.broadcast_size(all, size))
        })
        .collect()
}

/// The shape of a matrix product.
pub(super) fn product(it: &mut Interpreter<'_>, a: &Shape, b: &Shape) -> Option<Shape> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let mut shape = joined(it, &[a[..a.len() - 2].into(), b[..b.len() - 2].into()]);
    shape.push(a[a.len() - 2]);
    shape.push(b[b.len() - 1]);
    Some(shape)
}

pub(super) fn gemm(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let ((dtype, a), (_, b)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let transposed = |name: &str| visit.node.int(name).unwrap_or(0) != 0;
    let rows = *a.get(usize::from(transposed("transA")))?;
    let columns = *b.get(usize::from(!transposed("transB")))?;
    Some((dtype, Shape::from_slice(&[rows, columns])))
}
