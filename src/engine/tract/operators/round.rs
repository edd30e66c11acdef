//! `Round` of doubles, which tract rounds in narrower types only.

use tract_onnx::model::Onnx;
use tract_onnx::tract_core::ops::math::round_half_to_even;
use tract_onnx::tract_hir::internal::*;

use super::same_fact;

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register
        .insert("Round", |_, _| Ok((expand(Round), vec![])));
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Round;

impl Expansion for Round {
    fn name(&self) -> StaticName {
        "Round".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        same_fact(s, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        match model.outlet_fact(inputs[0])?.datum_type {
            DatumType::F64 => model.wire_node(prefix, RoundDouble, inputs),
            _ => model.wire_node(prefix, round_half_to_even(), inputs),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RoundDouble;

impl Op for RoundDouble {
    fn name(&self) -> StaticName {
        "RoundDouble".into()
    }

    op_as_typed_op!();
}

impl EvalOp for RoundDouble {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut x = args_1!(inputs).into_tensor();
        for x in x.try_as_plain_ram_mut()?.as_slice_mut::<f64>()? {
            *x = x.round_ties_even();
        }
        Ok(tvec!(x.into_tvalue()))
    }
}

impl TypedOp for RoundDouble {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
