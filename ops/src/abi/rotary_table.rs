//! `RotaryTable` for the host.

use super::context::{Context, Node};
use super::frequencies::FrequencyInput;
use super::infer::{Dimension, Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shape, Shared, Tensor, Typed};
use crate::angle::{OfAngles, Position};
use crate::contract::OperatorSpec;
use crate::contract::rotary_table::{ATTRIBUTES, AXIS, RotaryTableAttributes, SPEC, resolve_axis};
use crate::rotary_table::{RotaryTableKernel, WithPositions};
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator with positions of type `P` and tables of type `T`.
pub(super) struct RotaryTable<P, T>(PhantomData<(P, T)>);

/// A node: what it does, and its frequencies.
pub(super) struct Prepared<T: OfAngles> {
    kernel: RotaryTableKernel,
    frequencies: FrequencyInput<T>,
}

impl<P: Position + Typed, T: WithPositions<P> + Typed> Operator for RotaryTable<P, T> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[P::TYPE, f64::TYPE, <T as Typed>::TYPE];

    type Attributes = RotaryTableAttributes;
    type Kernel = Prepared<T>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        let (Some(positions), Some(frequencies), Some(element)) =
            (node.input(0), node.input(1), node.element(2))
        else {
            return Ok(());
        };
        let mut shape = positions.shape;
        let width: &Dimension = match &frequencies.shape[..] {
            [width] => width,
            [_, width] => {
                let axis = node.integer(AXIS.name).unwrap_or(AXIS.default);
                let Some(axis) = resolve_axis(axis, shape.len()) else {
                    return Ok(());
                };
                shape.remove(axis);
                width
            }
            _ => return Ok(()),
        };
        shape.push(width.clone());
        let table = Known { element, shape };
        node.output(0, &table)?;
        node.output(1, &table)
    }

    fn attributes(node: &Node<'_>) -> Result<RotaryTableAttributes, Failure> {
        node.attributes(&ATTRIBUTES, |given| RotaryTableAttributes::parse(given))
    }

    fn create(node: &Node<'_>) -> Result<Prepared<T>, Failure> {
        Ok(Prepared {
            kernel: RotaryTableKernel::new(Self::attributes(node)?),
            // SAFETY: inputs have the types of `TYPES`; the kernel dies with the session.
            frequencies: unsafe { FrequencyInput::of(node, 1)? },
        })
    }

    fn compute(prepared: &Prepared<T>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and outputs have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let positions: Tensor<P> = context.input(0)?;
            let (frequencies, widths) = prepared.frequencies.get(context)?;
            let call = prepared
                .kernel
                .call::<P, T>(positions.shape.sizes(), widths.sizes())?;
            let shape = Shape::of(call.output_shape())?;
            let cos: *mut T = context.output(0, &shape)?;
            let sin: *mut T = context.output(1, &shape)?;
            let shared = Shared((positions.data, frequencies.as_ptr(), (cos, sin)));
            context.parallel_for(call.row_count(), call.task_rows(), |rows| {
                let (positions, frequencies, tables) = shared.get();
                // The tensors have the shapes of `call`; the host gives outputs places of their own.
                call.rows(positions, frequencies, tables, rows);
            })
        }
    }
}
