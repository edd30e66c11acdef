//! The rules of `Range` that analysis and engine share: a vector of the inputs' common type, symbolic integers as int64.

use tract_onnx::tract_hir::internal::*;

/// Type, rank and length of a range; `len` counts its elements, `None` where it cannot.
pub(crate) fn range_rules<'r, 'p: 'r>(
    s: &mut Solver<'r>,
    inputs: &'p [TensorProxy],
    outputs: &'p [TensorProxy],
    len: impl Fn(&Tensor, &Tensor, &Tensor) -> TractResult<Option<TDim>> + 'r,
) -> InferenceResult {
    check_input_arity(inputs, 3)?;
    check_output_arity(outputs, 1)?;
    s.equals(&outputs[0].rank, 1)?;
    s.given_3(
        &inputs[0].datum_type,
        &inputs[1].datum_type,
        &inputs[2].datum_type,
        move |s, a, b, c| {
            let dt = DatumType::super_type_for([a, b, c]).context("Range over mixed types")?;
            s.equals(
                &outputs[0].datum_type,
                if dt.is_tdim() { i64::datum_type() } else { dt },
            )
        },
    )?;
    s.given_3(
        &inputs[0].value,
        &inputs[1].value,
        &inputs[2].value,
        move |s, a, b, c| match len(&a, &b, &c)? {
            Some(len) => s.equals(&outputs[0].shape[0], len),
            None => Ok(()),
        },
    )
}
