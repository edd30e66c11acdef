//! `RotaryEmbeddingPair` in tract: in place where nobody else reads the inputs.

use phasor_ops::contract::rotary::RotaryAttributes;
use phasor_ops::contract::rotary_pair::{NAME, SPEC, geometries};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::rotary::{RotaryPairKernel, WithTables};
use phasor_ops::simd::Element;
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair(RotaryAttributes);

impl Native for Pair {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        RotaryAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        Ok(tvec!(inputs[0].into(), inputs[1].into()))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        geometries(&self.0, inputs[0], inputs[1], inputs[2], inputs[3]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
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
        RotaryPairKernel::new(self.0).run_in_place(
            (q.try_as_plain_ram_mut()?.as_slice_mut::<T>()?, &q_shape),
            (k.try_as_plain_ram_mut()?.as_slice_mut::<T>()?, &k_shape),
            (cos_plain.as_slice::<TT>()?, cos.shape()),
            (sin_plain.as_slice::<TT>()?, sin.shape()),
        )?;
        Ok([q, k])
    }
}
