//! `RelativePositionBias` in standard ONNX operators.
//!
//! The body first puts the rows of the table, which is small, in the order of distances. The large `Gather` then takes distances as
//! indices: negative ones count from the end, so the rows start with distance 0 and end with -1. It gathers whole rows, which are
//! transposed afterwards: ONNX Runtime needs three times as long to gather single elements in their final order. The body is the
//! same whatever the types and shapes of a use.

use super::{INPUTS, OUTPUTS, SPEC};
use crate::contract::body::BodyBuilder;
use crate::contract::relative::body::{Plane, clamped, plane, size_and_reach};
use crate::contract::spec::names;
use crate::contract::{ContractError, FunctionBody};

/// The body for a model of `opset`.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13.
pub fn function_body(opset: i64) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let b = &mut builder;
    let [table, lut, _, _] = names(&INPUTS);

    let zero = b.vector(&[0]);
    let (count, reach) = size_and_reach(b, lut);
    let upper = b.op("Slice", &[lut, &reach, &count]);
    let lower = b.op("Slice", &[lut, &zero, &reach]);
    let buckets = b.concat(&[&upper, &lower]);
    let rows = b.gather_along(table, &buckets, 0);

    let Plane { queries, keys } = plane(b);
    let distance = clamped(b, &queries, &keys, &reach);
    // [B, Q, K, N]
    let bias = b.gather_along(&rows, &distance, 0);
    b.transpose(&bias, &[0, 3, 1, 2]);
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
        for opset in [13, 18, 23] {
            assert_in_order(&function_body(opset).unwrap());
        }
        assert!(function_body(12).is_err());
    }
}
