//! `Attention` as a value.

use super::{
    AttentionAttributes, AttentionGeometry, AttentionUse, INPUTS, SPEC, function_body, reference,
};
use crate::contract::handle::{inputs, uses};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &Attention;

struct Attention;

impl Contract for Attention {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let views = inputs(&SPEC, &INPUTS, given)?;
        let attributes = AttentionAttributes::parse(|name| call.attribute(name))?;
        let geometry = AttentionGeometry::new(views.map(|view| view.shape))?;
        let [q, k, v, bias, mask] = views.map(View::parts);
        let visible: Vec<bool> = mask.0.iter().map(|&m| m != 0.0).collect();
        let attributes = call.dtype(0).map_or(attributes, |t| attributes.of_type(t));
        let output = reference(&attributes, q, k, v, bias, (&visible, mask.1))?;
        Ok(vec![Dense::new(output, &geometry.output_shape())])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, attention_use)?)
    }
}

/// What is known of a call whose first inputs are those of `Attention`.
pub(in crate::contract) fn attention_use(
    call: &Call,
) -> Result<Option<AttentionUse>, ContractError> {
    let attributes = AttentionAttributes::parse(|name| call.attribute(name))?;
    let ([_, _, _, bias, mask, ..], Some(dtype)) = (&call.inputs[..], call.dtype(0)) else {
        return Ok(None);
    };
    let heads = |slot| *call.shape(slot)?.get(1)?;
    let both = heads(0).zip(heads(1));
    Ok(Some(AttentionUse {
        attributes,
        dtype,
        grouped: both.map(|(heads, key_heads)| heads != key_heads),
        biased: bias.value != Some(0.0),
        masked: mask.value != Some(1.0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ElementType, Operand};

    fn call(heads: Option<usize>, bias: Option<f64>, mask: Option<f64>) -> Call {
        let of = |heads| Operand {
            dtype: Some(ElementType::F16),
            shape: Some(vec![None, heads, None, Some(8)]),
            value: None,
        };
        let filled = |value| Operand {
            value,
            ..Operand::default()
        };
        Call {
            attributes: vec![("scale", 0.5.into())],
            inputs: vec![
                of(heads),
                of(Some(2)),
                of(Some(2)),
                filled(bias),
                filled(mask),
            ],
        }
    }

    #[test]
    fn the_reference_is_the_typed_one() {
        let (q, k, v) = ([1.0, 2.0], [0.5, -1.0, 2.0, 0.25], [1.0, 2.0, 3.0, 4.0]);
        let (bias, mask) = ([0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]);
        let inputs = [
            (&q[..], &[1, 2, 1, 1][..]),
            (&k, &[1, 1, 4, 1]),
            (&v, &[1, 1, 4, 1]),
            (&bias, &[4]),
            (&mask, &[1, 4]),
        ]
        .map(|(values, shape)| View { values, shape });
        let got = CONTRACT
            .reference(&call(None, None, None), &inputs)
            .unwrap();
        let attributes = AttentionAttributes {
            scale: 0.5,
            ..Default::default()
        };
        let mask = (&[true, true, false, true][..], &[1, 4][..]);
        let [q, k, v, bias, _] = inputs.map(View::parts);
        let expected = reference(&attributes, q, k, v, bias, mask).unwrap();
        assert_eq!(got, [Dense::new(expected, &[1, 2, 1, 1])]);
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        for (heads, grouped) in [(None, None), (Some(2), Some(false)), (Some(4), Some(true))] {
            for (bias, biased) in [(None, true), (Some(1.0), true), (Some(0.0), false)] {
                for (mask, masked) in [(None, true), (Some(0.0), true), (Some(1.0), false)] {
                    let one = AttentionUse {
                        attributes: AttentionAttributes {
                            scale: 0.5,
                            ..Default::default()
                        },
                        dtype: ElementType::F16,
                        grouped,
                        biased,
                        masked,
                    };
                    let expected = function_body(17, &[one]);
                    assert_eq!(CONTRACT.body(17, &[call(heads, bias, mask)]), expected);
                }
            }
        }
        let calls = [call(Some(4), None, None), Call::default()];
        assert_eq!(CONTRACT.body(17, &calls), function_body(17, &[]));
    }
}
