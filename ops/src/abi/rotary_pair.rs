//! `RotaryEmbeddingPair` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::Inference;
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shared, Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::rotary::RotaryAttributes;
use crate::contract::rotary_pair::{ATTRIBUTES, SPEC};
use crate::rotary::{RotaryPairKernel, WithTables};
use crate::simd::Element;
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator with `Q` and `K` of type `T` and tables of type `TT`.
pub(super) struct RotaryEmbeddingPair<T, TT>(PhantomData<(T, TT)>);

/// A node: what it does, and its cosines and sines.
pub(super) struct Prepared<TT> {
    kernel: RotaryPairKernel,
    tables: [Constant<TT>; 2],
}

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Operator for RotaryEmbeddingPair<T, TT> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <TT as Typed>::TYPE];

    type Attributes = RotaryAttributes;
    type Kernel = Prepared<TT>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        node.same(0)?;
        node.same(1)
    }

    fn attributes(node: &Node<'_>) -> Result<RotaryAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| RotaryAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<TT>, Failure> {
        Ok(Prepared {
            kernel: RotaryPairKernel::new(Self::attributes(node)?),
            // SAFETY: inputs 2 and 3 have the types of `TYPES`; the kernel dies with the session.
            tables: unsafe { [Constant::of(node, 2)?, Constant::of(node, 3)?] },
        })
    }

    fn compute(prepared: &Prepared<TT>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and outputs have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let q: Tensor<T> = context.input(0)?;
            let k: Tensor<T> = context.input(1)?;
            let [cos, sin] = &prepared.tables;
            let (cos, sin) = (cos.get(context)?, sin.get(context)?);
            let call = prepared.kernel.call::<T, TT>(
                q.shape.sizes(),
                k.shape.sizes(),
                cos.shape.sizes(),
                sin.shape.sizes(),
            )?;
            let yq: *mut T = context.output(0, &q.shape)?;
            let yk: *mut T = context.output(1, &k.shape)?;
            let shared = Shared(((q.data, yq), (k.data, yk), (cos.data, sin.data)));
            context.parallel_for(call.row_count(), call.task_rows(), |rows| {
                let (q, k, tables) = shared.get();
                // The tensors have the shapes of `call`; the host gives each output a place of its own, or that of its input.
                call.rows(q, k, tables, rows);
            })
        }
    }
}
