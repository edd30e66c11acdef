//! One node's kernels, resolved.

#![allow(unsafe_code)]

use super::plan::{Gathered, Planner, Variant};
use crate::contract::relative_gather::RelativeGatherAttributes;
use crate::contract::{ElementType, TensorType};
use crate::cuda::{CudaError, Image, Launcher, Stream};

/// A node of `RelativeGather` for one combination of element types.
#[derive(Debug)]
pub struct RelativeGatherCuda<F> {
    planner: Planner,
    whole: F,
    scalar: F,
}

impl<F: Send + Sync> RelativeGatherCuda<F> {
    /// A kernel for scores of type `element`, with positions and entries of lookup tables of type `positions`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        attributes: RelativeGatherAttributes,
        element: ElementType,
        positions: TensorType,
    ) -> Result<Self, CudaError> {
        let bits = 8 * element.size();
        let row = if attributes.by_key { "key" } else { "query" };
        let function = |suffix: &str| {
            let name = format!("phasor_relative_gather_{bits}_{row}{suffix}");
            launcher.function(Image::RelativeGather, &name)
        };
        Ok(Self {
            planner: Planner {
                attributes,
                element,
                wide: positions == TensorType::I64,
                processors: launcher.processors(),
            },
            whole: function("")?,
            scalar: function("_scalar")?,
        })
    }

    /// What the node says.
    pub fn attributes(&self) -> &RelativeGatherAttributes {
        &self.planner.attributes
    }

    /// Gathers scores. Where a lookup table leads to no column of them, the output is NaN.
    ///
    /// # Errors
    /// [`CudaError::Contract`] for sizes that no kernel takes, and what the launcher says.
    ///
    /// # Safety
    /// The launcher is the one the kernel was made with. The addresses are good for dense tensors with the sizes given, in the
    /// launcher's memory, until the stream has done the launch; the output overlaps nothing else.
    pub unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        gathered: &Gathered<'_>,
    ) -> Result<(), CudaError> {
        let Some((variant, launch)) = self.planner.plan(gathered)? else {
            return Ok(());
        };
        let function = match variant {
            Variant::Whole => &self.whole,
            Variant::Scalar => &self.scalar,
        };
        // SAFETY: the parameters are the struct that `relative_gather.cu` takes. Their addresses stay good until the launch is
        // done, as this function's `# Safety` section requires.
        unsafe { launcher.launch(function, &launch, stream) }
    }
}
