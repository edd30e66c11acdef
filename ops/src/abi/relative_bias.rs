//! `RelativePositionBias` for the host.

use super::constant::Constant;
use super::context::{Context, Node};
use super::infer::{Dimension, Inference, Known};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::{Shape, Shared, Typed};
use crate::contract::OperatorSpec;
use crate::contract::relative::{Integer, LutRange, bias_shape};
use crate::contract::relative_bias::{ROWS, SPEC, table_sizes};
use crate::relative_bias::{Lut, RelativeBiasKernel, WithIntegers};
use ort_sys::ONNXTensorElementDataType;
use std::marker::PhantomData;

/// The operator on elements of type `T`, with positions of type `I`.
pub(super) struct RelativePositionBias<T, I>(PhantomData<(T, I)>);

/// A node: its inputs, and what is known of its lookup table, if that is a constant of the model.
pub(super) struct Prepared<T, I> {
    kernel: RelativeBiasKernel,
    table: Constant<T>,
    lut: Constant<I>,
    range: Option<LutRange>,
    query_positions: Constant<I>,
    key_positions: Constant<I>,
}

impl<T: WithIntegers<I> + Typed, I: Integer + Typed> Operator for RelativePositionBias<T, I> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <I as Typed>::TYPE];

    type Attributes = ();
    type Kernel = Prepared<T, I>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        let Some(table) = node.input(0) else {
            return Ok(());
        };
        match &table.shape[..] {
            [_, heads] => bias(node, &table, heads, [2, 3]),
            _ => Ok(()),
        }
    }

    fn attributes(_: &Node<'_>) -> Result<(), Failure> {
        Ok(())
    }

    fn create(node: &Node<'_>) -> Result<Prepared<T, I>, Failure> {
        // SAFETY: inputs have the types of `TYPES`, and are kept in the kernel alone.
        unsafe {
            let table: Constant<T> = Constant::of(node, 0)?;
            let lut: Constant<I> = Constant::of(node, 1)?;
            let mut range = None;
            if let Some(lut) = lut.known() {
                let entries = lut.elements();
                let known = LutRange::new(entries, lut.shape.sizes())?;
                if let Some(table) = table.known() {
                    known.check(entries, table_sizes(table.shape.sizes())?.0, ROWS)?;
                }
                range = Some(known);
            }
            Ok(Prepared {
                kernel: RelativeBiasKernel::new(),
                table,
                lut,
                range,
                query_positions: Constant::of(node, 2)?,
                key_positions: Constant::of(node, 3)?,
            })
        }
    }

    fn compute(prepared: &Prepared<T, I>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let table = prepared.table.get(context)?;
            let lut = prepared.lut.get(context)?;
            let lut = match prepared.range {
                Some(range) => Lut::known(lut.elements(), range),
                None => Lut::new(lut.elements(), lut.shape.sizes())?,
            };
            let query = prepared.query_positions.get(context)?;
            let key = prepared.key_positions.get(context)?;
            let call = prepared.kernel.call::<I, T>(
                table.shape.sizes(),
                lut,
                query.shape.sizes(),
                key.shape.sizes(),
            )?;
            let plan = call.plan();
            let sizes = plan.output_shape();
            let shape = Shape::of(&sizes)?;
            let bias: *mut T = context.output(0, &shape)?;
            let shared = Shared((table.data, query.data, key.data, bias));
            context.parallel_for(plan.items(), plan.task_items(), |items| {
                let (table, query, key, bias) = shared.get();
                // The tensors have the shapes of `call`; the host gives the output a place of its own.
                call.items(table, query, key, bias, items);
            })
        }
    }
}

/// Tells the host the shape of a bias, as far as it follows from the number of heads and the inputs with the positions of queries
/// and keys. Its elements have the type of those of `like`.
///
/// # Errors
/// Those of [`Inference::output`].
pub(super) fn bias(
    node: &Inference<'_>,
    like: &Known,
    heads: &Dimension,
    positions: [usize; 2],
) -> Result<(), Failure> {
    let [Some(query), Some(key)] = positions.map(|index| node.input(index)) else {
        return Ok(());
    };
    let Some(shape) = bias_shape(&Dimension::Size(1), heads, &query.shape, &key.shape) else {
        return Ok(());
    };
    let known = Known {
        element: like.element,
        shape: shape.to_vec(),
    };
    node.output(0, &known)
}
