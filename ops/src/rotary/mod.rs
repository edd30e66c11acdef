//! Kernels of `RotaryEmbedding` and `RotaryEmbeddingPair`; [`crate::contract::rotary`] says what they compute.
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows, `pair` does so for two tensors.

mod backend;
mod generic;
mod kernel;
mod pair;

pub use backend::WithTables;
pub use kernel::{RotaryCall, RotaryKernel};
pub use pair::{RotaryPairCall, RotaryPairKernel};
