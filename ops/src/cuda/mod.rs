//! CUDA kernels: which kernel a call takes, how its work is divided, and with which parameters it is launched.
//!
//! The kernels themselves are C++, in `cpp`. An operator family has an [`Image`], which is the file that holds its kernels, and a
//! module here, with its parameters and its geometry. That module launches through a [`Launcher`], of which there are two: the
//! driver of CUDA, and in tests the emulation of the kernels on a CPU. So all of it but the driver is tested anywhere.
//!
//! A kernel object is made once for a node. It resolves the kernels it may need by name, since nothing may be loaded while a
//! graph is captured; a call then does no more than to check shapes and to launch once.

pub mod angles;
mod driver;
mod image;
mod launcher;
mod layout;
mod relative;
pub mod relative_bias;
pub mod relative_gather;
pub mod rotary;
mod waves;

pub use driver::{Device, DeviceSummary, Driver, Function};
pub use image::Image;
pub use launcher::{CudaError, Launch, Launcher, Stream};
pub use relative::Places;
