//! `RotaryTable` as a value.

use super::{
    Frequencies, INPUTS, RotaryTableAttributes, RotaryTableGeometry, RotaryTableUse, SPEC,
    function_body, reference,
};
use crate::contract::handle::{inputs, uses};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &RotaryTable;

/// Index of the input `frequencies`.
const FREQUENCIES: usize = 1;

/// Index of the input `target_type`.
const TARGET_TYPE: usize = 2;

struct RotaryTable;

impl Contract for RotaryTable {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [positions, frequencies, _] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = RotaryTableAttributes::parse(|name| call.attribute(name))?;
        let geometry = RotaryTableGeometry::new(&attributes, positions.shape, frequencies.shape)?;
        let (cos, sin) = reference(
            &attributes,
            call.needed_dtype(&SPEC, TARGET_TYPE)?,
            positions.values,
            positions.shape,
            frequencies.values,
            frequencies.shape,
        )?;
        let shape = geometry.output_shape();
        Ok(vec![Dense::new(cos, shape), Dense::new(sin, shape)])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, table_use)?)
    }
}

fn table_use(call: &Call) -> Result<Option<RotaryTableUse>, ContractError> {
    let attributes = RotaryTableAttributes::parse(|name| call.attribute(name))?;
    let known = call.shape(FREQUENCIES).zip(call.dtype(TARGET_TYPE));
    Ok(known.map(|(shape, table_dtype)| RotaryTableUse {
        attributes,
        frequencies: match *shape {
            [_] => Some(Frequencies::One),
            [streams, _] => streams.map(Frequencies::Streams),
            _ => None,
        },
        table_dtype,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ElementType, Operand};

    const ATTRIBUTES: RotaryTableAttributes = RotaryTableAttributes {
        axis: -1,
        amplitude: 1.5,
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
        let positions = [1.0, 16_777_217.0, 3.0, 4.0, 5.0, 6.0];
        let frequencies = [f64::from(0.1_f32), 0.25];
        let inputs = [
            View {
                values: &positions,
                shape: &[3, 2],
            },
            View {
                values: &frequencies,
                shape: &[2, 1],
            },
            View {
                values: &[0.0],
                shape: &[],
            },
        ];
        for element in [ElementType::F32, ElementType::F64] {
            let got = CONTRACT
                .reference(&call(Some(element), None), &inputs)
                .unwrap();
            let (cos, sin) = reference(
                &ATTRIBUTES,
                element,
                &positions,
                &[3, 2],
                &frequencies,
                &[2, 1],
            )
            .unwrap();
            assert_eq!(got, [Dense::new(cos, &[3, 1]), Dense::new(sin, &[3, 1])]);
        }
        let untyped = CONTRACT.reference(&call(None, None), &inputs);
        assert_eq!(
            untyped.unwrap_err().to_string(),
            "RotaryTable cannot be computed without the element type of target_type"
        );
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        let single = Some(ElementType::F32);
        for (shape, frequencies) in [
            (vec![None], Some(Frequencies::One)),
            (vec![Some(3), None], Some(Frequencies::Streams(3))),
            (vec![None, Some(4)], None),
            (vec![None; 3], None),
        ] {
            let one = RotaryTableUse {
                attributes: ATTRIBUTES,
                frequencies,
                table_dtype: ElementType::F32,
            };
            let expected = function_body(17, &[one]);
            assert_eq!(CONTRACT.body(17, &[call(single, Some(shape))]), expected);
        }
        for unknown in [call(single, None), call(None, Some(vec![Some(4)]))] {
            let known = call(single, Some(vec![Some(4)]));
            let expected = function_body(17, &[]);
            assert_eq!(CONTRACT.body(17, &[known, unknown]), expected);
        }
    }
}
