//! `RotaryEmbedding` in tract: in place where nobody else reads the input.

use phasor_ops::contract::DOMAIN;
use phasor_ops::contract::rotary::{ATTRIBUTES, NAME, RotaryAttributes, RotaryGeometry};
use phasor_ops::rotary::{RotaryKernel, WithTables};
use phasor_ops::simd::Element;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::super::operators::Built;

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    if node.domain != DOMAIN {
        return super::other_domain(NAME, context, node);
    }
    let attributes = attributes(node)?;
    Ok((expand(Rotary { attributes }), vec![]))
}

/// The attributes of a node, which the two operators share.
pub(super) fn attributes(node: &NodeProto) -> TractResult<RotaryAttributes> {
    let mut given = Vec::new();
    for spec in &ATTRIBUTES {
        given.push((spec.name, node.get_attr_opt::<i64>(spec.name)?));
    }
    let value = |name| given.iter().find(|(n, _)| *n == name).and_then(|(_, v)| *v);
    Ok(RotaryAttributes::parse(value)?)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Rotary {
    attributes: RotaryAttributes,
}

impl Expansion for Rotary {
    fn name(&self) -> StaticName {
        "PhasorRotaryEmbedding".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        s.equals(&inputs[1].datum_type, &inputs[2].datum_type)?;
        s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Rotary {
    fn name(&self) -> StaticName {
        "PhasorRotaryEmbedding".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Rotary {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (x, cos, sin) = args_3!(inputs);
        let y = match (x.datum_type(), cos.datum_type()) {
            (DatumType::F32, DatumType::F32) => self.run::<f32, f32>(x, &cos, &sin),
            (DatumType::F16, DatumType::F16) => self.run::<f16, f16>(x, &cos, &sin),
            (DatumType::F16, DatumType::F32) => self.run::<f16, f32>(x, &cos, &sin),
            (DatumType::F64, DatumType::F64) => self.run::<f64, f64>(x, &cos, &sin),
            (DatumType::F64, DatumType::F32) => self.run::<f64, f32>(x, &cos, &sin),
            (x, table) => bail!("{NAME} of {x:?} by tables of {table:?}"),
        }?;
        Ok(tvec!(y.into_tvalue()))
    }
}

impl Rotary {
    fn run<T: Datum + WithTables<TT>, TT: Datum + Element>(
        &self,
        x: TValue,
        cos: &Tensor,
        sin: &Tensor,
    ) -> TractResult<Tensor> {
        let mut y = x.into_tensor();
        let shape: TVec<usize> = y.shape().into();
        let (cos_plain, sin_plain) = (cos.try_as_plain_ram()?, sin.try_as_plain_ram()?);
        RotaryKernel::new(self.attributes).run_in_place(
            (y.try_as_plain_ram_mut()?.as_slice_mut::<T>()?, &shape),
            (cos_plain.as_slice::<TT>()?, cos.shape()),
            (sin_plain.as_slice::<TT>()?, sin.shape()),
        )?;
        Ok(y)
    }
}

impl TypedOp for Rotary {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 3, "{NAME} of {} inputs", inputs.len());
        let shapes: Option<TVec<_>> = inputs.iter().map(|f| f.shape.as_concrete()).collect();
        if let Some(shapes) = shapes {
            RotaryGeometry::new(&self.attributes, shapes[0], shapes[1], shapes[2])?;
        }
        Ok(tvec!(inputs[0].without_value()))
    }

    as_op!();
}
