//! `RotaryTable` on CUDA.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::rotary_table::RotaryTable;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::angle::Position;
use crate::contract::rotary_table::{RotaryTableAttributes, RotaryTableGeometry};
use crate::cuda::{CudaError, Device, Function, angles};
use crate::rotary_table::WithPositions;
use crate::simd::Element;
use std::marker::PhantomData;

/// The twin with positions of type `P` and tables of type `T`.
pub(in crate::abi) struct RotaryTableCuda<P, T>(PhantomData<(P, T)>);

impl<P: Position + Typed, T: WithPositions<P> + Typed> Twin for RotaryTableCuda<P, T> {
    type Of = RotaryTable<P, T>;
    type Kernel = angles::RotaryTableCuda<Function>;

    fn create(
        device: &Device,
        attributes: RotaryTableAttributes,
    ) -> Result<Self::Kernel, CudaError> {
        let types = (P::POSITION, <T as Element>::TYPE);
        angles::RotaryTableCuda::new(device, attributes, types.0, types.1)
    }

    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        // SAFETY: inputs and outputs have the types of `TYPES`; the host keeps them until the stream has done the launch, and gives
        // each output a place of its own.
        unsafe {
            let positions: Tensor<P> = context.device_input(0)?;
            let frequencies: Tensor<f64> = context.device_input(1)?;
            let geometry = RotaryTableGeometry::new(
                kernel.attributes(),
                positions.shape.sizes(),
                frequencies.shape.sizes(),
            )?;
            let shape = Shape::of(geometry.output_shape())?;
            let cos: *mut T = context.output(0, &shape)?;
            let sin: *mut T = context.output(1, &shape)?;
            let inputs = [address(positions.data), address(frequencies.data)];
            let tables = [address(cos), address(sin)];
            Ok(kernel.run(device, context.stream()?, &geometry, inputs, tables)?)
        }
    }
}
