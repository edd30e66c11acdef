//! `SinusoidalEmbedding`: both functions in a row.

#![allow(unsafe_code)]

use super::kernel::Kernel;
use super::plan::{Places, Work};
use crate::angle::PositionType;
use crate::contract::ElementType;
use crate::contract::sinusoidal::{SinusoidalAttributes, SinusoidalGeometry};
use crate::cuda::{CudaError, Launcher, Stream};

/// A node of `SinusoidalEmbedding` for one combination of element types.
#[derive(Debug)]
pub struct SinusoidalCuda<F> {
    attributes: SinusoidalAttributes,
    element: ElementType,
    kernel: Kernel<F>,
}

impl<F: Send + Sync> SinusoidalCuda<F> {
    /// A kernel for positions of type `positions` and embeddings of type `element`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        attributes: SinusoidalAttributes,
        positions: PositionType,
        element: ElementType,
    ) -> Result<Self, CudaError> {
        Ok(Self {
            attributes,
            element,
            kernel: Kernel::new(launcher, positions, element)?,
        })
    }

    /// What the node says.
    pub fn attributes(&self) -> &SinusoidalAttributes {
        &self.attributes
    }

    /// Makes the embedding at `embedding`, in one launch.
    ///
    /// # Errors
    /// [`CudaError::Contract`] for sizes that no kernel takes, and what the launcher says.
    ///
    /// # Safety
    /// The launcher is the one the kernel was made with. The addresses are good for dense tensors with the sizes of the geometry, in
    /// the launcher's memory, until the stream has done the launch; the result overlaps nothing.
    pub unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        geometry: &SinusoidalGeometry,
        [positions, frequencies]: [u64; 2],
        embedding: u64,
    ) -> Result<(), CudaError> {
        let SinusoidalGeometry {
            rows,
            width,
            pairs,
            used,
            ..
        } = *geometry;
        let work = Work {
            rows,
            streams: 1,
            inner: rows,
            frequencies: geometry.frequencies,
            width,
            pairs,
            used,
            zeros: width - pairs - used,
            cos_first: self.attributes.cos_first,
            interleaved: self.attributes.interleaved,
            amplitude: self.attributes.amplitude,
            exact: self.attributes.precise,
            padding: self.attributes.padding_position,
        };
        let places = Places {
            positions,
            frequencies,
            first: embedding,
            // Behind the first functions of a row.
            second: embedding + (used * self.element.size()) as u64,
        };
        // SAFETY: this function's `# Safety` section says that the addresses are good for the shapes of `geometry`, which the work
        // was made from; the second functions lie behind the first ones in the same row.
        unsafe { self.kernel.run(launcher, stream, &work, places) }
    }
}
