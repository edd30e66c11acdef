//! `RotaryEmbeddingPair` on CUDA: both tensors in one launch.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::rotary_pair::RotaryEmbeddingPair;
use crate::abi::status::Failure;
use crate::abi::tensor::{Tensor, Typed};
use crate::contract::rotary::RotaryAttributes;
use crate::contract::rotary_pair::geometries;
use crate::cuda::rotary::{Reading, RotaryCuda, Turned};
use crate::cuda::{CudaError, Device, Function};
use crate::rotary::WithTables;
use crate::simd::Element;
use std::marker::PhantomData;

/// The twin with `Q` and `K` of type `T` and tables of type `TT`.
pub(in crate::abi) struct RotaryEmbeddingPairCuda<T, TT>(PhantomData<(T, TT)>);

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Twin for RotaryEmbeddingPairCuda<T, TT> {
    type Of = RotaryEmbeddingPair<T, TT>;
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
        // SAFETY: inputs and outputs have the types of `TYPES`; the host keeps them until the stream has done the launch, and gives
        // each output a place of its own, or that of its input.
        unsafe {
            let [q, k]: [Tensor<T>; 2] = [context.device_input(0)?, context.device_input(1)?];
            let [cos, sin]: [Tensor<TT>; 2] = [context.device_input(2)?, context.device_input(3)?];
            let [of_q, of_k] = geometries(
                kernel.attributes(),
                q.shape.sizes(),
                k.shape.sizes(),
                cos.shape.sizes(),
                sin.shape.sizes(),
            )?;
            let yq: *mut T = context.output(0, &q.shape)?;
            let yk: *mut T = context.output(1, &k.shape)?;
            let turned = [(&of_q, &q, yq), (&of_k, &k, yk)].map(|(geometry, x, y)| Turned {
                geometry,
                x: address(x.data),
                y: address(y),
            });
            let tables = [address(cos.data), address(sin.data)];
            Ok(kernel.run(device, context.stream()?, &turned, tables)?)
        }
    }
}
