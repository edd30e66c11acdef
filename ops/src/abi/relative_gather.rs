//! `RelativeGather` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::{Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shape, Shared, Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::relative::Integer;
use crate::contract::relative_gather::{ATTRIBUTES, RelativeGatherAttributes, SPEC};
use crate::relative_gather::{Lookup, RelativeGatherKernel, RelativeGatherTensors, WithColumns};
use crate::simd::words::AsWord;
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator on elements of type `T`, with positions of type `I`.
pub(super) struct RelativeGather<T, I>(PhantomData<(T, I)>);

/// A node: what it does, its inputs but the scores, and what is known of its lookup table, if that is a constant of the model.
pub(super) struct Prepared<I> {
    kernel: RelativeGatherKernel,
    lut: Constant<I>,
    lookup: Option<Lookup>,
    query: Constant<I>,
    key: Constant<I>,
}

impl<T: AsWord + Typed, I: Integer + Typed> Operator for RelativeGather<T, I>
where
    T::Word: WithColumns<I>,
{
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <I as Typed>::TYPE];

    type Attributes = RelativeGatherAttributes;
    type Kernel = Prepared<I>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        let (Some(scores), Some(query), Some(key)) = (node.input(0), node.input(2), node.input(3))
        else {
            return Ok(());
        };
        let (Some(queries), Some(keys)) = (query.shape.last(), key.shape.last()) else {
            return Ok(());
        };
        let element = scores.element;
        let mut shape = scores.shape;
        let Some(lead) = shape.len().checked_sub(2) else {
            return Ok(());
        };
        shape.truncate(lead);
        shape.extend([queries.clone(), keys.clone()]);
        node.output(0, &Known { element, shape })
    }

    fn attributes(node: &Node<'_>) -> Result<RelativeGatherAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| RelativeGatherAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<I>, Failure> {
        let kernel = RelativeGatherKernel::new(Self::attributes(node)?);
        // SAFETY: inputs have the types of `TYPES`, and are kept in the kernel alone.
        unsafe {
            let lut: Constant<I> = Constant::of(node, 1)?;
            let lookup = match lut.known() {
                Some(known) => Some(Lookup::of_constant(known.elements(), known.shape.sizes())?),
                None => None,
            };
            let (query, key) = (Constant::of(node, 2)?, Constant::of(node, 3)?);
            Ok(Prepared {
                kernel,
                lut,
                lookup,
                query,
                key,
            })
        }
    }

    fn compute(prepared: &Prepared<I>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and outputs have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let scores: Tensor<T> = context.input(0)?;
            let lut = prepared.lut.get(context)?;
            let query = prepared.query.get(context)?;
            let key = prepared.key.get(context)?;
            let call = prepared.kernel.call::<I, T::Word>(
                scores.shape.sizes(),
                query.shape.sizes(),
                key.shape.sizes(),
            )?;
            let entries = lut.elements();
            let looked;
            let lookup = match &prepared.lookup {
                Some(lookup) => lookup,
                None => {
                    looked = Lookup::new(entries, lut.shape.sizes())?;
                    &looked
                }
            };
            if !call.output_shape().contains(&0) {
                lookup.check(entries, call.width())?;
            }
            let shape = Shape::of(call.output_shape())?;
            let output: *mut T = context.output(0, &shape)?;
            let tensors = Shared(RelativeGatherTensors {
                scores: scores.data.cast(),
                query: query.data,
                key: key.data,
                output: output.cast(),
            });
            context.parallel_for(call.item_count(), call.task_items(), |items| {
                // The tensors have the shapes of `call`; the host gives outputs places of their own.
                call.items(lookup, entries, tensors.get(), items);
            })
        }
    }
}
