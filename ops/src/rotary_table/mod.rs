//! Kernels of `RotaryTable`; [`crate::contract::rotary_table`] says what they compute.
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows. Rounded angles are computed in vectors of the tables' type, exact ones always in vectors of `f64`.

mod backend;
mod generic;
mod kernel;

pub use backend::WithPositions;
pub use kernel::{RotaryTableCall, RotaryTableKernel};
