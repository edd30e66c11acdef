//! `RotaryEmbeddingPair` on CUDA: both tensors in one launch.

use super::{PROVIDER, address, driver};
use crate::abi::context::{Context, Node};
use crate::abi::infer::Inference;
use crate::abi::operator::Operator;
use crate::abi::status::Failure;
use crate::abi::tensor::{Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::rotary::RotaryAttributes;
use crate::contract::rotary_pair::{ATTRIBUTES, SPEC, geometries};
use crate::cuda::Function;
use crate::cuda::rotary::{RotaryCuda, Turned};
use crate::simd::Element;
use ort_sys::ONNXTensorElementDataType;
use std::ffi::CStr;
use std::marker::PhantomData;

/// The twin with `Q` and `K` of type `T` and tables of type `TT`.
pub(in crate::abi) struct RotaryEmbeddingPairCuda<T, TT>(PhantomData<(T, TT)>);

impl<T: Element + Typed, TT: Element + Typed> Operator for RotaryEmbeddingPairCuda<T, TT> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <TT as Typed>::TYPE];
    const PROVIDER: &'static CStr = PROVIDER;

    type Kernel = RotaryCuda<Function>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        node.same(0)?;
        node.same(1)
    }

    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure> {
        let driver = driver()?;
        let attributes = node.attributes(&ATTRIBUTES, |given| RotaryAttributes::parse(given))?;
        let types = (<T as Element>::TYPE, <TT as Element>::TYPE);
        Ok(RotaryCuda::new(driver, attributes, types.0, types.1)?)
    }

    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure> {
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
            Ok(kernel.run(driver()?, context.stream()?, &turned, tables)?)
        }
    }
}
