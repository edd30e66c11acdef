//! `AlibiBias` on CUDA.

use super::twin::{Twin, address};
use crate::abi::alibi_bias::AlibiBias;
use crate::abi::context::Context;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::contract::alibi_bias::{AlibiAttributes, slope_count};
use crate::contract::relative::{BiasGeometry, Integer};
use crate::cuda::relative_bias::{AlibiCuda, Slopes};
use crate::cuda::{CudaError, Device, Function, Places};
use crate::relative_bias::WithIntegers;
use crate::simd::Element;
use std::marker::PhantomData;

/// The twin with slopes of type `T`, and positions of type `I`.
pub(in crate::abi) struct AlibiBiasCuda<T, I>(PhantomData<(T, I)>);

impl<T: WithIntegers<I> + Typed, I: Integer + Typed> Twin for AlibiBiasCuda<T, I> {
    type Of = AlibiBias<T, I>;
    type Kernel = AlibiCuda<Function>;

    fn create(device: &Device, attributes: AlibiAttributes) -> Result<Self::Kernel, CudaError> {
        let types = (<T as Element>::TYPE, <I as Integer>::TYPE);
        AlibiCuda::new(device, attributes, types.0, types.1)
    }

    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`; the host keeps them until the stream has done the launch, and gives
        // the output a place of its own.
        unsafe {
            let slopes: Tensor<T> = context.device_input(0)?;
            let [query, key]: [Tensor<I>; 2] = [context.device_input(1)?, context.device_input(2)?];
            let heads = slope_count(slopes.shape.sizes())?;
            let geometry = BiasGeometry::new(heads, query.shape.sizes(), key.shape.sizes())?;
            let bias: *mut T = context.output(0, &Shape::of(&geometry.output_shape())?)?;
            let slopes = Slopes {
                geometry: &geometry,
                slopes: address(slopes.data),
                places: Places {
                    lut: 0,
                    query_positions: address(query.data),
                    key_positions: address(key.data),
                },
                bias: address(bias),
            };
            Ok(kernel.run(device, context.stream()?, &slopes)?)
        }
    }
}
