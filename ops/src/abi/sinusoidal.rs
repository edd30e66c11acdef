//! `SinusoidalEmbedding` for the host.

use super::context::{Context, Node};
use super::frequencies::FrequencyInput;
use super::infer::{Dimension, Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shape, Shared, Tensor, Typed};
use crate::angle::{OfAngles, Position};
use crate::contract::OperatorSpec;
use crate::contract::sinusoidal::{ATTRIBUTES, SPEC, SinusoidalAttributes, WIDTH};
use crate::sinusoidal::{Embedded, SinusoidalKernel};
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator with positions of type `P` and embeddings of type `T`.
pub(super) struct SinusoidalEmbedding<P, T>(PhantomData<(P, T)>);

/// A node: what it does, and its frequencies.
pub(super) struct Prepared<T: OfAngles> {
    kernel: SinusoidalKernel,
    frequencies: FrequencyInput<T>,
}

impl<P: Position + Typed, T: Embedded + Typed> Operator for SinusoidalEmbedding<P, T> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[P::TYPE, f64::TYPE, <T as Typed>::TYPE];

    type Attributes = SinusoidalAttributes;
    type Kernel = Prepared<T>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        let (Some(positions), Some(frequencies), Some(element)) =
            (node.input(0), node.input(1), node.element(2))
        else {
            return Ok(());
        };
        let width = match (
            node.integer(WIDTH.name).unwrap_or(WIDTH.default),
            &frequencies.shape[..],
        ) {
            (width @ 1.., [_]) => width,
            (0, [Dimension::Size(count)]) => match count.checked_mul(2) {
                Some(width) => width,
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        let mut shape = positions.shape;
        shape.push(Dimension::Size(width));
        node.output(0, &Known { element, shape })
    }

    fn attributes(node: &Node<'_>) -> Result<SinusoidalAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| SinusoidalAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<T>, Failure> {
        Ok(Prepared {
            kernel: SinusoidalKernel::new(Self::attributes(node)?),
            // SAFETY: inputs have the types of `TYPES`; the kernel dies with the session.
            frequencies: unsafe { FrequencyInput::of(node, 1)? },
        })
    }

    fn compute(prepared: &Prepared<T>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let positions: Tensor<P> = context.input(0)?;
            let (frequencies, widths) = prepared.frequencies.get(context)?;
            let call = prepared
                .kernel
                .call::<P, T>(positions.shape.sizes(), widths.sizes())?;
            let shape = Shape::of(call.output_shape())?;
            let embedding: *mut T = context.output(0, &shape)?;
            let shared = Shared((positions.data, frequencies.as_ptr(), embedding));
            context.parallel_for(call.row_count(), call.task_rows(), |rows| {
                let (positions, frequencies, embedding) = shared.get();
                // The tensors have the shapes of `call`; the host gives the output a place of its own.
                call.rows(positions, frequencies, embedding, rows);
            })
        }
    }
}
