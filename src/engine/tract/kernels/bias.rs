//! `RelativePositionBias` and `AlibiBias` in tract.

use phasor_ops::contract::alibi_bias::{self, AlibiAttributes, slope_count};
use phasor_ops::contract::relative::{BiasGeometry, Integer, bias_shape};
use phasor_ops::contract::relative_bias::{self, table_sizes};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use phasor_ops::relative_bias::{AlibiKernel, Lut, RelativeBiasKernel, WithIntegers};
use tract_onnx::tract_hir::internal::*;

use super::native::{Native, by_types};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct RelativeBias;

impl Native for RelativeBias {
    const SPEC: &'static OperatorSpec = &relative_bias::SPEC;

    fn parse(_: impl Fn(&'static str) -> Option<AttributeValue>) -> Result<Self, ContractError> {
        Ok(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        ensure!(
            inputs[0].len() == 2,
            "table of rank {}, expected 2",
            inputs[0].len()
        );
        shape(&inputs[0][1], inputs[2], inputs[3])
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        let (_, heads) = table_sizes(inputs[0])?;
        BiasGeometry::new(heads, inputs[2], inputs[3]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        by_types!(Self::SPEC, (inputs[0], inputs[1]), self.run(&inputs))
    }
}

impl RelativeBias {
    fn run<T: Datum + WithIntegers<I>, I: Datum + Integer>(
        &self,
        inputs: &[TValue],
    ) -> TractResult<TVec<TValue>> {
        let [table, lut, query, key] = inputs else {
            unreachable!("the number of inputs is checked");
        };
        let (_, heads) = table_sizes(table.shape())?;
        let geometry = BiasGeometry::new(heads, query.shape(), key.shape())?;
        let mut bias = Tensor::zero_dt(T::datum_type(), &geometry.output_shape())?;
        let [t, l] = [table, lut].map(|tensor| tensor.try_as_plain_ram());
        let [q, k] = [query, key].map(|tensor| tensor.try_as_plain_ram());
        let (t, l, q, k) = (t?, l?, q?, k?);
        RelativeBiasKernel::new().run(
            (t.as_slice::<T>()?, table.shape()),
            Lut::new(l.as_slice::<I>()?, lut.shape())?,
            (q.as_slice::<I>()?, query.shape()),
            (k.as_slice::<I>()?, key.shape()),
            bias.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(tvec!(bias.into_tvalue()))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alibi(AlibiAttributes);

impl Native for Alibi {
    const SPEC: &'static OperatorSpec = &alibi_bias::SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        AlibiAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        ensure!(
            inputs[0].len() == 1,
            "slopes of rank {}, expected 1",
            inputs[0].len()
        );
        shape(&inputs[0][0], inputs[1], inputs[2])
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        BiasGeometry::new(slope_count(inputs[0])?, inputs[1], inputs[2]).map(drop)
    }

    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        by_types!(Self::SPEC, (inputs[0], inputs[1]), self.run(&inputs))
    }
}

impl Alibi {
    fn run<T: Datum + WithIntegers<I>, I: Datum + Integer>(
        &self,
        inputs: &[TValue],
    ) -> TractResult<TVec<TValue>> {
        let [slopes, query, key] = inputs else {
            unreachable!("the number of inputs is checked");
        };
        let heads = slope_count(slopes.shape())?;
        let geometry = BiasGeometry::new(heads, query.shape(), key.shape())?;
        let mut bias = Tensor::zero_dt(T::datum_type(), &geometry.output_shape())?;
        let (s, q) = (slopes.try_as_plain_ram()?, query.try_as_plain_ram()?);
        let k = key.try_as_plain_ram()?;
        AlibiKernel::new(self.0).run(
            (s.as_slice::<T>()?, slopes.shape()),
            (q.as_slice::<I>()?, query.shape()),
            (k.as_slice::<I>()?, key.shape()),
            bias.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
        )?;
        Ok(tvec!(bias.into_tvalue()))
    }
}

fn shape(heads: &TDim, query: &[TDim], key: &[TDim]) -> TractResult<TVec<TVec<TDim>>> {
    let shape = bias_shape(&1.to_dim(), heads, query, key);
    let shape = shape.with_context(|| {
        format!("query_positions {query:?} and key_positions {key:?} do not broadcast")
    })?;
    Ok(tvec!(shape.into_iter().collect()))
}
