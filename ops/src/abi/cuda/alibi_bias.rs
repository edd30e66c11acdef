//! `AlibiBias` on CUDA.

use super::{PROVIDER, address, driver};
use crate::abi::alibi_bias::AlibiBias;
use crate::abi::context::{Context, Node};
use crate::abi::infer::Inference;
use crate::abi::operator::Operator;
use crate::abi::status::Failure;
use crate::abi::tensor::{Shape, Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::alibi_bias::{ATTRIBUTES, AlibiAttributes, SPEC, slope_count};
use crate::contract::relative::{BiasGeometry, Integer};
use crate::cuda::relative_bias::{AlibiCuda, Slopes};
use crate::cuda::{Function, Places};
use crate::relative_bias::WithIntegers;
use crate::simd::Element;
use ort_sys::ONNXTensorElementDataType;
use std::ffi::CStr;
use std::marker::PhantomData;

/// The twin with slopes of type `T`, and positions of type `I`.
pub(in crate::abi) struct AlibiBiasCuda<T, I>(PhantomData<(T, I)>);

impl<T: WithIntegers<I> + Typed, I: Integer + Typed> Operator for AlibiBiasCuda<T, I> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <I as Typed>::TYPE];
    const PROVIDER: &'static CStr = PROVIDER;

    type Kernel = AlibiCuda<Function>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        AlibiBias::<T, I>::infer(node)
    }

    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure> {
        let driver = driver()?;
        let attributes = node.attributes(&ATTRIBUTES, |given| AlibiAttributes::parse(given))?;
        let types = (<T as Element>::TYPE, <I as Integer>::TYPE);
        Ok(AlibiCuda::new(driver, attributes, types.0, types.1)?)
    }

    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure> {
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
            Ok(kernel.run(driver()?, context.stream()?, &slopes)?)
        }
    }
}
