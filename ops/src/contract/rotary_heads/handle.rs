//! `RotaryHeads` as a value.

use super::{
    INPUTS, RotaryHeadsAttributes, RotaryHeadsGeometry, RotaryHeadsUse, SPEC, function_body,
    reference,
};
use crate::contract::handle::{inputs, uses};
use crate::contract::rotary::RotaryUse;
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &RotaryHeads;

struct RotaryHeads;

impl Contract for RotaryHeads {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [x, cos, sin] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = RotaryHeadsAttributes::parse(|name| call.attribute(name))?;
        let y = reference(&attributes, x.parts(), cos.parts(), sin.parts())?;
        let geometry = RotaryHeadsGeometry::new(&attributes, x.shape, cos.shape, sin.shape)?;
        Ok(vec![Dense::new(y, &geometry.output)])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, heads_use)?)
    }
}

fn heads_use(call: &Call) -> Result<Option<RotaryHeadsUse>, ContractError> {
    let [x, cos] = [0, 1];
    let RotaryHeadsAttributes { heads, .. } =
        RotaryHeadsAttributes::parse(|name| call.attribute(name))?;
    let of = call.shape(x).and_then(|shape| *shape.get(2)?);
    let turned = RotaryUse::of(call, x, cos)?;
    Ok(turned.map(|turned| RotaryHeadsUse { turned, heads, of }))
}

#[cfg(test)]
mod tests {
    use super::super::HeadRange;
    use super::*;
    use crate::contract::{ElementType, Operand};

    const KEYS: RotaryHeadsAttributes = RotaryHeadsAttributes {
        rotary: crate::contract::rotary::RotaryAttributes {
            interleaved: true,
            output_interleaved: None,
            rotary_dim: 2,
            rotary_offset: 0,
            inverse: false,
        },
        heads: HeadRange {
            first: 1,
            end: 3,
            step: 1,
        },
    };

    #[test]
    fn the_reference_is_the_typed_one() {
        let x: Vec<f64> = (0..32).map(f64::from).collect();
        let (cos, sin) = ([0.5, 0.25], [1.0, 2.0]);
        let call = Call {
            attributes: KEYS.values().to_vec(),
            inputs: Vec::new(),
        };
        let view = |values, shape| View { values, shape };
        let inputs = [
            view(&x[..], &[1, 2, 4, 4][..]),
            view(&cos, &[2, 1]),
            view(&sin, &[2, 1]),
        ];
        let got = CONTRACT.reference(&call, &inputs).unwrap();
        let [x, cos, sin] = inputs.map(View::parts);
        let y = reference(&KEYS, x, cos, sin).unwrap();
        assert_eq!(got, [Dense::new(y, &[1, 2, 2, 4])]);
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        let operand = |shape: &[Option<usize>]| Operand {
            dtype: Some(ElementType::F32),
            shape: Some(shape.to_vec()),
            ..Operand::default()
        };
        let table = operand(&[None, Some(1)]);
        let mut call = Call {
            attributes: KEYS.values().to_vec(),
            inputs: vec![
                operand(&[None, None, Some(4), Some(4)]),
                table.clone(),
                table,
            ],
        };
        let mut expected = RotaryHeadsUse {
            turned: RotaryUse {
                attributes: KEYS.rotary,
                table_width: Some(1),
                head_dim: Some(4),
                x_dtype: ElementType::F32,
                table_dtype: ElementType::F32,
            },
            heads: KEYS.heads,
            of: Some(4),
        };
        let body = |call: &Call| CONTRACT.body(17, std::slice::from_ref(call));
        let typed = |one: &RotaryHeadsUse| function_body(17, std::slice::from_ref(one));
        assert_eq!(body(&call), typed(&expected));
        call.inputs[0] = operand(&[None, None, None, Some(4)]);
        expected.of = None;
        assert_eq!(body(&call), typed(&expected));
        call.inputs[1].dtype = None;
        assert_eq!(body(&call), function_body(17, &[]));
    }
}
