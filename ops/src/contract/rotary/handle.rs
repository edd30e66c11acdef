//! `RotaryEmbedding` as a value.

use super::{INPUTS, RotaryAttributes, RotaryUse, SPEC, function_body, reference};
use crate::contract::handle::{inputs, uses};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &Rotary;

struct Rotary;

impl Contract for Rotary {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [x, cos, sin] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = RotaryAttributes::parse(|name| call.attribute(name))?;
        let y = reference(
            &attributes,
            x.values,
            x.shape,
            cos.values,
            cos.shape,
            sin.values,
            sin.shape,
        )?;
        Ok(vec![Dense::new(y, x.shape)])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        let [x, cos] = [0, 1];
        let uses = uses(calls, |call| RotaryUse::of(call, x, cos))?;
        function_body(opset, &uses)
    }
}

impl RotaryUse {
    /// The part of a call that turns input `x` by the tables from input `table` on; `None` where too little is known of it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for attributes out of range.
    pub(in crate::contract) fn of(
        call: &Call,
        x: usize,
        table: usize,
    ) -> Result<Option<Self>, ContractError> {
        let attributes = RotaryAttributes::parse(|name| call.attribute(name))?;
        let types = call.dtype(x).zip(call.dtype(table));
        Ok(types.map(|(x_dtype, table_dtype)| Self {
            attributes,
            table_width: call.last_size(table),
            head_dim: call.last_size(x),
            x_dtype,
            table_dtype,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ElementType, Operand};

    #[test]
    fn the_reference_is_the_typed_one() {
        let x: Vec<f64> = (0..18).map(f64::from).collect();
        let (cos, sin) = ([0.5, 0.25, -1.0, 0.0], [1.0, 2.0, 3.0, 4.0]);
        let attributes = RotaryAttributes {
            interleaved: true,
            rotary_dim: 4,
            rotary_offset: 1,
            inverse: true,
            ..Default::default()
        };
        let call = Call {
            attributes: attributes.values().to_vec(),
            inputs: Vec::new(),
        };
        let view = |values, shape| View { values, shape };
        let inputs = [
            view(&x[..], &[2, 1, 9][..]),
            view(&cos, &[2, 1, 2]),
            view(&sin, &[2, 1, 2]),
        ];
        let got = CONTRACT.reference(&call, &inputs).unwrap();
        let y = reference(
            &attributes,
            &x,
            &[2, 1, 9],
            &cos,
            &[2, 1, 2],
            &sin,
            &[2, 1, 2],
        );
        assert_eq!(got, [Dense::new(y.unwrap(), &[2, 1, 9])]);
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        let attributes = RotaryAttributes {
            rotary_dim: 4,
            ..Default::default()
        };
        let operand = |dtype, last| Operand {
            dtype: Some(dtype),
            shape: Some(vec![None, last]),
            ..Operand::default()
        };
        let (x, table) = (
            operand(ElementType::F16, Some(8)),
            operand(ElementType::F32, Some(2)),
        );
        let call = Call {
            attributes: attributes.values().to_vec(),
            inputs: vec![x, table.clone(), table],
        };
        let one = RotaryUse {
            attributes,
            table_width: Some(2),
            head_dim: Some(8),
            x_dtype: ElementType::F16,
            table_dtype: ElementType::F32,
        };
        let expected = function_body(17, std::slice::from_ref(&one)).unwrap();
        assert_eq!(CONTRACT.body(17, std::slice::from_ref(&call)), Ok(expected));

        let mut unsized_call = call.clone();
        unsized_call.inputs[0].shape = None;
        unsized_call.inputs[1].shape = Some(vec![None]);
        let expected = RotaryUse {
            table_width: None,
            head_dim: None,
            ..one
        };
        let expected = function_body(17, &[expected]);
        assert_eq!(CONTRACT.body(17, &[unsized_call]), expected);

        let mut untyped = call.clone();
        untyped.inputs[1].dtype = None;
        let expected = function_body(17, &[]);
        assert_eq!(CONTRACT.body(17, &[call, untyped]), expected);
    }
}
