//! `RelativePositionBias` as a value.

use super::{INPUTS, SPEC, function_body, reference, table_sizes};
use crate::contract::handle::inputs;
use crate::contract::relative::{BiasGeometry, KEY_POSITIONS, LUT, QUERY_POSITIONS, lut_reach};
use crate::contract::{Call, Contract, ContractError, Dense, FunctionBody, OperatorSpec, View};

/// The operator as a value.
pub const CONTRACT: &dyn Contract = &RelativeBias;

struct RelativeBias;

impl Contract for RelativeBias {
    fn spec(&self) -> &'static OperatorSpec {
        &SPEC
    }

    fn reference(&self, _: &Call, given: &[View<'_>]) -> Result<Vec<Dense>, ContractError> {
        let [table, lut, query, key] = inputs(&SPEC, &INPUTS, given)?;
        let (_, heads) = table_sizes(table.shape)?;
        lut_reach(lut.shape)?;
        let geometry = BiasGeometry::new(heads, query.shape, key.shape)?;
        let bias = reference(
            table.parts(),
            &lut.integers(LUT)?,
            (&query.integers(QUERY_POSITIONS)?, query.shape),
            (&key.integers(KEY_POSITIONS)?, key.shape),
        )?;
        Ok(vec![Dense::new(bias, &geometry.output_shape())])
    }

    /// The same whatever the calls.
    fn body(&self, opset: i64, _: &[Call]) -> Result<FunctionBody, ContractError> {
        function_body(opset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(values: &'a [f64], shape: &'a [usize]) -> View<'a> {
        View { values, shape }
    }

    #[test]
    fn the_reference_is_the_typed_one() {
        let table = [10.0, 20.0, 11.0, 21.0, 12.0, 22.0];
        let inputs = [
            view(&table, &[3, 2]),
            view(&[2.0, 0.0, 1.0], &[3]),
            view(&[5.0, 0.0], &[2]),
            view(&[4.0, 5.0, 9.0, 0.0], &[2, 2]),
        ];
        let got = CONTRACT.reference(&Call::default(), &inputs).unwrap();
        let expected = reference(
            (&table, &[3, 2]),
            &[2, 0, 1],
            (&[5, 0], &[2]),
            (&[4, 5, 9, 0], &[2, 2]),
        );
        assert_eq!(got, [Dense::new(expected.unwrap(), &[2, 2, 2, 2])]);
    }

    #[test]
    fn lookup_tables_of_another_rank_are_refused() {
        let inputs = [
            view(&[1.0], &[1, 1]),
            view(&[0.0], &[1, 1]),
            view(&[0.0], &[1]),
            view(&[0.0], &[1]),
        ];
        let refused = CONTRACT.reference(&Call::default(), &inputs);
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "lut [1, 1] has rank 2, expected 1");
    }

    #[test]
    fn bodies_do_not_depend_on_calls() {
        for opset in [13, 18] {
            let expected = function_body(opset);
            assert_eq!(CONTRACT.body(opset, &[]), expected);
            assert_eq!(CONTRACT.body(opset, &[Call::default()]), expected);
        }
    }
}
