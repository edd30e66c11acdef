//! `RelativeGather` as a value.

use super::{
    INPUTS, RelativeGatherAttributes, RelativeGatherGeometry, RelativeGatherUse, SPEC,
    function_body, reference,
};
use crate::contract::handle::{inputs, uses};
use crate::contract::relative::{KEY_POSITIONS, LUT, QUERY_POSITIONS};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &RelativeGather;

struct RelativeGather;

impl Contract for RelativeGather {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, call: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [scores, lut, query, key] = inputs(&SPEC, &INPUTS, given)?;
        let attributes = RelativeGatherAttributes::parse(|name| call.attribute(name))?;
        let geometry =
            RelativeGatherGeometry::new(&attributes, scores.shape, query.shape, key.shape)?;
        let output = reference(
            &attributes,
            scores.parts(),
            (&lut.integers(LUT)?, lut.shape),
            (&query.integers(QUERY_POSITIONS)?, query.shape),
            (&key.integers(KEY_POSITIONS)?, key.shape),
        )?;
        Ok(vec![Dense::new(output, geometry.output_shape())])
    }

    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset, &uses(calls, gather_use)?)
    }
}

fn gather_use(call: &Call) -> Result<Option<RelativeGatherUse>, ContractError> {
    let attributes = RelativeGatherAttributes::parse(|name| call.attribute(name))?;
    let scores = call.inputs.first();
    Ok(scores.map(|scores| RelativeGatherUse {
        attributes,
        rank: scores.shape.as_ref().map(Vec::len),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Operand;

    fn call(by_key: bool, rank: Option<usize>) -> Call {
        let scores = Operand {
            dtype: None,
            shape: rank.map(|rank| vec![None; rank]),
            ..Operand::default()
        };
        Call {
            attributes: RelativeGatherAttributes { by_key }.values().to_vec(),
            inputs: vec![scores],
        }
    }

    #[test]
    fn the_reference_is_the_typed_one() {
        let scores = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
        let (lut, near, far) = ([0.0, 1.0, 2.0], [0.0, 1.0], [0.0, 1.0, 5.0]);
        for by_key in [false, true] {
            let (query, key) = if by_key {
                (&far[..], &near[..])
            } else {
                (&near[..], &far[..])
            };
            let (queries, keys) = ([query.len()], [key.len()]);
            let inputs = [
                (&scores[..], &[2, 3][..]),
                (&lut, &[3]),
                (query, &queries),
                (key, &keys),
            ]
            .map(|(values, shape)| View { values, shape });
            let got = CONTRACT.reference(&call(by_key, None), &inputs).unwrap();
            let integers = |values: &[f64]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
            let expected = reference(
                &RelativeGatherAttributes { by_key },
                (&scores, &[2, 3]),
                (&integers(&lut), &[3]),
                (&integers(query), &queries),
                (&integers(key), &keys),
            );
            let shape = [query.len(), key.len()];
            assert_eq!(got, [Dense::new(expected.unwrap(), &shape)]);
        }
    }

    #[test]
    fn bodies_are_for_what_is_known() {
        for (by_key, rank) in [(false, None), (true, Some(4)), (true, None)] {
            let one = RelativeGatherUse {
                attributes: RelativeGatherAttributes { by_key },
                rank,
            };
            let expected = function_body(17, &[one]);
            assert_eq!(CONTRACT.body(17, &[call(by_key, rank)]), expected);
        }
        let calls = [call(false, Some(4)), Call::default()];
        assert_eq!(CONTRACT.body(17, &calls), function_body(17, &[]));
    }
}
