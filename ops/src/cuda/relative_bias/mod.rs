//! `RelativePositionBias` and `AlibiBias`.
//!
//! `params` mirrors what the kernels take, `plan` picks the kernel and cuts the bias into tiles, `kernel` launches.

mod kernel;
mod params;
mod plan;

pub use kernel::{AlibiCuda, RelativeBiasCuda};
#[cfg(test)]
pub(super) use params::LAYOUTS;
pub use plan::{Buckets, Slopes};
