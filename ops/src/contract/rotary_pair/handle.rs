//! `RotaryEmbeddingPair` as a value.

use super::{INPUTS, RotaryPairUse, SPEC, function_body, reference};
use crate::contract::handle::{inputs, uses};
use crate::contract::rotary::{RotaryAttributes, RotaryUse};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &RotaryPair;

struct RotaryPair;

impl Contract for RotaryPair {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [q, k, cos, sin] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = RotaryAttributes::parse(|name| call.attribute(name))?;
        let [yq, yk] = reference(&attributes, q.parts(), k.parts(), cos.parts(), sin.parts())?;
        Ok(vec![Dense::new(yq, q.shape), Dense::new(yk, k.shape)])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, pair_use)?)
    }
}

fn pair_use(call: &Call) -> Result<Option<RotaryPairUse>, ContractError> {
    let [q, k, cos] = [0, 1, 2];
    let (q, k) = (RotaryUse::of(call, q, cos)?, RotaryUse::of(call, k, cos)?);
    Ok(q.zip(k).map(|(q, k)| RotaryPairUse { q, k }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ElementType, Operand, rotary};

    const INVERSE: RotaryAttributes = RotaryAttributes {
        interleaved: false,
        output_interleaved: None,
        rotary_dim: 0,
        rotary_offset: 0,
        inverse: true,
    };

    #[test]
    fn the_reference_is_that_of_each_tensor() {
        let q: Vec<f64> = (0..16).map(f64::from).collect();
        let k: Vec<f64> = (0..8).map(|i| f64::from(i) - 3.0).collect();
        let (cos, sin) = ([0.5, 0.25, -1.0, 0.0], [1.0, 2.0, 3.0, 4.0]);
        let call = Call {
            attributes: INVERSE.values().to_vec(),
            inputs: Vec::new(),
        };
        let view = |values, shape| View { values, shape };
        let inputs = [
            view(&q[..], &[2, 2, 4][..]),
            view(&k, &[2, 4]),
            view(&cos, &[2, 2]),
            view(&sin, &[2, 2]),
        ];
        let got = CONTRACT.reference(&call, &inputs).unwrap();
        let turned = |x: &[f64], shape: &[usize]| {
            let y = rotary::reference(&INVERSE, x, shape, &cos, &[2, 2], &sin, &[2, 2]);
            Dense::new(y.unwrap(), shape)
        };
        assert_eq!(got, [turned(&q, &[2, 2, 4]), turned(&k, &[2, 4])]);
    }

    #[test]
    fn shapes_that_do_not_fit_name_the_tensor() {
        let call = Call::default();
        let (wide, odd) = ([0.0; 4], [0.0; 3]);
        let view = |values, shape| View { values, shape };
        let table = view(&wide[..2], &[2][..]);
        let inputs = [view(&wide[..], &[4][..]), view(&odd, &[3]), table, table];
        let text = CONTRACT.reference(&call, &inputs).unwrap_err().to_string();
        assert!(text.contains("3 channels of K"), "{text}");
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        let operand = |dtype, last| Operand {
            dtype: Some(dtype),
            shape: Some(vec![Some(last)]),
            ..Operand::default()
        };
        let part = |head_dim| RotaryUse {
            attributes: INVERSE,
            table_width: Some(4),
            head_dim: Some(head_dim),
            x_dtype: ElementType::F32,
            table_dtype: ElementType::F64,
        };
        let (q, k) = (operand(ElementType::F32, 8), operand(ElementType::F32, 4));
        let table = operand(ElementType::F64, 4);
        let mut call = Call {
            attributes: INVERSE.values().to_vec(),
            inputs: vec![q, k, table.clone(), table],
        };
        let pair = RotaryPairUse {
            q: part(8),
            k: part(4),
        };
        let expected = function_body(17, &[pair]);
        assert_eq!(CONTRACT.body(17, std::slice::from_ref(&call)), expected);
        call.inputs[1].dtype = None;
        assert_eq!(CONTRACT.body(17, &[call]), function_body(17, &[]));
    }
}
