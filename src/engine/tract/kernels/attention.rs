//! `Attention` in tract.

use phasor_ops::attention::{Attended, AttentionKernel};
use phasor_ops::contract::attention::{AttentionAttributes, AttentionGeometry, SPEC};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attention(AttentionAttributes);

impl Native for Attention {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        AttentionAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        let ([batch, heads, queries, _], [_, _, _, values]) = (inputs[0], inputs[2]) else {
            bail!(
                "queries of rank {} and values of rank {}, expected 4",
                inputs[0].len(),
                inputs[2].len()
            );
        };
        Ok(tvec!(
            [batch, heads, queries, values].map(Clone::clone).into()
        ))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        let [q, k, v, bias, mask] = inputs else {
            unreachable!("the number of inputs is checked");
        };
        AttentionGeometry::new([q, k, v, bias, mask]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        match inputs[0].datum_type() {
            DatumType::F32 => self.run::<f32>(&inputs),
            DatumType::F16 => self.run::<f16>(&inputs),
            DatumType::F64 => self.run::<f64>(&inputs),
            other => bail!("{} of {other:?}", SPEC.name),
        }
    }
}

impl Attention {
    fn run<T: Datum + Attended>(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let [q, k, v, bias, mask] = inputs else {
            unreachable!("the number of inputs is checked");
        };
        let geometry = AttentionGeometry::new([q, k, v, bias, mask].map(|t| t.shape()))?;
        let mut output = Tensor::zero_dt(T::datum_type(), &geometry.output_shape())?;
        let plain = [q, k, v, bias].map(|tensor| tensor.try_as_plain_ram());
        let [q_values, k_values, v_values, bias_values] = plain;
        let (q_values, k_values) = (q_values?, k_values?);
        let (v_values, bias_values) = (v_values?, bias_values?);
        let visible = mask.try_as_plain_ram()?;
        AttentionKernel::new(self.0).run(
            [
                (q_values.as_slice::<T>()?, q.shape()),
                (k_values.as_slice::<T>()?, k.shape()),
                (v_values.as_slice::<T>()?, v.shape()),
                (bias_values.as_slice::<T>()?, bias.shape()),
            ],
            (visible.as_slice::<bool>()?, mask.shape()),
            output.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(tvec!(output.into_tvalue()))
    }
}
