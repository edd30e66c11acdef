//! One node's kernels, resolved.

#![allow(unsafe_code)]

use super::params::RelativeBiasParams;
use super::plan::{Buckets, Planned, Planner, Slopes, Variant};
use crate::contract::alibi_bias::AlibiAttributes;
use crate::contract::{ElementType, TensorType};
use crate::cuda::launcher::type_name;
use crate::cuda::{CudaError, Image, Launcher, Stream};

/// A node of `RelativePositionBias` for one combination of element types.
#[derive(Debug)]
pub struct RelativeBiasCuda<F>(Node<F>);

/// A node of `AlibiBias` for one combination of element types.
#[derive(Debug)]
pub struct AlibiCuda<F> {
    node: Node<F>,
    absolute: bool,
}

/// What both nodes have.
#[derive(Debug)]
struct Node<F> {
    planner: Planner,
    whole: F,
    scalar: F,
}

impl<F: Send + Sync> Node<F> {
    /// With the kernels whose names begin with `phasor_` and `family`.
    fn new<L: Launcher<Function = F>>(
        launcher: &L,
        family: &str,
        element: ElementType,
        positions: TensorType,
    ) -> Result<Self, CudaError> {
        let function = |variant: Variant| {
            let name = format!("phasor_{family}_{}", variant.name());
            launcher.function(Image::RelativeBias, &name)
        };
        Ok(Self {
            planner: Planner {
                element,
                wide: positions == TensorType::I64,
                processors: launcher.processors(),
            },
            whole: function(Variant::Whole)?,
            scalar: function(Variant::Scalar)?,
        })
    }

    /// # Safety
    /// That of [`Launcher::launch`], for what was planned for the node.
    unsafe fn launch<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        planned: Planned,
    ) -> Result<(), CudaError> {
        let Some((variant, launch)) = planned else {
            return Ok(());
        };
        let function = match variant {
            Variant::Whole => &self.whole,
            Variant::Scalar => &self.scalar,
        };
        // SAFETY: the parameters are the struct that `relative_bias.cu` takes. Their addresses stay good until the launch is done,
        // as this function's `# Safety` section requires.
        unsafe { launcher.launch::<RelativeBiasParams>(function, &launch, stream) }
    }
}

impl<F: Send + Sync> RelativeBiasCuda<F> {
    /// A kernel for tables of type `element`, with positions and entries of lookup tables of type `positions`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        element: ElementType,
        positions: TensorType,
    ) -> Result<Self, CudaError> {
        let family = format!("relative_bias_{}", 8 * element.size());
        Node::new(launcher, &family, element, positions).map(Self)
    }

    /// Makes a bias from a table. Where a lookup table leads to no row of it, the bias is NaN.
    ///
    /// # Errors
    /// [`CudaError::Contract`] for sizes that no kernel takes, and what the launcher says.
    ///
    /// # Safety
    /// The launcher is the one the kernel was made with. The addresses are good for dense tensors with the sizes given, in the
    /// launcher's memory, until the stream has done the launch; the bias overlaps nothing else.
    pub unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        buckets: &Buckets<'_>,
    ) -> Result<(), CudaError> {
        let planned = self.0.planner.buckets(buckets)?;
        // SAFETY: this function's `# Safety` section says that the launcher made the kernel and that the addresses stay good; the
        // plan is for the sizes of the same tensors.
        unsafe { self.0.launch(launcher, stream, planned) }
    }
}

impl<F: Send + Sync> AlibiCuda<F> {
    /// A kernel for slopes of type `element`, with positions of type `positions`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        attributes: AlibiAttributes,
        element: ElementType,
        positions: TensorType,
    ) -> Result<Self, CudaError> {
        let family = format!("alibi_bias_{}", type_name(element));
        Ok(Self {
            node: Node::new(launcher, &family, element, positions)?,
            absolute: attributes.absolute,
        })
    }

    /// Makes a bias from slopes.
    ///
    /// # Errors
    /// As [`RelativeBiasCuda::run`].
    ///
    /// # Safety
    /// As [`RelativeBiasCuda::run`].
    pub unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        slopes: &Slopes<'_>,
    ) -> Result<(), CudaError> {
        let planned = self.node.planner.slopes(slopes, self.absolute)?;
        // SAFETY: `RelativeBiasCuda::run` requires of launcher and addresses what the launch does; the plan is for the sizes of the
        // same tensors.
        unsafe { self.node.launch(launcher, stream, planned) }
    }
}
