//! Kernels of `RotaryTable`; what they compute is said in [`crate::contract::rotary_table`].
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows. Angles live in vectors of `f64` whatever the type of the tables: rounding them to `f32` gives what arithmetic
//! in `f32` would.

mod backend;
mod generic;
mod kernel;
mod position;

pub use backend::WithPositions;
pub use kernel::{RotaryTableCall, RotaryTableKernel};
pub use position::Position;
