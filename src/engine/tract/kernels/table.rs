//! `RotaryTable` in tract.

use phasor_ops::angle::Position;
use phasor_ops::contract::rotary_table::{NAME, RotaryTableAttributes, RotaryTableGeometry, SPEC};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::rotary_table::{RotaryTableKernel, WithPositions};
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table(RotaryTableAttributes);

impl Native for Table {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        RotaryTableAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        let (mut shape, frequencies): (TVec<TDim>, _) = (inputs[0].into(), inputs[1]);
        if frequencies.len() == 2 {
            let rank = shape.len() as i64;
            let axis = self.0.axis + if self.0.axis < 0 { rank } else { 0 };
            ensure!((0..rank).contains(&axis), "`axis` of {NAME} out of range");
            shape.remove(axis as usize);
        }
        shape.push(frequencies.last().context("frequencies of rank 0")?.clone());
        Ok(tvec!(shape.clone(), shape))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        RotaryTableGeometry::new(&self.0, inputs[0], inputs[1]).map(drop)
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

impl Table {
    fn at<T>(&self, positions: &Tensor, frequencies: &Tensor) -> TractResult<TVec<TValue>>
    where
        T: Datum
            + WithPositions<i64>
            + WithPositions<i32>
            + WithPositions<f32>
            + WithPositions<f64>,
    {
        match positions.datum_type() {
            DatumType::I64 => self.run::<i64, T>(positions, frequencies),
            DatumType::I32 => self.run::<i32, T>(positions, frequencies),
            DatumType::F32 => self.run::<f32, T>(positions, frequencies),
            DatumType::F64 => self.run::<f64, T>(positions, frequencies),
            other => bail!("{NAME} of positions of {other:?}"),
        }
    }

    fn run<P: Datum + Position, T: Datum + WithPositions<P>>(
        &self,
        positions: &Tensor,
        frequencies: &Tensor,
    ) -> TractResult<TVec<TValue>> {
        let kernel = RotaryTableKernel::new(self.0);
        let call = kernel.call::<P, T>(positions.shape(), frequencies.shape())?;
        let mut cos = Tensor::zero_dt(T::datum_type(), call.output_shape())?;
        let mut sin = cos.clone();
        let (p, f) = (
            positions.try_as_plain_ram()?,
            frequencies.try_as_plain_ram()?,
        );
        kernel.run(
            (p.as_slice::<P>()?, positions.shape()),
            (f.as_slice::<f64>()?, frequencies.shape()),
            cos.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
            sin.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(tvec!(cos.into_tvalue(), sin.into_tvalue()))
    }
}
