//! `RelativePositionBias` in standard ONNX operators.
//!
//! The table is brought to one row a head and one column a distance first, which is small; the large `Gather` then writes the
//! bias in its final order. Its indices are distances: negative ones count from the end, so the columns start with distance 0 and
//! end with -1. Neither knows element types, nor the sizes.

use super::{INPUTS, OUTPUTS, SPEC};
use crate::contract::body::{BodyBuilder, agreed};
use crate::contract::relative::body::{Plane, clamped, plane, size_and_reach};
use crate::contract::spec::names;
use crate::contract::{BodyAttribute, ContractError, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelativeBiasUse {
    /// Whether positions, of queries or of keys, have an axis of batches.
    pub batched: Option<bool>,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13.
pub fn function_body(opset: i64, uses: &[RelativeBiasUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let b = &mut builder;
    let [table, lut, _, _] = names(&INPUTS);
    let batched = agreed(uses, |u| u.batched).unwrap_or(true);

    let zero = b.vector(&[0]);
    let (count, reach) = size_and_reach(b, lut);
    let upper = b.op("Slice", &[lut, &reach, &count]);
    let lower = b.op("Slice", &[lut, &zero, &reach]);
    let buckets = b.concat(&[&upper, &lower]);
    let heads = b.transpose(table, &[1, 0]);
    let columns = b.gather(&heads, &buckets);

    let Plane { queries, keys } = plane(b, batched);
    let distance = clamped(b, &queries, &keys, &reach);
    // [N, Q, K], or [N, B, Q, K].
    let bias = b.op_with(
        "Gather",
        &[&columns, &distance],
        vec![("axis", BodyAttribute::Int(1))],
    );
    if batched {
        b.transpose(&bias, &[1, 0, 2, 3]);
    } else {
        b.op("Unsqueeze", &[&bias, &zero]);
    }
    let [bias] = names(&OUTPUTS);
    b.name_last(bias);
    Ok(builder.finish(&SPEC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::body::assert_in_order;

    #[test]
    fn bodies_are_in_topological_order_with_unique_names() {
        let used = |batched| RelativeBiasUse { batched };
        let plain = [used(Some(false))];
        let mixed = [used(Some(false)), used(Some(true))];
        for uses in [&[][..], &plain, &mixed, &[used(None)]] {
            for opset in [13, 18, 23] {
                let body = function_body(opset, uses).unwrap();
                assert_in_order(&body);
                let large = body.nodes.iter().filter(|n| n.op_type == "Transpose");
                assert_eq!(large.count(), if uses == plain { 1 } else { 2 });
            }
        }
    }
}
