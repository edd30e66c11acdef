//! `RotaryEmbedding` on CUDA.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::rotary::RotaryEmbedding;
use crate::abi::status::Failure;
use crate::abi::tensor::{Tensor, Typed};
use crate::contract::rotary::{RotaryAttributes, RotaryGeometry};
use crate::cuda::rotary::{Reading, RotaryCuda, Turned};
use crate::cuda::{CudaError, Device, Function};
use crate::rotary::WithTables;
use crate::simd::Element;
use std::marker::PhantomData;

/// The twin with `X` of type `T` and tables of type `TT`.
pub(in crate::abi) struct RotaryEmbeddingCuda<T, TT>(PhantomData<(T, TT)>);

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Twin for RotaryEmbeddingCuda<T, TT> {
    type Of = RotaryEmbedding<T, TT>;
    type Kernel = RotaryCuda<Function>;

    fn create(device: &Device, attributes: RotaryAttributes) -> Result<Self::Kernel, CudaError> {
        let types = (<T as Element>::TYPE, <TT as Element>::TYPE);
        RotaryCuda::new(device, attributes, Reading::Dense, types.0, types.1)
    }

    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`; the host keeps them until the stream has done the launch, and
        // gives `y` a place of its own, or that of `x`.
        unsafe {
            let x: Tensor<T> = context.device_input(0)?;
            let [cos, sin]: [Tensor<TT>; 2] = [context.device_input(1)?, context.device_input(2)?];
            let geometry = RotaryGeometry::new(
                kernel.attributes(),
                x.shape.sizes(),
                cos.shape.sizes(),
                sin.shape.sizes(),
            )?;
            let y: *mut T = context.output(0, &x.shape)?;
            let turned = [Turned {
                geometry: &geometry,
                x: address(x.data),
                y: address(y),
            }];
            let tables = [address(cos.data), address(sin.data)];
            Ok(kernel.run(device, context.stream()?, &turned, tables)?)
        }
    }
}
