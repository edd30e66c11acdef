//! `Attention` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::{Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Boolean, Shape, Shared, Tensor, Typed};
use crate::attention::{Attended, AttentionCall, AttentionKernel, AttentionTensors};
use crate::contract::OperatorSpec;
use crate::contract::attention::{ATTRIBUTES, AttentionAttributes, SPEC};
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator on elements of type `T`.
pub(super) struct Attention<T, M>(PhantomData<(T, M)>);

/// A node: what it does, and the inputs that models mostly hold as constants.
pub(super) struct Prepared<T> {
    pub(super) kernel: AttentionKernel,
    pub(super) bias: Constant<T>,
    pub(super) mask: Constant<Boolean>,
}

impl<T: Copy> Prepared<T> {
    /// # Safety
    /// `bias` and `mask`, which are inputs 3 and 4, have the types `T` and boolean, and the node outlives what is made of it.
    pub(super) unsafe fn new(
        attributes: AttentionAttributes,
        node: &Node<'_>,
    ) -> Result<Self, Failure> {
        // SAFETY: this function's `# Safety` section is that of the functions called.
        unsafe {
            Ok(Self {
                kernel: AttentionKernel::new(attributes),
                bias: Constant::of(node, 3)?,
                mask: Constant::of(node, 4)?,
            })
        }
    }
}

impl<T: Attended + Typed> Operator for Attention<T, Boolean> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, Boolean::TYPE];

    type Attributes = AttentionAttributes;
    type Kernel = Prepared<T>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        infer_output(node)
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
            let call = prepared.kernel.call::<T>([
                q.shape.sizes(),
                k.shape.sizes(),
                v.shape.sizes(),
                bias.shape.sizes(),
                mask.shape.sizes(),
            ])?;
            let sizes = call.output_shape();
            let y: *mut T = context.output(0, &Shape::of(&sizes)?)?;
            // The shapes of `call` are those of the inputs.
            let tensors = AttentionTensors {
                q: q.data,
                k: k.data,
                v: v.data,
                caches: None,
                bias: bias.data,
                mask: mask.data.cast(),
                y,
            };
            attend(&call, tensors, context)
        }
    }
}

/// Writes `y`, with the host's threads.
///
/// # Safety
/// The tensors have the shapes of `call`, and outputs have places of their own.
pub(super) unsafe fn attend<T: Attended>(
    call: &AttentionCall<T>,
    tensors: AttentionTensors<T>,
    context: &Context<'_>,
) -> Result<(), Failure> {
    // SAFETY: this function's `# Safety` section is that of the functions called.
    unsafe {
        call.attend(tensors, |tensors, partials| {
            let shared = Shared((tensors, partials));
            context.parallel_for(call.item_count(), call.task_items(), |items| {
                let (tensors, partials) = shared.get();
                call.items(tensors, partials, items);
            })
        })
    }
}

/// Tells the host the shape of `Y`, which is output 0: that of `Q`, as wide as `V`.
pub(super) fn infer_output(node: &Inference<'_>) -> Result<(), Failure> {
    let (Some(q), Some(v)) = (node.input(0), node.input(2)) else {
        return Ok(());
    };
    let (element, mut shape) = (q.element, q.shape);
    let ([_, _, _, channels], [_, _, _, values]) = (&mut shape[..], &v.shape[..]) else {
        return Ok(());
    };
    channels.clone_from(values);
    node.output(0, &Known { element, shape })
}
