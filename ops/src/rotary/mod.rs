//! Kernels of `RotaryEmbedding`; what they compute is said in [`crate::contract::rotary`].
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows.

mod backend;
mod generic;
mod kernel;

pub use backend::WithTables;
pub use kernel::{RotaryCall, RotaryKernel};
