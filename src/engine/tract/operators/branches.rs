//! Outputs of branches: the output of one branch of an `If` is not the output of the node. tract takes the constants of `then_branch` for
//! those of the node, unless they are hidden from it.

use crate::onnx::proto::{GraphProto, NodeProto};
use tract_onnx::model::Onnx;
use tract_onnx::tract_hir::internal::*;

use super::same_fact;

const CHOSEN: &str = "phasor::Chosen";

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register
        .insert(CHOSEN, |_, _| Ok((Box::new(Chosen), vec![])));
}

/// Hides the values of a branch's outputs.
pub(super) fn hide(branch: &mut GraphProto) {
    for output in &mut branch.output {
        let hidden = format!("{CHOSEN} {}", output.name());
        branch.node.push(NodeProto {
            op_type: Some(CHOSEN.to_owned()),
            name: Some(hidden.clone()),
            input: vec![output.name().to_owned()],
            output: vec![hidden.clone()],
            ..NodeProto::default()
        });
        output.name = Some(hidden);
    }
}

/// Its input, of which nothing is known but type and shape before the model runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Chosen;

impl Op for Chosen {
    fn name(&self) -> StaticName {
        "Chosen".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Chosen {
    not_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(inputs)
    }
}

impl InferenceRulesOp for Chosen {
    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        same_fact(s, inputs, outputs)
    }

    as_op!();
    to_typed!();
}

impl TypedOp for Chosen {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
