//! Kernels of `RotaryEmbedding`, `RotaryEmbeddingPair` and `RotaryHeads`; [`crate::contract::rotary`] says what they compute.
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows, `pair` does so for two tensors, `heads` for rows that lie apart.

mod backend;
mod generic;
mod heads;
mod kernel;
mod pair;

pub use backend::WithTables;
pub use heads::{RotaryHeadsCall, RotaryHeadsKernel};
pub use kernel::{RotaryCall, RotaryKernel};
pub use pair::{RotaryPairCall, RotaryPairKernel};
