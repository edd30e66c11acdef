//! `CachedAttention` in tract.

use phasor_ops::attention::{Attended, AttentionKernel};
use phasor_ops::contract::cached_attention::{AttentionAttributes, CachedGeometry, SPEC};
use phasor_ops::contract::{AttributeValue, ContractError, OperatorSpec};
use tract_onnx::tract_hir::internal::*;

use super::native::Native;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cached(AttentionAttributes);

impl Native for Cached {
    const SPEC: &'static OperatorSpec = &SPEC;

    fn parse(
        given: impl Fn(&'static str) -> Option<AttributeValue>,
    ) -> Result<Self, ContractError> {
        AttentionAttributes::parse(given).map(Self)
    }

    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>> {
        let present = |new: &[TDim], past: &[TDim]| {
            let ([batch, heads, own, width], [_, _, old, _]) = (new, past) else {
                bail!(
                    "new keys or values of rank {} behind some of rank {}, expected 4",
                    new.len(),
                    past.len()
                );
            };
            let all = own.clone() + old.clone();
            Ok(tvec!(batch.clone(), heads.clone(), all, width.clone()))
        };
        let keys = present(inputs[1], inputs[5])?;
        let values = present(inputs[2], inputs[6])?;
        let [batch, heads, queries, _] = inputs[0] else {
            bail!("queries of rank {}, expected 4", inputs[0].len());
        };
        let output = [batch, heads, queries, &values[3]].map(Clone::clone);
        Ok(tvec!(output.into(), keys, values))
    }

    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError> {
        geometry(inputs).map(drop)
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

fn geometry(shapes: &[&[usize]]) -> Result<CachedGeometry, ContractError> {
    let Ok(shapes) = shapes.try_into() else {
        unreachable!("the number of inputs is checked");
    };
    CachedGeometry::new(shapes)
}

impl Cached {
    fn run<T: Datum + Attended>(&self, inputs: &[TValue]) -> TractResult<TVec<TValue>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|tensor| tensor.shape()).collect();
        let CachedGeometry {
            attention,
            keys,
            values,
        } = geometry(&shapes)?;
        let shapes = [attention.output_shape(), keys.shape(), values.shape()];
        let made = |shape: [usize; 4]| Tensor::zero_dt(T::datum_type(), &shape);
        let [mut y, mut present_k, mut present_v] =
            [made(shapes[0])?, made(shapes[1])?, made(shapes[2])?];
        let plain = |at: usize| inputs[at].try_as_plain_ram();
        let floats = [
            plain(0)?,
            plain(1)?,
            plain(2)?,
            plain(3)?,
            plain(5)?,
            plain(6)?,
        ];
        let [q, k, v, bias, past_k, past_v] = &floats;
        let visible = plain(4)?;
        AttentionKernel::new(self.0).run_cached(
            [
                (q.as_slice::<T>()?, inputs[0].shape()),
                (k.as_slice::<T>()?, inputs[1].shape()),
                (v.as_slice::<T>()?, inputs[2].shape()),
                (bias.as_slice::<T>()?, inputs[3].shape()),
                (past_k.as_slice::<T>()?, inputs[5].shape()),
                (past_v.as_slice::<T>()?, inputs[6].shape()),
            ],
            (visible.as_slice::<bool>()?, inputs[4].shape()),
            [
                y.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
                present_k.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
                present_v.try_as_plain_ram_mut()?.as_slice_mut::<T>()?,
            ],
        )?;
        let outputs = [y, present_k, present_v].map(Tensor::into_tvalue);
        Ok(outputs.into_iter().collect())
    }
}
