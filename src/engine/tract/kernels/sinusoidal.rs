//! `SinusoidalEmbedding` in tract.

use phasor_ops::angle::Position;
use phasor_ops::contract::sinusoidal::{NAME, SPEC, SinusoidalAttributes, SinusoidalGeometry};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::sinusoidal::{Embedded, SinusoidalKernel};
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sinusoidal(SinusoidalAttributes);

impl Native for Sinusoidal {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        SinusoidalAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        let mut shape: TVec<TDim> = inputs[0].into();
        let count = inputs[1].last().context("frequencies of rank 0")?;
        shape.push(match self.0.width {
            0 => count.clone() * 2,
            width => width.to_dim(),
        });
        Ok(tvec!(shape))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        SinusoidalGeometry::new(&self.0, inputs[0], inputs[1]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (positions, frequencies, target) = args_3!(inputs);
        match target.datum_type() {
            DatumType::F32 => self.at::<f32>(&positions, &frequencies),
            DatumType::F16 => self.at::<f16>(&positions, &frequencies),
            DatumType::F64 => self.at::<f64>(&positions, &frequencies),
            other => bail!("{NAME} of type {other:?}"),
        }
    }
}

impl Sinusoidal {
    fn at<T: Datum + Embedded>(
        &self,
        positions: &Tensor,
        frequencies: &Tensor,
    ) -> TractResult<TVec<TValue>> {
        match positions.datum_type() {
            DatumType::I64 => self.run::<i64, T>(positions, frequencies),
            DatumType::I32 => self.run::<i32, T>(positions, frequencies),
            DatumType::F32 => self.run::<f32, T>(positions, frequencies),
            DatumType::F64 => self.run::<f64, T>(positions, frequencies),
            other => bail!("{NAME} of positions of {other:?}"),
        }
    }

    fn run<P: Datum + Position, T: Datum + Embedded>(
        &self,
        positions: &Tensor,
        frequencies: &Tensor,
    ) -> TractResult<TVec<TValue>> {
        let kernel = SinusoidalKernel::new(self.0);
        let call = kernel.call::<P, T>(positions.shape(), frequencies.shape())?;
        let mut embedding = Tensor::zero_dt(T::datum_type(), call.output_shape())?;
        let (p, f) = (
            positions.try_as_plain_ram()?,
            frequencies.try_as_plain_ram()?,
        );
        kernel.run(
            (p.as_slice::<P>()?, positions.shape()),
            (f.as_slice::<f64>()?, frequencies.shape()),
            embedding.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(tvec!(embedding.into_tvalue()))
    }
}
