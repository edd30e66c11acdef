//! `CachedAttention` as a value.

use super::{CachedGeometry, INPUTS, SPEC, function_body, joined};
use crate::contract::attention::CONTRACT as ATTENTION;
use crate::contract::attention::handle::attention_use;
use crate::contract::handle::{inputs, uses};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &CachedAttention;

struct CachedAttention;

impl Contract for CachedAttention {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let views = inputs(&SPEC, &INPUTS, given)?;
        let geometry = CachedGeometry::new(views.map(|view| view.shape))?;
        let [q, k, v, bias, mask, past_k, past_v] = views;
        let present =
            [(geometry.keys, past_k, k), (geometry.values, past_v, v)].map(|(how, past, new)| {
                Dense::new(joined(&how, past.values, new.values), &how.shape())
            });
        let [keys, values] = [0, 1].map(|i| View {
            values: &present[i].values,
            shape: &present[i].shape,
        });
        let mut outputs = ATTENTION.reference(call, &[q, keys, values, bias, mask])?;
        outputs.extend(present);
        Ok(outputs)
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, attention_use)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_that_of_attention_to_all_keys() {
        let (q, k, v) = ([1.0, 2.0], [0.5, -1.0], [1.0, 2.0]);
        let (past_k, past_v) = ([2.0, 3.0, 4.0, 5.0], [7.0, 8.0, 9.0, 10.0]);
        let view = |values, shape| View { values, shape };
        let [one, new, past] = [&[1, 2, 1, 1][..], &[1, 2, 1, 1], &[1, 2, 2, 1]];
        let (bias, mask) = (view(&[0.0, 1.0, 0.0][..], &[3][..]), view(&[1.0], &[1]));
        let call = Call {
            attributes: vec![("scale", 0.5.into())],
            inputs: Vec::new(),
        };
        let inputs = [
            view(&q[..], one),
            view(&k[..], new),
            view(&v[..], new),
            bias,
            mask,
            view(&past_k[..], past),
            view(&past_v[..], past),
        ];
        let got = CONTRACT.reference(&call, &inputs).unwrap();
        let keys = Dense::new(vec![2.0, 3.0, 0.5, 4.0, 5.0, -1.0], &[1, 2, 3, 1]);
        let values = Dense::new(vec![7.0, 8.0, 1.0, 9.0, 10.0, 2.0], &[1, 2, 3, 1]);
        let all = [
            view(&q[..], one),
            view(&keys.values, &keys.shape),
            view(&values.values, &values.shape),
            bias,
            mask,
        ];
        let y = ATTENTION.reference(&call, &all).unwrap().remove(0);
        assert_eq!(got, [y, keys, values]);
    }
}
