//! Kernels of `SinusoidalEmbedding`; [`crate::contract::sinusoidal`] says what they compute.
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows. Rounded angles are computed in vectors of the arithmetic type, exact ones always in vectors of `f64`.

mod backend;
mod generic;
mod kernel;

pub use backend::Embedded;
pub use kernel::{SinusoidalCall, SinusoidalKernel};
