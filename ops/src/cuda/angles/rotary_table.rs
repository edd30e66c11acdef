//! `RotaryTable`: both functions in tensors of their own.

#![allow(unsafe_code)]

use super::kernel::Kernel;
use super::plan::{Places, Work};
use crate::angle::PositionType;
use crate::contract::ElementType;
use crate::contract::rotary_table::{RotaryTableAttributes, RotaryTableGeometry};
use crate::cuda::{CudaError, Launcher, Stream};

/// A node of `RotaryTable` for one combination of element types.
#[derive(Debug)]
pub struct RotaryTableCuda<F> {
    attributes: RotaryTableAttributes,
    kernel: Kernel<F>,
}

impl<F: Send + Sync> RotaryTableCuda<F> {
    /// A kernel for positions of type `positions` and tables of type `table`.
    ///
    /// # Errors
    /// Where the launcher does not have the kernels.
    pub fn new<L: Launcher<Function = F>>(
        launcher: &L,
        attributes: RotaryTableAttributes,
        positions: PositionType,
        table: ElementType,
    ) -> Result<Self, CudaError> {
        let kernel = Kernel::new(launcher, positions, table)?;
        Ok(Self { attributes, kernel })
    }

    /// What the node says.
    pub fn attributes(&self) -> &RotaryTableAttributes {
        &self.attributes
    }

    /// Makes the tables at `cos` and `sin`, in one launch.
    ///
    /// # Errors
    /// [`CudaError::Contract`] for sizes that no kernel takes, and what the launcher says.
    ///
    /// # Safety
    /// The launcher is the one the kernel was made with. The addresses are good for dense tensors with the sizes of the geometry, in
    /// the launcher's memory, until the stream has done the launch; results overlap nothing.
    pub unsafe fn run<L: Launcher<Function = F>>(
        &self,
        launcher: &L,
        stream: Stream,
        geometry: &RotaryTableGeometry,
        [positions, frequencies]: [u64; 2],
        [cos, sin]: [u64; 2],
    ) -> Result<(), CudaError> {
        let RotaryTableGeometry {
            rows,
            streams,
            inner,
            width,
            ..
        } = *geometry;
        let work = Work {
            rows,
            streams,
            inner,
            frequencies: width,
            width,
            pairs: width,
            used: width,
            zeros: 0,
            cos_first: true,
            interleaved: false,
            amplitude: self.attributes.amplitude,
            exact: self.attributes.precise,
            padding: None,
        };
        let places = Places {
            positions,
            frequencies,
            first: cos,
            second: sin,
        };
        // SAFETY: this function's `# Safety` section says that the addresses are good for the shapes of `geometry`, which the work
        // was made from.
        unsafe { self.kernel.run(launcher, stream, &work, places) }
    }
}
