//! `RotaryEmbedding` and `RotaryEmbeddingPair`.
//!
//! `params` mirrors what the kernels take, `plan` picks the kernel and divides the rows, `kernel` launches.

mod kernel;
mod params;
mod plan;

pub use kernel::RotaryCuda;
#[cfg(test)]
pub(super) use params::LAYOUTS;
pub use plan::Turned;
#[cfg(test)]
pub(super) use plan::Variant;
