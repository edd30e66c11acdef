//! `RotaryEmbedding` for the host.

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

/// A node: what it does, and its tables.
pub(super) struct Prepared<TT> {
    kernel: RotaryKernel,
    tables: Tables<TT>,
}

/// The tables of a node: where they are among its inputs, and those that are constants of the model.
pub(super) struct Tables<TT> {
    first: usize,
    cos: Option<Tensor<TT>>,
    sin: Option<Tensor<TT>>,
}

// SAFETY: the tables are constants of the model: nobody writes to them, and they live as long as the session.
unsafe impl<TT: Sync> Send for Tables<TT> {}
// SAFETY: as above.
unsafe impl<TT: Sync> Sync for Tables<TT> {}

impl<TT> Tables<TT> {
    /// The tables that are inputs `first` and `first + 1`.
    ///
    /// # Safety
    /// Their elements are of type `TT`, and the result is kept in the node's kernel alone.
    pub(super) unsafe fn of(node: &Node<'_>, first: usize) -> Result<Self, Failure> {
        // SAFETY: the caller's; a kernel dies with its session.
        let (cos, sin) = unsafe { (node.constant(first)?, node.constant(first + 1)?) };
        Ok(Self { first, cos, sin })
    }

    /// `cos` and `sin` of a run.
    ///
    /// # Safety
    /// It is a run of the node's, and the result is not used after it.
    #[inline]
    pub(super) unsafe fn get(
        &self,
        context: &Context<'_>,
    ) -> Result<(Tensor<TT>, Tensor<TT>), Failure> {
        let table = |constant: &Option<Tensor<TT>>, index| match constant {
            Some(table) => Ok(Tensor {
                data: table.data,
                shape: table.shape,
            }),
            // SAFETY: the caller's.
            None => unsafe { context.input(index) },
        };
        Ok((
            table(&self.cos, self.first)?,
            table(&self.sin, self.first + 1)?,
        ))
    }
}

impl<T: WithTables<TT> + Typed, TT: Element + Typed> Operator for RotaryEmbedding<T, TT> {
    const SPEC: &'static OperatorSpec = &SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = &[<T as Typed>::TYPE, <TT as Typed>::TYPE];

    type Kernel = Prepared<TT>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        node.same(0)
    }

    fn create(node: &Node<'_>) -> Result<Prepared<TT>, Failure> {
        let attributes = node.attributes(&ATTRIBUTES, |given| RotaryAttributes::parse(given))?;
        let kernel = RotaryKernel::new(attributes);
        Ok(Prepared {
            kernel,
            // SAFETY: inputs 1 and 2 have the types of `TYPES`.
            tables: unsafe { Tables::of(node, 1)? },
        })
    }

    fn compute(prepared: &Prepared<TT>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `TYPES`, and are used in this call alone.
        unsafe {
            let x: Tensor<T> = context.input(0)?;
            let (cos, sin) = prepared.tables.get(context)?;
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
