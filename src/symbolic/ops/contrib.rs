//! Shapes of ONNX Runtime's fused and quantised operators (domain `com.microsoft`).
//!
//! Models that were optimised or quantised for ONNX Runtime have them between the rotations: where their shapes were not known,
//! the layers behind them would have no sizes in common with the tables of cosines and sines.

use crate::onnx::DataType;
use crate::symbolic::interpreter::Interpreter;
use crate::symbolic::value::Shape;
use crate::symbolic::visit::Visit;

use super::factors::{gemm, input, product};

/// Element type and shape of output `slot`, from the values of the inputs.
pub(super) fn infer(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    slot: usize,
) -> Option<(DataType, Shape)> {
    match (visit.node.op_type(), slot) {
        ("FusedMatMul" | "TransposeMatMul", 0) => fused_matmul(it, visit),
        ("DynamicQuantizeMatMul", 0) => quantised(it, visit, 0),
        ("MatMulIntegerToFloat", 0) => quantised(it, visit, 2),
        ("MatMulNBits" | "MatMulBnb4" | "MatMulFpQ4", 0) => packed(it, visit),
        ("FusedGemm", 0) => gemm(it, visit),
        // The fourth output is the sum before the norm.
        ("SkipLayerNormalization" | "SkipSimplifiedLayerNormalization", 0 | 3)
        | ("MoE" | "QMoE", 0) => input(it, visit, 0),
        ("EmbedLayerNormalization", 0) => {
            let ((_, mut shape), (dtype, words)) = (input(it, visit, 0)?, input(it, visit, 2)?);
            shape.push(*words.last()?);
            Some((dtype, shape))
        }
        ("GroupQueryAttention" | "MultiHeadAttention", 0) => attention(it, visit),
        _ => None,
    }
}

/// A product of matrices either of which may be transposed. `transBatch` moves the first axis behind the batch axes; `trans`
/// then swaps the last two.
fn fused_matmul(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let set = |name: &str| visit.node.int(name).unwrap_or(0) != 0;
    let ((dtype, mut a), (_, mut b)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    for (shape, batch, last) in [
        (&mut a, set("transBatchA"), set("transA")),
        (&mut b, set("transBatchB"), set("transB")),
    ] {
        let rank = shape.len();
        if rank < 2 {
            return None;
        }
        if batch {
            shape[..rank - 1].rotate_left(1);
        }
        if last {
            shape.swap(rank - 2, rank - 1);
        }
    }
    product(it, &a, &b).map(|shape| (dtype, shape))
}

/// A product of integers that comes out in the type of input `typed`.
fn quantised(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    typed: usize,
) -> Option<(DataType, Shape)> {
    let ((_, a), (_, b)) = (input(it, visit, 0)?, input(it, visit, 1)?);
    let (dtype, _) = input(it, visit, typed)?;
    product(it, &a, &b).map(|shape| (dtype, shape))
}

/// A product with weights of few bits, whose size is an attribute.
fn packed(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let (dtype, mut shape) = input(it, visit, 0)?;
    let columns = visit.node.int("N")?;
    *shape.last_mut()? = it.arena.integer(columns);
    Some((dtype, shape))
}

/// Attention over queries, keys and values that are given apart; packed ones are left.
fn attention(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Option<(DataType, Shape)> {
    let ((dtype, mut shape), (_, value)) = (input(it, visit, 0)?, input(it, visit, 2)?);
    if shape.len() != 3 || value.len() != 3 {
        return None;
    }
    // Grouped heads share values: there the result is as wide as the queries.
    if visit.node.op_type() == "MultiHeadAttention" {
        shape[2] = value[2];
    }
    Some((dtype, shape))
}

#[cfg(test)]
mod tests;
