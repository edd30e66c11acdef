//! `SinusoidalEmbedding` as a value.

use super::{
    INPUTS, SPEC, SinusoidalAttributes, SinusoidalGeometry, SinusoidalUse, function_body, reference,
};
use crate::contract::handle::{inputs, uses};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &Sinusoidal;

/// Index of the input `frequencies`.
const FREQUENCIES: usize = 1;

/// Index of the input `target_type`.
const TARGET_TYPE: usize = 2;

struct Sinusoidal;

impl Contract for Sinusoidal {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [positions, frequencies, _] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = SinusoidalAttributes::parse(|name| call.attribute(name))?;
        let geometry = SinusoidalGeometry::new(&attributes, positions.shape, frequencies.shape)?;
        let embedding = reference(
            &attributes,
            call.needed_dtype(&SPEC, TARGET_TYPE)?,
            positions.parts(),
            frequencies.parts(),
        )?;
        Ok(vec![Dense::new(embedding, geometry.output_shape())])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, sinusoidal_use)?)
    }
}

fn sinusoidal_use(call: &Call) -> Result<Option<SinusoidalUse>, ContractError> {
    let attributes = SinusoidalAttributes::parse(|name| call.attribute(name))?;
    Ok(call.dtype(TARGET_TYPE).map(|dtype| SinusoidalUse {
        attributes,
        frequencies: call.last_size(FREQUENCIES),
        dtype,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ElementType, Operand};

    const ATTRIBUTES: SinusoidalAttributes = SinusoidalAttributes {
        interleaved: true,
        cos_first: true,
        amplitude: 0.5,
        width: 5,
        padding_position: Some(3),
        precise: false,
    };

    fn call(dtype: Option<ElementType>, shape: Option<Vec<Option<usize>>>) -> Call {
        Call {
            attributes: ATTRIBUTES.values().to_vec(),
            inputs: vec![
                Operand::default(),
                Operand {
                    shape,
                    ..Operand::default()
                },
                Operand {
                    dtype,
                    ..Operand::default()
                },
            ],
        }
    }

    #[test]
    fn the_reference_is_the_typed_one() {
        let positions = [1.0, 3.0, 16_777_217.0, -2.0];
        let frequencies = [f64::from(0.1_f32), 0.25];
        let inputs = [
            View {
                values: &positions,
                shape: &[2, 2],
            },
            View {
                values: &frequencies,
                shape: &[2],
            },
            View {
                values: &[0.0],
                shape: &[],
            },
        ];
        for element in [ElementType::F16, ElementType::F64] {
            let got = CONTRACT
                .reference(&call(Some(element), None), &inputs)
                .unwrap();
            let expected = reference(
                &ATTRIBUTES,
                element,
                (&positions, &[2, 2]),
                (&frequencies, &[2]),
            );
            assert_eq!(got, [Dense::new(expected.unwrap(), &[2, 2, 5])]);
        }
        let untyped = CONTRACT.reference(&call(None, None), &inputs);
        assert_eq!(
            untyped.unwrap_err().to_string(),
            "SinusoidalEmbedding cannot be computed without the element type of target_type"
        );
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        let half = Some(ElementType::F16);
        for (shape, frequencies) in [
            (Some(vec![Some(4)]), Some(4)),
            (Some(vec![None]), None),
            (Some(vec![]), None),
            (None, None),
        ] {
            let one = SinusoidalUse {
                attributes: ATTRIBUTES,
                frequencies,
                dtype: ElementType::F16,
            };
            let expected = function_body(17, &[one]);
            assert_eq!(CONTRACT.body(17, &[call(half, shape)]), expected);
        }
        let shape = Some(vec![Some(4)]);
        let calls = [call(half, shape.clone()), call(None, shape)];
        assert_eq!(CONTRACT.body(17, &calls), function_body(17, &[]));
    }
}
