//! Operators whose result may be of any size whatever the size of their inputs: beyond a limit they are refused before tract
//! computes them, because an allocation that fails ends the program.

use super::Built;
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

/// The largest value that is computed.
const MAX_BYTES: u128 = 8 << 30;

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register
        .insert("ConstantOfShape", constant_of_shape);
    onnx.op_register.insert("Expand", |_, _| {
        Ok((expand(Bounded(array::MultiBroadcastTo)), vec![]))
    });
    onnx.op_register
        .insert("Tile", |_, _| Ok((expand(Bounded(array::Tile)), vec![])));
}

/// The copy gives every `ConstantOfShape` its value.
fn constant_of_shape(context: &ParsingContext, node: &NodeProto) -> Built {
    let value = context.load_tensor(node.get_attr("value")?)?;
    ensure!(
        value.len() == 1,
        "ConstantOfShape of {} values",
        value.len()
    );
    let scalar = value.into_shape(&[])?.into_arc_tensor();
    Ok((expand(Bounded(array::ConstantOfShape::new(scalar))), vec![]))
}

/// Refuses a shape of too many elements.
pub(super) fn check(shape: &[TDim], dt: DatumType) -> TractResult<()> {
    let count = shape.iter().map(TDim::as_i64).try_fold(1u128, |n, d| {
        Some(n.saturating_mul(u128::try_from(d?).ok()?))
    });
    if let Some(count) = count {
        let bytes = count.saturating_mul(dt.size_of() as u128);
        ensure!(bytes <= MAX_BYTES, "it would make a value of {bytes} bytes");
    }
    Ok(())
}

/// An operator with a limit on its result.
#[derive(Debug, Clone)]
struct Bounded<E>(E);

impl<E: Expansion + Clone> Expansion for Bounded<E> {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.rules(s, inputs, outputs)?;
        s.given_2(
            &outputs[0].shape,
            &outputs[0].datum_type,
            move |_, shape, dt| check(&shape, dt),
        )
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.0.wire(prefix, model, inputs)
    }
}
