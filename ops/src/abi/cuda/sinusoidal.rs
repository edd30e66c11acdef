//! `SinusoidalEmbedding` on CUDA.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::sinusoidal::SinusoidalEmbedding;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::angle::Position;
use crate::contract::sinusoidal::{SinusoidalAttributes, SinusoidalGeometry};
use crate::cuda::{CudaError, Device, Function, angles};
use crate::simd::Element;
use crate::sinusoidal::Embedded;
use std::marker::PhantomData;

/// The twin with positions of type `P` and embeddings of type `T`.
pub(in crate::abi) struct SinusoidalEmbeddingCuda<P, T>(PhantomData<(P, T)>);

impl<P: Position + Typed, T: Embedded + Typed> Twin for SinusoidalEmbeddingCuda<P, T> {
    type Of = SinusoidalEmbedding<P, T>;
    type Kernel = angles::SinusoidalCuda<Function>;

    fn create(
        device: &Device,
        attributes: SinusoidalAttributes,
    ) -> Result<Self::Kernel, CudaError> {
        let types = (P::POSITION, <T as Element>::TYPE);
        angles::SinusoidalCuda::new(device, attributes, types.0, types.1)
    }

    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`; the host keeps them until the stream has done the launch, and
        // gives the output a place of its own.
        unsafe {
            let positions: Tensor<P> = context.device_input(0)?;
            let frequencies: Tensor<f64> = context.device_input(1)?;
            let geometry = SinusoidalGeometry::new(
                kernel.attributes(),
                positions.shape.sizes(),
                frequencies.shape.sizes(),
            )?;
            let shape = Shape::of(geometry.output_shape())?;
            let embedding: *mut T = context.output(0, &shape)?;
            let inputs = [address(positions.data), address(frequencies.data)];
            Ok(kernel.run(
                device,
                context.stream()?,
                &geometry,
                inputs,
                address(embedding),
            )?)
        }
    }
}
