//! `AlibiBias` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::Inference;
use super::operator::Operator;
use super::relative_bias::bias;
use super::status::Failure;
use super::tensor::{Shape, Shared, Typed};
use crate::contract::OperatorSpec;
use crate::contract::alibi_bias::{ATTRIBUTES, AlibiAttributes, SPEC};
use crate::contract::relative::Integer;
use crate::relative_bias::{AlibiKernel, WithIntegers};
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator on elements of type `T`, with positions of type `I`.
pub(super) struct AlibiBias<T, I>(PhantomData<(T, I)>);

/// A node: what it does, and its inputs.
pub(super) struct Prepared<T, I> {
    kernel: AlibiKernel,
    slopes: Constant<T>,
    query_positions: Constant<I>,
    key_positions: Constant<I>,
}

impl<T: WithIntegers<I> + Typed, I: Integer + Typed> Operator for AlibiBias<T, I> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <I as Typed>::TYPE];

    type Attributes = AlibiAttributes;
    type Kernel = Prepared<T, I>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        let Some(slopes) = node.input(0) else {
            return Ok(());
        };
        match &slopes.shape[..] {
            [heads] => bias(node, &slopes, heads, [1, 2]),
            _ => Ok(()),
        }
    }

    fn attributes(node: &Node<'_>) -> Result<AlibiAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| AlibiAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<T, I>, Failure> {
        // SAFETY: inputs have the types of `TYPES`, and are kept in the kernel alone.
        unsafe {
            Ok(Prepared {
                kernel: AlibiKernel::new(Self::attributes(node)?),
                slopes: Constant::of(node, 0)?,
                query_positions: Constant::of(node, 1)?,
                key_positions: Constant::of(node, 2)?,
            })
        }
    }

    fn compute(prepared: &Prepared<T, I>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let slopes = prepared.slopes.get(context)?;
            let query = prepared.query_positions.get(context)?;
            let key = prepared.key_positions.get(context)?;
            let call = prepared.kernel.call::<I, T>(
                slopes.shape.sizes(),
                query.shape.sizes(),
                key.shape.sizes(),
            )?;
            let plan = call.plan();
            let sizes = plan.output_shape();
            let shape = Shape::of(&sizes)?;
            let bias: *mut T = context.output(0, &shape)?;
            let shared = Shared((slopes.data, query.data, key.data, bias));
            context.parallel_for(plan.items(), plan.task_items(), |items| {
                let (slopes, query, key, bias) = shared.get();
                // The tensors have the shapes of `call`; the host gives the output a place of its own.
                call.items(slopes, query, key, bias, items);
            })
        }
    }
}
