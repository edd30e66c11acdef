//! `RotaryHeads` on CUDA.

use super::twin::{Twin, address};
use crate::abi::context::Context;
use crate::abi::rotary_heads::RotaryHeads;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::contract::rotary_heads::{RotaryHeadsAttributes, RotaryHeadsGeometry};
use crate::cuda::rotary::{Reading, RotaryCuda, Turned};
use crate::cuda::{CudaError, Device, Function};
use crate::rotary::WithTables;
use crate::simd::Element;
use std::marker::PhantomData;

/// A node's kernels, and what it says.
pub(in crate::abi) struct Prepared {
    attributes: RotaryHeadsAttributes,
    kernel: RotaryCuda<Function>,
}

/// The twin with `X` of type `T` and tables of type `TT`.
pub(in crate::abi) struct RotaryHeadsCuda<T, TT>(PhantomData<(T, TT)>);

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Twin for RotaryHeadsCuda<T, TT> {
    type Of = RotaryHeads<T, TT>;
    type Kernel = Prepared;

    fn create(device: &Device, attributes: RotaryHeadsAttributes) -> Result<Prepared, CudaError> {
        let types = (<T as Element>::TYPE, <TT as Element>::TYPE);
        Ok(Prepared {
            attributes,
            kernel: RotaryCuda::new(device, attributes.rotary, Reading::Heads, types.0, types.1)?,
        })
    }

    fn compute(prepared: &Prepared, device: &Device, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`; the host keeps them until the stream has done the launch, and
        // gives `y` a place of its own.
        unsafe {
            let x: Tensor<T> = context.device_input(0)?;
            let [cos, sin]: [Tensor<TT>; 2] = [context.device_input(1)?, context.device_input(2)?];
            let RotaryHeadsGeometry { output, turning } = RotaryHeadsGeometry::new(
                &prepared.attributes,
                x.shape.sizes(),
                cos.shape.sizes(),
                sin.shape.sizes(),
            )?;
            let y: *mut T = context.output(0, &Shape::of(&output)?)?;
            let turned = [Turned {
                geometry: &turning,
                x: address(x.data),
                y: address(y),
            }];
            let tables = [address(cos.data), address(sin.data)];
            Ok(prepared
                .kernel
                .run(device, context.stream()?, &turned, tables)?)
        }
    }
}
