//! Inputs that models mostly hold as constants.

use super::context::{Context, Node};
use super::status::Failure;
use super::tensor::Tensor;

/// An input, kept with the kernel if it is a constant of the model: a run is cheaper if it does not ask the host for it.
pub(super) struct Constant<T> {
    index: usize,
    value: Option<Tensor<'static, T>>,
    /// Its elements, where those of the model are not aligned.
    copy: Option<Vec<T>>,
}

// SAFETY: a constant of the model is written by nobody, and lives as long as the session.
unsafe impl<T: Send + Sync> Send for Constant<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Constant<T> {}

impl<T: Copy> Constant<T> {
    /// Input `index` of a node.
    ///
    /// # Safety
    /// As [`Node::constant`].
    pub(super) unsafe fn of(node: &Node<'_>, index: usize) -> Result<Self, Failure> {
        // SAFETY: this function's `# Safety` section is that of `Node::constant`: the input has elements of type `T`, and the
        // kernel that keeps them dies with the session.
        let value: Option<Tensor<'_, T>> = unsafe { node.constant(index)? };
        let value = value.map(|Tensor { data, shape }| Tensor {
            data,
            shape: shape.kept(),
        });
        let copy = value
            .as_ref()
            .filter(|tensor| !tensor.data.is_aligned())
            .map(|tensor| {
                let count = tensor.shape.sizes().iter().product();
                // SAFETY: the tensor has as many elements, wherever they lie.
                let element = |at| unsafe { tensor.data.add(at).read_unaligned() };
                (0..count).map(element).collect()
            });
        Ok(Self { index, value, copy })
    }

    /// The input, if it is a constant.
    #[inline]
    pub(super) fn known(&self) -> Option<Tensor<'_, T>> {
        let value = self.value.as_ref()?;
        Some(Tensor {
            data: self.copy.as_ref().map_or(value.data, Vec::as_ptr),
            shape: value.shape.again(),
        })
    }

    /// The input in one run.
    ///
    /// # Safety
    /// As [`Context::input`].
    #[inline]
    pub(super) unsafe fn get<'a>(
        &'a self,
        context: &Context<'a>,
    ) -> Result<Tensor<'a, T>, Failure> {
        match self.known() {
            Some(constant) => Ok(constant),
            // SAFETY: this function's `# Safety` section is that of `Context::input`: the input has elements of type `T`, and is
            // not used after the run.
            None => unsafe { context.input(self.index) },
        }
    }
}
