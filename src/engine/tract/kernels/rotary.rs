//! `RotaryEmbedding` in tract: in place where nobody else reads the input.

use phasor_ops::contract::rotary::{NAME, RotaryAttributes, RotaryGeometry, SPEC};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::rotary::{RotaryKernel, WithTables};
use phasor_ops::simd::Element;
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rotary(RotaryAttributes);

impl Native for Rotary {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        RotaryAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        Ok(tvec!(inputs[0].into()))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        RotaryGeometry::new(&self.0, inputs[0], inputs[1], inputs[2]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
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
        RotaryKernel::new(self.0).run_in_place(
            (y.try_as_plain_ram_mut()?.as_slice_mut::<T>()?, &shape),
            (cos_plain.as_slice::<TT>()?, cos.shape()),
            (sin_plain.as_slice::<TT>()?, sin.shape()),
        )?;
        Ok(y)
    }
}
