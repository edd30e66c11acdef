//! Frequencies of the host, as kernels of angles take them.

use super::constant::Constant;
use super::context::{Context, Node};
use super::status::Failure;
use super::tensor::{Shape, Tensor};
use crate::angle::{Frequencies, OfAngles};

/// The input `frequencies`, for results of type `T`; rounded once where it is a constant of the model.
pub(super) struct FrequencyInput<T: OfAngles> {
    input: Constant<f64>,
    rounded: Option<Vec<T::Arithmetic>>,
}

impl<T: OfAngles> FrequencyInput<T> {
    /// Input `index` of a node.
    ///
    /// # Safety
    /// As [`Node::constant`], of elements of type `f64`.
    pub(super) unsafe fn of(node: &Node<'_>, index: usize) -> Result<Self, Failure> {
        // SAFETY: this function's `# Safety` section is that of `Constant::of`.
        let input = unsafe { Constant::of(node, index)? };
        // SAFETY: a constant of the model is as good as its shape says.
        let rounded = input
            .known()
            .map(|tensor| unsafe { T::frequencies(tensor.elements()) }.into_owned());
        Ok(Self { input, rounded })
    }

    /// The frequencies in one run, and their shape.
    ///
    /// # Safety
    /// As [`Context::input`], of elements of type `f64`.
    #[inline]
    pub(super) unsafe fn get<'a>(
        &'a self,
        context: &Context<'a>,
    ) -> Result<(Frequencies<'a, T>, Shape<'a>), Failure> {
        // SAFETY: this function's `# Safety` section is that of `Constant::get`.
        let tensor: Tensor<'a, f64> = unsafe { self.input.get(context)? };
        let typed = match &self.rounded {
            Some(rounded) => Frequencies::<T>::Borrowed(rounded),
            // SAFETY: an input of the run is as good as its shape says.
            None => T::frequencies(unsafe { tensor.elements() }),
        };
        Ok((typed, tensor.shape))
    }
}
