//! One node's kernels, resolved.

#![allow(unsafe_code)]

use super::plan::{Planner, Reading, Turned, Variant};
use crate::contract::ElementType;
use crate::contract::rotary::RotaryAttributes;
use crate::cuda::launcher::type_name;
use crate::cuda::{CudaError, Image, Launcher, Stream};

/// A node of `RotaryEmbedding`, `RotaryEmbeddingPair` or `RotaryHeads` for one combination of element types.
#[derive(Debug)]
pub struct RotaryCuda<F> {
    planner: Planner,
    /// The kernels that its reading needs.
    functions: Vec<(Variant, F)>,
}

impl<F: Send + Sync> RotaryCuda<F> {
    /// A kernel for tensors of type `element`, read in this way, and tables of type `table`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        attributes: RotaryAttributes,
        reading: Reading,
        element: ElementType,
        table: ElementType,
    ) -> Result<Self, CudaError> {
        let function = |&variant: &Variant| {
            let name = format!(
                "phasor_rotary_{}_{}_{}",
                type_name(element),
                type_name(table),
                variant.name()
            );
            Ok((variant, launcher.function(Image::Rotary, &name)?))
        };
        let functions = reading.variants().iter().map(function);
        Ok(Self {
            planner: Planner {
                reading,
                attributes,
                element,
                table,
                processors: launcher.processors(),
            },
            functions: functions.collect::<Result<_, CudaError>>()?,
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
        let Some((variant, launch)) = self.planner.plan(tensors, cos, sin)? else {
            return Ok(());
        };
        let found = self.functions.iter().find(|(of, _)| *of == variant);
        let (_, function) = found.expect("a reading has the kernels that its plans take");
        // SAFETY: the parameters are the struct that `rotary.cu` takes. Their addresses stay good until the launch is done, as this
        // function's `# Safety` section requires.
        unsafe { launcher.launch(function, &launch, stream) }
    }
}
