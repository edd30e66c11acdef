//! The kernels of a node, resolved.

#![allow(unsafe_code)]

use super::plan::{Places, Planner, Variant, Work};
use crate::angle::PositionType;
use crate::contract::ElementType;
use crate::cuda::launcher::type_name;
use crate::cuda::{CudaError, Image, Launcher, Stream};

/// The kernels for one combination of element types.
#[derive(Debug)]
pub(super) struct Kernel<F> {
    planner: Planner,
    /// One per [`Variant`].
    functions: [F; Variant::ALL.len()],
}

impl<F: Send + Sync> Kernel<F> {
    /// The kernels for positions of type `positions`, and frequencies and results of type `element`.
    ///
    /// # Errors
    /// Where the launcher does not have them.
    pub(super) fn new<L: Launcher<Function = F>>(
        launcher: &L,
        positions: PositionType,
        element: ElementType,
    ) -> Result<Self, CudaError> {
        let function = |variant: Variant| {
            let name = format!("phasor_angles_{}{}", type_name(element), variant.suffix());
            launcher.function(Image::Angles, &name)
        };
        let [whole, scalar] = Variant::ALL;
        Ok(Self {
            planner: Planner {
                positions,
                element,
                processors: launcher.processors(),
            },
            functions: [function(whole)?, function(scalar)?],
        })
    }

    /// Does the work, in one launch.
    ///
    /// # Errors
    /// [`CudaError::Contract`] for sizes that no kernel takes, and what the launcher says.
    ///
    /// # Safety
    /// The launcher is the one the kernels are of. The places are good for dense tensors of the sizes of the work, in the launcher's
    /// memory, until the stream has done the launch; results overlap nothing.
    pub(super) unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        work: &Work,
        places: Places,
    ) -> Result<(), CudaError> {
        match self.planner.plan(work, places)? {
            // SAFETY: the parameters are the struct that `angles.cu` takes. Their addresses stay good until the launch is done, as
            // this function's `# Safety` section requires.
            Some((variant, launch)) => unsafe {
                launcher.launch(&self.functions[variant as usize], &launch, stream)
            },
            None => Ok(()),
        }
    }
}
