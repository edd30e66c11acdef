//! Inputs that models mostly hold as constants.

use super::context::{Context, Node};
use super::status::Failure;
use super::tensor::Tensor;

/// An input, kept with the kernel if it is a constant of the model: a node that need not ask for it is cheaper.
pub(super) struct Constant<T> {
    index: usize,
    value: Option<Tensor<T>>,
}

// SAFETY: a constant of the model is written by nobody, and lives as long as the session.
unsafe impl<T: Sync> Send for Constant<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Constant<T> {}

impl<T: Copy> Constant<T> {
    /// Input `index` of a node.
    ///
    /// # Safety
    /// As [`Node::constant`].
    pub(super) unsafe fn of(node: &Node<'_>, index: usize) -> Result<Self, Failure> {
        // SAFETY: the caller's.
        let value = unsafe { node.constant(index)? };
        Ok(Self { index, value })
    }

    /// It, if it is a constant.
    pub(super) fn known(&self) -> Option<&Tensor<T>> {
        self.value.as_ref()
    }

    /// It, in one run.
    ///
    /// # Safety
    /// As [`Context::input`].
    #[inline]
    pub(super) unsafe fn get(&self, context: &Context<'_>) -> Result<Tensor<T>, Failure> {
        match self.value {
            Some(constant) => Ok(constant),
            // SAFETY: the caller's.
            None => unsafe { context.input(self.index) },
        }
    }
}
