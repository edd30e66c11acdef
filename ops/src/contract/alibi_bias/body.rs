//! `AlibiBias` in standard ONNX operators.

use super::attributes::ABSOLUTE;
use super::{AlibiAttributes, INPUTS, OUTPUTS, SPEC};
use crate::contract::body::{BOOL, BodyAttribute, BodyBuilder, INT64, agreed, casts};
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
    let is = |t: ElementType| t.arithmetic() == ElementType::F64;
    let some_double = types.clone().any(is);
    let all_double = types.clone().all(is);
    let arithmetic = if some_double {
        ElementType::F64
    } else {
        ElementType::F32
    };
    let (lift, restore) = casts(types, arithmetic, opset, true)?;

    let b = &mut builder;
    let [slopes, _, _] = names(&INPUTS);
    // Whether the type of this use is double, where the body has to find out.
    let mixed = (some_double && !all_double).then(|| is_double(b, slopes));
    let Plane { queries, keys } = plane(b);
    // Keys are clamped so that int64 holds their distance from the query.
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
    let mut distance = match &mixed {
        None => b.cast(&distance, arithmetic.to_onnx().into()),
        Some(double) => {
            let exact = b.cast(&distance, ElementType::F64.to_onnx().into());
            let rounded = b.cast(&distance, ElementType::F32.to_onnx().into());
            choose(b, double, &exact, &rounded)
        }
    };
    match agreed(uses, |u| Some(u.attributes.absolute)) {
        Some(false) => {}
        Some(true) => distance = b.op("Abs", &[&distance]),
        None => {
            let size = b.op("Abs", &[&distance]);
            let absolute = b.attribute(ABSOLUTE.spec());
            let absolute = b.cast(&absolute, BOOL);
            distance = b.op("Where", &[&absolute, &size, &distance]);
        }
    }
    let one = b.vector(&[1]);
    let distance = b.op("Unsqueeze", &[&distance, &one]);
    let behind = b.vector(&[1, 2]);
    let lifted = b.lift(slopes, lift);
    let lifted = b.op("Unsqueeze", &[&lifted, &behind]);
    let mut bias = b.op("Mul", &[&lifted, &distance]);
    if let Some(double) = &mixed {
        // The product of two floats is exact in double, so this is its only rounding to float.
        let rounded = b.cast(&bias, ElementType::F32.to_onnx().into());
        bias = choose(b, double, &bias, &rounded);
    }
    b.restore(&bias, restore, slopes);
    let [bias] = names(&OUTPUTS);
    b.name_last(bias);
    Ok(builder.finish(&SPEC))
}

/// 1 where a value is of type double, else 0: of the element types only double tells 1 + 2^-40 from 1.
fn is_double(b: &mut BodyBuilder, value: &str) -> String {
    let fine = b.double(1.0 + 2f64.powi(-40));
    let kept = b.op("CastLike", &[&fine, value]);
    let kept = b.cast(&kept, ElementType::F64.to_onnx().into());
    let one = b.double(1.0);
    let greater = b.op("Greater", &[&kept, &one]);
    b.cast(&greater, INT64)
}

/// `exact`, which is in double, or `rounded`, which is in float, by [`is_double`]; in double.
fn choose(b: &mut BodyBuilder, double: &str, exact: &str, rounded: &str) -> String {
    let rounded = b.cast(rounded, ElementType::F64.to_onnx().into());
    let first = b.vector(&[0]);
    let both = [&rounded, exact].map(|value| b.op("Unsqueeze", &[value, &first]));
    let both = b.op_with(
        "Concat",
        &[&both[0], &both[1]],
        vec![("axis", BodyAttribute::Int(0))],
    );
    // Not `Where`: that of ONNX Runtime loses the sign of zeros.
    b.gather_along(&both, double, 0)
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
