//! `RotaryEmbedding` on CUDA.

use super::{PROVIDER, address, driver};
use crate::abi::context::{Context, Node};
use crate::abi::infer::Inference;
use crate::abi::operator::Operator;
use crate::abi::status::Failure;
use crate::abi::tensor::{Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::rotary::{ATTRIBUTES, RotaryAttributes, RotaryGeometry, SPEC};
use crate::cuda::Function;
use crate::cuda::rotary::{RotaryCuda, Turned};
use crate::simd::Element;
use ort_sys::ONNXTensorElementDataType;
use std::ffi::CStr;
use std::marker::PhantomData;

/// The twin with `X` of type `T` and tables of type `TT`.
pub(in crate::abi) struct RotaryEmbeddingCuda<T, TT>(PhantomData<(T, TT)>);

impl<T: Element + Typed, TT: Element + Typed> Operator for RotaryEmbeddingCuda<T, TT> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <TT as Typed>::TYPE];
    const PROVIDER: &'static CStr = PROVIDER;

    type Kernel = RotaryCuda<Function>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        node.same(0)
    }

    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure> {
        let driver = driver()?;
        let attributes = node.attributes(&ATTRIBUTES, |given| RotaryAttributes::parse(given))?;
        let types = (<T as Element>::TYPE, <TT as Element>::TYPE);
        Ok(RotaryCuda::new(driver, attributes, types.0, types.1)?)
    }

    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure> {
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
            Ok(kernel.run(driver()?, context.stream()?, &turned, tables)?)
        }
    }
}
