//! One node's kernels, resolved.

#![allow(unsafe_code)]

use super::plan::{Planner, Turned, Variant};
use crate::contract::ElementType;
use crate::contract::rotary::RotaryAttributes;
use crate::cuda::launcher::type_name;
use crate::cuda::{CudaError, Image, Launcher, Stream};

/// A node of `RotaryEmbedding` or `RotaryEmbeddingPair` for one combination of element types.
#[derive(Debug)]
pub struct RotaryCuda<F> {
    planner: Planner,
    /// One per [`Variant`].
    functions: [F; Variant::ALL.len()],
}

impl<F: Send + Sync> RotaryCuda<F> {
    /// A kernel for tensors of type `element` and tables of type `table`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        attributes: RotaryAttributes,
        element: ElementType,
        table: ElementType,
    ) -> Result<Self, CudaError> {
        let function = |variant: Variant| {
            let name = format!(
                "phasor_rotary_{}_{}_{}",
                type_name(element),
                type_name(table),
                variant.name()
            );
            launcher.function(Image::Rotary, &name)
        };
        let [pair, channel, scalar, moved] = Variant::ALL;
        Ok(Self {
            planner: Planner {
                attributes,
                element,
                table,
                processors: launcher.processors(),
            },
            functions: [
                function(pair)?,
                function(channel)?,
                function(scalar)?,
                function(moved)?,
            ],
        })
    }

    /// What the node says.
    pub fn attributes(&self) -> &RotaryAttributes {
        &self.planner.attributes
    }

    /// Turns one or two tensors by the tables at `cos` and `sin`, in one launch.
    ///
    /// # Errors
    /// [`CudaError::Contract`] for sizes that no kernel takes, and what the launcher says.
    ///
    /// # Safety
    /// The launcher is the one the kernel was made with. The addresses are good for dense tensors with the sizes of the
    /// geometries, in the launcher's memory, until the stream has done the launch; results overlap nothing but the tensors whose
    /// address they have.
    pub unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        tensors: &[Turned<'_>],
        [cos, sin]: [u64; 2],
    ) -> Result<(), CudaError> {
        match self.planner.plan(tensors, cos, sin)? {
            // SAFETY: the parameters are the struct that `rotary.cu` takes. Their addresses stay good until the launch is done, as
            // this function's `# Safety` section requires.
            Some((variant, launch)) => unsafe {
                launcher.launch(&self.functions[variant as usize], &launch, stream)
            },
            None => Ok(()),
        }
    }
}
