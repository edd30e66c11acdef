//! `RelativeGather` in tract.

use phasor_ops::contract::relative::Integer;
use phasor_ops::contract::relative_gather::{
    RelativeGatherAttributes, RelativeGatherGeometry, SPEC,
};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::relative_gather::{RelativeGatherKernel, WithColumns};
use phasor_ops::simd::words::AsWord;
use tract_onnx::tract_hir::internal::*;

use super::native::{Native, by_types};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gather(RelativeGatherAttributes);

impl Native for Gather {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        RelativeGatherAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        let [lead @ .., _, _] = inputs[0] else {
            bail!("scores of rank {}, expected at least 2", inputs[0].len());
        };
        let mut shape: TVec<TDim> = lead.into();
        for positions in &inputs[2..] {
            shape.push(positions.last().context("positions of rank 0")?.clone());
        }
        Ok(tvec!(shape))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        RelativeGatherGeometry::new(&self.0, inputs[0], inputs[2], inputs[3]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        by_types!(Self::SPEC, (inputs[0], inputs[1]), self.run(&inputs))
    }
}

impl Gather {
    fn run<T: Datum + AsWord, I: Datum + Integer>(
        &self,
        inputs: &[TValue],
    ) -> TractResult<TVec<TValue>>
    where
        T::Word: WithColumns<I>,
    {
        let [scores, lut, query, key] = inputs else {
            unreachable!("the number of inputs is checked");
        };
        let shapes = [scores, query, key].map(|tensor| tensor.shape());
        let geometry = RelativeGatherGeometry::new(&self.0, shapes[0], shapes[1], shapes[2])?;
        let mut output = Tensor::zero_dt(T::datum_type(), geometry.output_shape())?;
        let (s, l) = (scores.try_as_plain_ram()?, lut.try_as_plain_ram()?);
        let (q, k) = (query.try_as_plain_ram()?, key.try_as_plain_ram()?);
        RelativeGatherKernel::new(self.0).run(
            (s.as_slice::<T>()?, shapes[0]),
            (l.as_slice::<I>()?, lut.shape()),
            (q.as_slice::<I>()?, shapes[1]),
            (k.as_slice::<I>()?, shapes[2]),
            output.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(tvec!(output.into_tvalue()))
    }
}
