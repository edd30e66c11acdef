//! `RelativePositionBias` on CUDA.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::relative_bias::RelativePositionBias;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::contract::relative::{BiasGeometry, Integer, lut_reach};
use crate::contract::relative_bias::table_sizes;
use crate::cuda::relative_bias::{Buckets, RelativeBiasCuda};
use crate::cuda::{CudaError, Device, Function, Places};
use crate::relative_bias::WithIntegers;
use crate::simd::Element;
use std::marker::PhantomData;

/// The twin with a table of type `T`, and positions of type `I`.
pub(in crate::abi) struct RelativePositionBiasCuda<T, I>(PhantomData<(T, I)>);

impl<T: WithIntegers<I> + Typed, I: Integer + Typed> Twin for RelativePositionBiasCuda<T, I> {
    type Of = RelativePositionBias<T, I>;
    type Kernel = RelativeBiasCuda<Function>;

    fn create(device: &Device, _: ()) -> Result<Self::Kernel, CudaError> {
        let types = (<T as Element>::TYPE, <I as Integer>::TYPE);
        RelativeBiasCuda::new(device, types.0, types.1)
    }

    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`; the host keeps them until the stream has done the launch, and gives
        // the output a place of its own.
        unsafe {
            let table: Tensor<T> = context.device_input(0)?;
            let [lut, query, key]: [Tensor<I>; 3] = [
                context.device_input(1)?,
                context.device_input(2)?,
                context.device_input(3)?,
            ];
            let (rows, heads) = table_sizes(table.shape.sizes())?;
            let reach = lut_reach(lut.shape.sizes())?;
            let geometry = BiasGeometry::new(heads, query.shape.sizes(), key.shape.sizes())?;
            let bias: *mut T = context.output(0, &Shape::of(&geometry.output_shape())?)?;
            let buckets = Buckets {
                geometry: &geometry,
                rows,
                reach,
                table: address(table.data),
                places: Places {
                    lut: address(lut.data),
                    query_positions: address(query.data),
                    key_positions: address(key.data),
                },
                bias: address(bias),
            };
            Ok(kernel.run(device, context.stream()?, &buckets)?)
        }
    }
}
