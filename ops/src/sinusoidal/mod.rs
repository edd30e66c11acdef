//! Kernels of `SinusoidalEmbedding`; what they compute is said in [`crate::contract::sinusoidal`].
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows. Rounded angles are computed in vectors of the arithmetic type, exact ones in those of `f64` whatever that is.

mod backend;
mod generic;
mod kernel;

pub use backend::Embedded;
pub use kernel::{SinusoidalCall, SinusoidalKernel};
