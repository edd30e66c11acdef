//! Launching kernels, by the driver or in emulation.

#![allow(unsafe_code)]

use super::Image;
use crate::contract::{ContractError, ElementType};
use std::ffi::c_void;

/// A queue of work on a device, as the driver knows it; null is the default one.
#[derive(Clone, Copy, Debug)]
pub struct Stream(pub *mut c_void);

/// One launch. Blocks are numbered along x alone, the axis along which a grid may have the most.
#[derive(Clone, Copy, Debug)]
pub struct Launch<P> {
    /// Number of blocks, not 0.
    pub blocks: u32,
    /// Threads of a block, along x and y.
    pub threads: [u32; 2],
    /// Bytes of dynamic shared memory.
    pub shared: u32,
    /// The struct that the kernel takes.
    pub params: P,
}

/// Why nothing was launched.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CudaError {
    /// The operator refuses the call.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// There is no usable device, or the driver failed.
    #[error("{0}")]
    Driver(String),
}

/// What runs kernels.
pub trait Launcher {
    /// A kernel that can be launched.
    type Function: Send + Sync;

    /// The kernel called `name` of an image.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    fn function(&self, image: Image, name: &str) -> Result<Self::Function, CudaError>;

    /// How many multiprocessors the device has, by which the work is divided. It may be 0.
    fn processors(&self) -> u32;

    /// Puts a launch into a stream.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Safety
    /// `P` is the struct the kernel takes. What it points to is the device's and stays until the stream has done the launch.
    unsafe fn launch<P>(
        &self,
        function: &Self::Function,
        launch: &Launch<P>,
        stream: Stream,
    ) -> Result<(), CudaError>;
}

/// The name of an element type in names of kernels.
pub(super) const fn type_name(element: ElementType) -> &'static str {
    match element {
        ElementType::F32 => "f32",
        ElementType::F16 => "f16",
        ElementType::BF16 => "bf16",
        ElementType::F64 => "f64",
    }
}
