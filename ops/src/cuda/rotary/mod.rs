//! `RotaryEmbedding`, `RotaryEmbeddingPair` and `RotaryHeads`.
//!
//! `params` mirrors what the kernels take, `plan` picks the kernel and divides the rows, `kernel` launches.

mod kernel;
mod params;
mod plan;

pub use kernel::RotaryCuda;
#[cfg(test)]
pub(super) use params::LAYOUTS;
#[cfg(test)]
pub(super) use plan::Variant;
pub use plan::{Reading, Turned};
