//! `CachedAttention` for the host.

use super::attention::{Prepared, attend, infer_output};
use super::context::{Context, Node};
use super::infer::{Dimension, Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Boolean, Shape, Shared, Tensor, Typed};
use crate::attention::{Attended, AttentionTensors, CachedTensors};
use crate::contract::OperatorSpec;
use crate::contract::cached_attention::{ATTRIBUTES, AttentionAttributes, SPEC};
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator on elements of type `T`.
pub(super) struct CachedAttention<T, M>(PhantomData<(T, M)>);

impl<T: Attended + Typed> Operator for CachedAttention<T, Boolean> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, Boolean::TYPE];

    type Attributes = AttentionAttributes;
    type Kernel = Prepared<T>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        infer_output(node)?;
        for (output, new, past) in [(1, 1, 5), (2, 2, 6)] {
            if let (Some(new), Some(past)) = (node.input(new), node.input(past))
                && let Some(present) = joined(new, &past)
            {
                node.output(output, &present)?;
            }
        }
        Ok(())
    }

    fn attributes(node: &Node<'_>) -> Result<AttentionAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| AttentionAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<T>, Failure> {
        // SAFETY: inputs have the types of `TYPES`, and are kept in the kernel alone.
        unsafe { Prepared::new(Self::attributes(node)?, node) }
    }

    fn compute(prepared: &Prepared<T>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and outputs have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let [q, k, v]: [Tensor<T>; 3] =
                [context.input(0)?, context.input(1)?, context.input(2)?];
            let bias = prepared.bias.get(context)?;
            let mask = prepared.mask.get(context)?;
            let past: [Tensor<T>; 2] = [context.input(5)?, context.input(6)?];
            let call = prepared.kernel.cached_call::<T>([
                q.shape.sizes(),
                k.shape.sizes(),
                v.shape.sizes(),
                bias.shape.sizes(),
                mask.shape.sizes(),
                past[0].shape.sizes(),
                past[1].shape.sizes(),
            ])?;
            let shapes = call.output_shapes();
            let [y, present_k, present_v]: [*mut T; 3] = [
                context.output(0, &Shape::of(&shapes[0])?)?,
                context.output(1, &Shape::of(&shapes[1])?)?,
                context.output(2, &Shape::of(&shapes[2])?)?,
            ];
            let cached = CachedTensors {
                new: [k.data, v.data],
                past: past.map(|tensor| tensor.data),
                present: [present_k, present_v],
            };
            // The tensors have the shapes of `call`; the host gives outputs places of their own.
            let shared = Shared(cached);
            context.parallel_for(call.copy_count(), call.task_copies(), |copies| {
                call.copies(&shared.get(), copies);
            })?;
            let tensors = AttentionTensors {
                q: q.data,
                k: present_k,
                v: present_v,
                caches: call.caches(&cached),
                bias: bias.data,
                mask: mask.data.cast(),
                y,
            };
            attend(call.attention(), tensors, context)
        }
    }
}

/// A tensor with another behind it along the keys, where its size there is known.
fn joined(new: Known, past: &Known) -> Option<Known> {
    let mut present = new;
    let ([_, _, keys, _], [_, _, cached, _]) = (&mut present.shape[..], &past.shape[..]) else {
        return None;
    };
    let (Dimension::Size(own), Dimension::Size(old)) = (&*keys, cached) else {
        return None;
    };
    *keys = Dimension::Size(own.checked_add(*old)?);
    Some(present)
}
