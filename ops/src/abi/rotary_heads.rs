//! `RotaryHeads` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::{Dimension, Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shape, Shared, Tensor, Typed};
use crate::contract::OperatorSpec;
use crate::contract::rotary_heads::{ATTRIBUTES, RotaryHeadsAttributes, SPEC};
use crate::rotary::{RotaryHeadsKernel, WithTables};
use crate::simd::Element;
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator with `X` of type `T` and tables of type `TT`.
pub(super) struct RotaryHeads<T, TT>(PhantomData<(T, TT)>);

/// A node: what it does, and its cosines and sines.
pub(super) struct Prepared<TT> {
    kernel: RotaryHeadsKernel,
    tables: [Constant<TT>; 2],
}

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Operator for RotaryHeads<T, TT> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <TT as Typed>::TYPE];

    type Attributes = RotaryHeadsAttributes;
    type Kernel = Prepared<TT>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        let Some(Known { element, shape }) = node.input(0) else {
            return Ok(());
        };
        let [batch, sequence, Dimension::Size(heads), channels] = &shape[..] else {
            return Ok(());
        };
        // The host asks before it makes a kernel, which refuses what is wrong here.
        let attributes = RotaryHeadsAttributes::parse(|name| node.integer(name));
        let (Ok(attributes), Ok(heads)) = (attributes, usize::try_from(*heads)) else {
            return Ok(());
        };
        let Ok(taken) = i64::try_from(attributes.heads.count(heads)) else {
            return Ok(());
        };
        let shape = vec![
            batch.clone(),
            Dimension::Size(taken),
            sequence.clone(),
            channels.clone(),
        ];
        node.output(0, &Known { element, shape })
    }

    fn attributes(node: &Node<'_>) -> Result<RotaryHeadsAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| RotaryHeadsAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<TT>, Failure> {
        Ok(Prepared {
            kernel: RotaryHeadsKernel::new(Self::attributes(node)?),
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
            let y: *mut T = context.output(0, &Shape::of(&call.output)?)?;
            let turning = call.turning;
            let shared = Shared((x.data, cos.data, sin.data, y));
            context.parallel_for(turning.row_count(), turning.task_rows(), |rows| {
                let (x, cos, sin, y) = shared.get();
                // The tensors have the shapes of `call`; the host gives `y` a place of its own.
                turning.rows(x, cos, sin, y, rows);
            })
        }
    }
}
