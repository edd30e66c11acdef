//! `Cast` for the analysis and the engine alike.
//!
//! tract turns every int64 into a symbolic integer and in doing so wraps the largest ones, with which exporters write "to the
//! end" of a slice. Here int64 stays int64, and what is symbolic already stays symbolic.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core;
use tract_onnx::tract_hir::internal::*;

/// The builder to register for `Cast`.
pub(crate) fn cast(
    _: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((
        expand(Cast {
            to: node.get_attr("to")?,
        }),
        vec![],
    ))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Cast {
    to: DatumType,
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
        model.wire_node(
            prefix,
            tract_core::ops::cast::cast(self.target(from)),
            inputs,
        )
    }
}
