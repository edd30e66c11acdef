//! `RelativeGather` on CUDA.

use super::{PROVIDER, address, driver};
use crate::abi::context::{Context, Node};
use crate::abi::infer::Inference;
use crate::abi::operator::Operator;
use crate::abi::relative_gather::RelativeGather;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::relative::{Integer, lut_reach};
use crate::contract::relative_gather::{
    ATTRIBUTES, RelativeGatherAttributes, RelativeGatherGeometry, SPEC,
};
use crate::cuda::relative_gather::{Gathered, RelativeGatherCuda as Kernel};
use crate::cuda::{Function, Places};
use crate::relative_gather::WithColumns;
use crate::simd::Element;
use crate::simd::words::AsWord;
use ort_sys::ONNXTensorElementDataType;
use std::ffi::CStr;
use std::marker::PhantomData;

/// The twin with scores of type `T`, and positions of type `I`.
pub(in crate::abi) struct RelativeGatherCuda<T, I>(PhantomData<(T, I)>);

impl<T: AsWord + Element + Typed, I: Integer + Typed> Operator for RelativeGatherCuda<T, I>
where
    T::Word: WithColumns<I>,
{
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <I as Typed>::TYPE];
    const PROVIDER: &'static CStr = PROVIDER;

    type Kernel = Kernel<Function>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        RelativeGather::<T, I>::infer(node)
    }

    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure> {
        let driver = driver()?;
        let attributes =
            node.attributes(&ATTRIBUTES, |given| RelativeGatherAttributes::parse(given))?;
        let types = (<T as Element>::TYPE, <I as Integer>::TYPE);
        Ok(Kernel::new(driver, attributes, types.0, types.1)?)
    }

    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure> {
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
            Ok(kernel.run(driver()?, context.stream()?, &gathered)?)
        }
    }
}
