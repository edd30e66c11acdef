//! `RotaryEmbedding` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::Inference;
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shared, Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::rotary::{ATTRIBUTES, RotaryAttributes, SPEC};
use crate::rotary::{RotaryKernel, WithTables};
use crate::simd::Element;
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator with `X` of type `T` and tables of type `TT`.
pub(super) struct RotaryEmbedding<T, TT>(PhantomData<(T, TT)>);

/// A node: what it does, and its cosines and sines.
pub(super) struct Prepared<TT> {
    kernel: RotaryKernel,
    tables: [Constant<TT>; 2],
}

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Operator for RotaryEmbedding<T, TT> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <TT as Typed>::TYPE];

    type Attributes = RotaryAttributes;
    type Kernel = Prepared<TT>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        node.same(0)
    }

    fn attributes(node: &Node<'_>) -> Result<RotaryAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| RotaryAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<TT>, Failure> {
        let kernel = RotaryKernel::new(Self::attributes(node)?);
        Ok(Prepared {
            kernel,
            // SAFETY: inputs 1 and 2 have the types of `TYPES`; the kernel dies with the session.
            tables: unsafe { [Constant::of(node, 1)?, Constant::of(node, 2)?] },
        })
    }

    fn compute(prepared: &Prepared<TT>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let x: Tensor<T> = context.input(0)?;
            let [cos, sin] = &prepared.tables;
            let (cos, sin) = (cos.get(context)?, sin.get(context)?);
            let call = prepared.kernel.call::<T, TT>(
                x.shape.sizes(),
                cos.shape.sizes(),
                sin.shape.sizes(),
            )?;
            let y: *mut T = context.output(0, &x.shape)?;
            let shared = Shared((x.data, cos.data, sin.data, y));
            context.parallel_for(call.row_count(), call.task_rows(), |rows| {
                let (x, cos, sin, y) = shared.get();
                // The tensors have the shapes `call` was made for; the host gives `y` a place of its own, or that of `x`.
                call.rows(x, cos, sin, y, rows);
            })
        }
    }
}
