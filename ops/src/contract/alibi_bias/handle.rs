//! `AlibiBias` as a value.

use super::{AlibiAttributes, AlibiUse, INPUTS, SPEC, function_body, reference, slope_count};
use crate::contract::handle::{inputs, uses};
use crate::contract::relative::{BiasGeometry, KEY_POSITIONS, QUERY_POSITIONS};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &Alibi;

/// Index of the input `slopes`.
const SLOPES: usize = 0;

struct Alibi;

impl Contract for Alibi {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [slopes, query, key] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = AlibiAttributes::parse(|name| call.attribute(name))?;
        let heads = slope_count(slopes.shape)?;
        let geometry = BiasGeometry::new(heads, query.shape, key.shape)?;
        let bias = reference(
            &attributes,
            call.needed_dtype(&SPEC, SLOPES)?,
            slopes.parts(),
            (&query.integers(QUERY_POSITIONS)?, query.shape),
            (&key.integers(KEY_POSITIONS)?, key.shape),
        )?;
        Ok(vec![Dense::new(bias, &geometry.output_shape())])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, alibi_use)?)
    }
}

fn alibi_use(call: &Call) -> Result<Option<AlibiUse>, ContractError> {
    let attributes = AlibiAttributes::parse(|name| call.attribute(name))?;
    let dtype = call.dtype(SLOPES);
    Ok(dtype.map(|dtype| AlibiUse { attributes, dtype }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ElementType, Operand};

    fn call(absolute: bool, dtype: Option<ElementType>) -> Call {
        Call {
            attributes: AlibiAttributes { absolute }.values().to_vec(),
            inputs: vec![Operand {
                dtype,
                shape: None,
                ..Operand::default()
            }],
        }
    }

    #[test]
    fn the_reference_is_the_typed_one() {
        let slopes = [f64::from(0.3_f32), -2.0];
        let inputs = [
            (&slopes[..], &[2][..]),
            (&[3.0, 16_777_217.0], &[2, 1]),
            (&[1.0, 3.0, 4.0], &[3]),
        ]
        .map(|(values, shape)| View { values, shape });
        for (absolute, element) in [(false, ElementType::F32), (true, ElementType::F64)] {
            let got = CONTRACT
                .reference(&call(absolute, Some(element)), &inputs)
                .unwrap();
            let expected = reference(
                &AlibiAttributes { absolute },
                element,
                (&slopes, &[2]),
                (&[3, 16_777_217], &[2, 1]),
                (&[1, 3, 4], &[3]),
            );
            assert_eq!(got, [Dense::new(expected.unwrap(), &[2, 2, 1, 3])]);
        }
        let untyped = CONTRACT.reference(&call(false, None), &inputs);
        assert_eq!(
            untyped.unwrap_err().to_string(),
            "AlibiBias cannot be computed without the element type of slopes"
        );
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        let half = call(true, Some(ElementType::F16));
        let one = AlibiUse {
            attributes: AlibiAttributes { absolute: true },
            dtype: ElementType::F16,
        };
        let expected = function_body(17, &[one]);
        assert_eq!(CONTRACT.body(17, std::slice::from_ref(&half)), expected);
        let calls = [half, call(true, None)];
        assert_eq!(CONTRACT.body(17, &calls), function_body(17, &[]));
    }
}
