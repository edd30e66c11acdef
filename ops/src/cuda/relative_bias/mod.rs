//! `RelativePositionBias` and `AlibiBias`.
//!
//! `params` mirrors what the kernels take, `plan` picks the kernel and cuts the bias into tiles, `kernel` launches.

mod kernel;
mod params;
mod plan;

pub use kernel::{AlibiCuda, RelativeBiasCuda};
pub use plan::{Buckets, Slopes};
