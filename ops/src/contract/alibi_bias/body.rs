//! `AlibiBias` in standard ONNX operators.

use super::{ATTRIBUTES, AlibiAttributes, INPUTS, OUTPUTS, SPEC};
use crate::contract::body::{BOOL, BodyBuilder, agreed, casts};
use crate::contract::relative::body::{Plane, plane};
use crate::contract::spec::names;
use crate::contract::{ContractError, ElementType, FunctionBody};

/// One node of a model, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlibiUse {
    /// Its attributes.
    pub attributes: AlibiAttributes,
    /// Element type of `slopes`.
    pub dtype: ElementType,
}

/// The body for a model of `opset` in which the operator is used as `uses` say. Without uses it is right for all of them.
///
/// # Errors
/// [`ContractError::Unsupported`] for an opset older than 13, and for uses with several element types at one older than 15.
pub fn function_body(opset: i64, uses: &[AlibiUse]) -> Result<FunctionBody, ContractError> {
    let mut builder = BodyBuilder::new(opset)?;
    let any = if uses.is_empty() {
        &ElementType::ALL[..]
    } else {
        &[]
    };
    let types = uses.iter().map(|u| u.dtype).chain(any.iter().copied());
    let arithmetic = if types.clone().any(|t| t == ElementType::F64) {
        ElementType::F64
    } else {
        ElementType::F32
    };
    let (lift, restore) = casts(types, arithmetic, opset)?;

    let b = &mut builder;
    let [slopes, _, _] = names(&INPUTS);
    let Plane { queries, keys } = plane(b);
    // Keys as far from each query as int64 can say.
    let zero = b.vector(&[0]);
    let near = b.op("Max", &[&queries, &zero]);
    let lowest = b.vector(&[i64::MIN]);
    let near = b.op("Add", &[&near, &lowest]);
    let far = b.op("Min", &[&queries, &zero]);
    let highest = b.vector(&[i64::MAX]);
    let far = b.op("Add", &[&far, &highest]);
    let clamped = b.op("Max", &[&keys, &near]);
    let clamped = b.op("Min", &[&clamped, &far]);
    let distance = b.op("Sub", &[&clamped, &queries]);
    let mut distance = b.cast(&distance, arithmetic.to_onnx().into());
    match agreed(uses, |u| Some(u.attributes.absolute)) {
        Some(false) => {}
        Some(true) => distance = b.op("Abs", &[&distance]),
        None => {
            let size = b.op("Abs", &[&distance]);
            let absolute = b.attribute(ATTRIBUTES[0]);
            let absolute = b.cast(&absolute, BOOL);
            distance = b.op("Where", &[&absolute, &size, &distance]);
        }
    }
    let one = b.vector(&[1]);
    let distance = b.op("Unsqueeze", &[&distance, &one]);
    let behind = b.vector(&[1, 2]);
    let lifted = b.lift(slopes, lift);
    let lifted = b.op("Unsqueeze", &[&lifted, &behind]);
    let bias = b.op("Mul", &[&lifted, &distance]);
    b.restore(&bias, restore, slopes);
    let [bias] = names(&OUTPUTS);
    b.name_last(bias);
    Ok(builder.finish(&SPEC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::body::assert_in_order;

    fn used(absolute: bool, dtype: ElementType) -> AlibiUse {
        let attributes = AlibiAttributes { absolute };
        AlibiUse { attributes, dtype }
    }

    #[test]
    fn bodies_are_in_topological_order_with_unique_names() {
        for uses in [
            vec![],
            vec![used(false, ElementType::F32)],
            vec![used(true, ElementType::F16)],
            vec![used(true, ElementType::F64), used(false, ElementType::BF16)],
        ] {
            for opset in [15, 18, 23] {
                assert_in_order(&function_body(opset, &uses).unwrap());
            }
        }
    }

    #[test]
    fn opsets_without_the_means_are_refused() {
        let (f32, f16) = (used(false, ElementType::F32), used(false, ElementType::F16));
        assert!(function_body(12, std::slice::from_ref(&f32)).is_err());
        assert!(function_body(13, &[f32.clone(), f16.clone()]).is_err());
        assert!(function_body(13, &[f32.clone(), f32.clone()]).is_ok());
        assert!(function_body(15, &[f32, f16]).is_ok());
    }
}
