//! `RotaryEmbeddingPair` in tract: in place where nobody else reads the inputs.

use phasor_ops::contract::DOMAIN;
use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::rotary_pair::{INPUTS, NAME, OUTPUTS, geometries};
use phasor_ops::rotary::{RotaryPairKernel, WithTables};
use phasor_ops::simd::Element;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::super::operators::Built;

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    if node.domain != DOMAIN {
        return super::other_domain(NAME, context, node);
    }
    let attributes = super::rotary::attributes(node)?;
    Ok((expand(Pair { attributes }), vec![]))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pair {
    attributes: RotaryAttributes,
}

impl Expansion for Pair {
    fn name(&self) -> StaticName {
        "PhasorRotaryEmbeddingPair".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(OUTPUTS.len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, INPUTS.len())?;
        check_output_arity(outputs, OUTPUTS.len())?;
        s.equals(&inputs[0].datum_type, &inputs[1].datum_type)?;
        s.equals(&inputs[2].datum_type, &inputs[3].datum_type)?;
        for (input, output) in inputs.iter().zip(outputs) {
            s.equals(&output.datum_type, &input.datum_type)?;
            s.equals(&output.shape, &input.shape)?;
        }
        Ok(())
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

impl Op for Pair {
    fn name(&self) -> StaticName {
        "PhasorRotaryEmbeddingPair".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Pair {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (q, k, cos, sin) = args_4!(inputs);
        let turned = match (q.datum_type(), cos.datum_type()) {
            (DatumType::F32, DatumType::F32) => self.run::<f32, f32>(q, k, &cos, &sin),
            (DatumType::F16, DatumType::F16) => self.run::<f16, f16>(q, k, &cos, &sin),
            (DatumType::F16, DatumType::F32) => self.run::<f16, f32>(q, k, &cos, &sin),
            (DatumType::F64, DatumType::F64) => self.run::<f64, f64>(q, k, &cos, &sin),
            (DatumType::F64, DatumType::F32) => self.run::<f64, f32>(q, k, &cos, &sin),
            (q, table) => bail!("{NAME} of {q:?} by tables of {table:?}"),
        }?;
        Ok(turned.into_iter().map(Tensor::into_tvalue).collect())
    }
}

impl Pair {
    fn run<T: Datum + WithTables<TT>, TT: Datum + Element>(
        &self,
        q: TValue,
        k: TValue,
        cos: &Tensor,
        sin: &Tensor,
    ) -> TractResult<[Tensor; 2]> {
        let (mut q, mut k) = (q.into_tensor(), k.into_tensor());
        let (q_shape, k_shape): (TVec<usize>, TVec<usize>) = (q.shape().into(), k.shape().into());
        let (cos_plain, sin_plain) = (cos.try_as_plain_ram()?, sin.try_as_plain_ram()?);
        RotaryPairKernel::new(self.attributes).run_in_place(
            (q.try_as_plain_ram_mut()?.as_slice_mut::<T>()?, &q_shape),
            (k.try_as_plain_ram_mut()?.as_slice_mut::<T>()?, &k_shape),
            (cos_plain.as_slice::<TT>()?, cos.shape()),
            (sin_plain.as_slice::<TT>()?, sin.shape()),
        )?;
        Ok([q, k])
    }
}

impl TypedOp for Pair {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(
            inputs.len() == INPUTS.len(),
            "{NAME} of {} inputs",
            inputs.len()
        );
        let shapes: Option<TVec<_>> = inputs.iter().map(|f| f.shape.as_concrete()).collect();
        if let Some(shapes) = shapes {
            geometries(&self.attributes, shapes[0], shapes[1], shapes[2], shapes[3])?;
        }
        let facts = inputs.iter().take(OUTPUTS.len());
        Ok(facts.map(|fact| fact.without_value()).collect())
    }

    as_op!();
}
