//! `RotaryHeads` in tract.

use phasor_ops::contract::rotary_heads::{NAME, RotaryHeadsAttributes, RotaryHeadsGeometry, SPEC};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::rotary::{RotaryHeadsKernel, WithTables};
use phasor_ops::simd::Element;
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heads(RotaryHeadsAttributes);

impl Native for Heads {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        RotaryHeadsAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        let [batch, sequence, heads, channels] = inputs[0] else {
            bail!("{NAME} of rank {}, expected 4", inputs[0].len());
        };
        let heads = heads.to_usize().context("a number of heads that varies")?;
        let taken = self.0.heads.count(heads).to_dim();
        let shape = [batch.clone(), taken, sequence.clone(), channels.clone()];
        Ok(tvec!(shape.into()))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        RotaryHeadsGeometry::new(&self.0, inputs[0], inputs[1], inputs[2]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (x, cos, sin) = args_3!(inputs);
        let y = match (x.datum_type(), cos.datum_type()) {
            (DatumType::F32, DatumType::F32) => self.run::<f32, f32>(&x, &cos, &sin),
            (DatumType::F16, DatumType::F16) => self.run::<f16, f16>(&x, &cos, &sin),
            (DatumType::F16, DatumType::F32) => self.run::<f16, f32>(&x, &cos, &sin),
            (DatumType::F64, DatumType::F64) => self.run::<f64, f64>(&x, &cos, &sin),
            (DatumType::F64, DatumType::F32) => self.run::<f64, f32>(&x, &cos, &sin),
            (x, table) => bail!("{NAME} of {x:?} by tables of {table:?}"),
        }?;
        Ok(tvec!(y.into_tvalue()))
    }
}

impl Heads {
    fn run<T: Datum + WithTables<TT>, TT: Datum + Element>(
        &self,
        x: &Tensor,
        cos: &Tensor,
        sin: &Tensor,
    ) -> TractResult<Tensor> {
        let geometry = RotaryHeadsGeometry::new(&self.0, x.shape(), cos.shape(), sin.shape())?;
        let mut y = Tensor::zero_dt(T::datum_type(), &geometry.output)?;
        let [x_plain, cos_plain, sin_plain] = [x, cos, sin].map(|t| t.try_as_plain_ram());
        let (x_plain, cos_plain, sin_plain) = (x_plain?, cos_plain?, sin_plain?);
        RotaryHeadsKernel::new(self.0).run(
            (x_plain.as_slice::<T>()?, x.shape()),
            (cos_plain.as_slice::<TT>()?, cos.shape()),
            (sin_plain.as_slice::<TT>()?, sin.shape()),
            y.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(y)
    }
}
