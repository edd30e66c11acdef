//! `RelativeGather` on CUDA.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::relative_gather::RelativeGather;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::contract::relative::{Integer, lut_reach};
use crate::contract::relative_gather::{RelativeGatherAttributes, RelativeGatherGeometry};
use crate::cuda::relative_gather::{Gathered, RelativeGatherCuda as Kernel};
use crate::cuda::{CudaError, Device, Function, Places};
use crate::relative_gather::WithColumns;
use crate::simd::Element;
use crate::simd::words::AsWord;
use std::marker::PhantomData;

/// The twin with scores of type `T`, and positions of type `I`.
pub(in crate::abi) struct RelativeGatherCuda<T, I>(PhantomData<(T, I)>);

impl<T: AsWord + Element + Typed, I: Integer + Typed> Twin for RelativeGatherCuda<T, I>
where
    T::Word: WithColumns<I>,
{
    type Of = RelativeGather<T, I>;
    type Kernel = Kernel<Function>;

    fn create(
        device: &Device,
        attributes: RelativeGatherAttributes,
    ) -> Result<Self::Kernel, CudaError> {
        let types = (<T as Element>::TYPE, <I as Integer>::TYPE);
        Kernel::new(device, attributes, types.0, types.1)
    }

    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`; the host keeps them until the stream has done the launch, and gives
        // the output a place of its own.
        unsafe {
            let scores: Tensor<T> = context.device_input(0)?;
            let [lut, query, key]: [Tensor<I>; 3] = [
                context.device_input(1)?,
                context.device_input(2)?,
                context.device_input(3)?,
            ];
            let geometry = RelativeGatherGeometry::new(
                kernel.attributes(),
                scores.shape.sizes(),
                query.shape.sizes(),
                key.shape.sizes(),
            )?;
            let reach = lut_reach(lut.shape.sizes())?;
            let output: *mut T = context.output(0, &Shape::of(geometry.output_shape())?)?;
            let gathered = Gathered {
                geometry: &geometry,
                reach,
                scores: address(scores.data),
                places: Places {
                    lut: address(lut.data),
                    query_positions: address(query.data),
                    key_positions: address(key.data),
                },
                output: address(output),
            };
            Ok(kernel.run(device, context.stream()?, &gathered)?)
        }
    }
}
