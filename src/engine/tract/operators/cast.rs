//! `Cast`, for both the analysis and the engine.
//!
//! tract turns every int64 into a symbolic integer and in doing so wraps the largest ones, with which exporters write "to the
//! end" of a slice. Here int64 stays int64, and what is symbolic already stays symbolic.
//!
//! A cast to bfloat16, for which f32 stands in, carries a mark, so that its result is rounded all the same.

use crate::onnx::proto::AttributeProto;
use crate::onnx::proto::attribute_proto::AttributeType;
use half::bf16;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core;
use tract_onnx::tract_hir::internal::*;

/// Name of the mark.
const ROUNDING: &str = "phasor::to_bf16";

/// The mark of a cast to bfloat16.
pub(crate) fn rounding() -> AttributeProto {
    AttributeProto {
        name: Some(ROUNDING.to_owned()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(1),
        ..AttributeProto::default()
    }
}

/// The builder to register for `Cast`.
pub(crate) fn cast(
    _: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((
        expand(Cast {
            to: node.get_attr("to")?,
            to_bf16: node.get_attr_opt::<i64>(ROUNDING)?.is_some(),
        }),
        vec![],
    ))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Cast {
    to: DatumType,
    to_bf16: bool,
}

impl Cast {
    /// A symbolic integer stays one.
    fn target(&self, from: DatumType) -> DatumType {
        if from.is_tdim() && self.to == i64::datum_type() {
            from
        } else {
            self.to
        }
    }
}

impl Expansion for Cast {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)?;
        s.given(&inputs[0].datum_type, move |s, from| {
            s.equals(&outputs[0].datum_type, self.target(from))
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let from = model.outlet_fact(inputs[0])?.datum_type;
        ensure!(
            from != String::datum_type(),
            "casts from strings are not supported"
        );
        let cast = tract_core::ops::cast::cast(self.target(from));
        if self.to_bf16 && self.to == f32::datum_type() {
            let wide = model.wire_node(format!("{prefix}.wide"), cast, inputs)?;
            return model.wire_node(prefix, RoundBf16, &wide);
        }
        model.wire_node(prefix, cast, inputs)
    }
}

/// Numbers of type f32, rounded to those that bfloat16 has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RoundBf16;

impl Op for RoundBf16 {
    fn name(&self) -> StaticName {
        "RoundBf16".into()
    }

    op_as_typed_op!();
}

impl EvalOp for RoundBf16 {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut x = args_1!(inputs).into_tensor();
        for x in x.try_as_plain_ram_mut()?.as_slice_mut::<f32>()? {
            *x = bf16::from_f32(*x).to_f32();
        }
        Ok(tvec!(x.into_tvalue()))
    }
}

impl TypedOp for RoundBf16 {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
