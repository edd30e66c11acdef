//! `RotaryEmbedding` for the host.

use super::context::{Context, Node};
use super::operator::Operator;
use super::status::Failure;
use super::tensor::Tensor;
use crate::contract::ElementType;
use crate::contract::rotary::{ATTRIBUTES, RotaryAttributes};
use crate::rotary::{RotaryKernel, WithTables};
use crate::simd::Element;
use std::ffi::CStr;
use std::marker::PhantomData;

/// The operator with `X` of type `T` and tables of type `TT`.
pub(super) struct RotaryEmbedding<T, TT>(PhantomData<(T, TT)>);

/// A node: what it does, and those of its tables that are constants of the model.
pub(super) struct Prepared<TT> {
    kernel: RotaryKernel,
    cos: Option<Tensor<TT>>,
    sin: Option<Tensor<TT>>,
}

// SAFETY: the tables are constants of the model: nobody writes to them, and they live as long as the session.
unsafe impl<TT: Sync> Send for Prepared<TT> {}
// SAFETY: as above.
unsafe impl<TT: Sync> Sync for Prepared<TT> {}

/// Addresses that threads share, of elements no two of them write.
#[derive(Clone, Copy)]
struct Shared<P>(P);

// SAFETY: `RotaryCall::rows` is called for rows that do not overlap.
unsafe impl<P> Sync for Shared<P> {}

impl<P: Copy> Shared<P> {
    /// A method, so that closures capture the whole and not the field.
    fn get(&self) -> P {
        self.0
    }
}

impl<T: WithTables<TT>, TT: Element> Operator for RotaryEmbedding<T, TT> {
    const NAME: &'static CStr = c"RotaryEmbedding";
    const INPUTS: &'static [ElementType] = &[T::TYPE, TT::TYPE, TT::TYPE];
    const OUTPUT: ElementType = T::TYPE;

    type Kernel = Prepared<TT>;

    fn create(node: &Node<'_>) -> Result<Prepared<TT>, Failure> {
        let mut given = [None; ATTRIBUTES.len()];
        for (value, attribute) in given.iter_mut().zip(&ATTRIBUTES) {
            *value = node.integer(attribute.name)?;
        }
        let lookup = |name: &str| {
            ATTRIBUTES
                .iter()
                .position(|a| a.name == name)
                .and_then(|i| given[i])
        };
        let kernel = RotaryKernel::new(RotaryAttributes::parse(lookup)?);
        // SAFETY: inputs have the types of `INPUTS`; the tensors are kept in the kernel alone, which dies with the session.
        let (cos, sin) = unsafe { (node.constant(1)?, node.constant(2)?) };
        Ok(Prepared { kernel, cos, sin })
    }

    fn compute(prepared: &Prepared<TT>, context: &Context<'_>) -> Result<(), Failure> {
        // SAFETY: inputs and the output have the types of `INPUTS` and `OUTPUT`, and are used in this call alone.
        unsafe {
            let x: Tensor<T> = context.input(0)?;
            let table = |constant: &Option<Tensor<TT>>, index| match constant {
                Some(table) => Ok(*table),
                None => context.input(index),
            };
            let cos = table(&prepared.cos, 1)?;
            let sin = table(&prepared.sin, 2)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rotary::NAME;

    #[test]
    fn the_name_is_the_contracts() {
        assert_eq!(RotaryEmbedding::<f32, f32>::NAME.to_str(), Ok(NAME));
    }
}
