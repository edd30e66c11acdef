//! `RelativeGather`.
//!
//! `params` mirrors what the kernels take, `plan` picks the kernel and cuts the output into tiles, `kernel` launches.

mod kernel;
mod params;
mod plan;

pub use kernel::RelativeGatherCuda;
#[cfg(test)]
pub(super) use params::LAYOUTS;
pub use plan::Gathered;
