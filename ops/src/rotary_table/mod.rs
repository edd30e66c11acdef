//! Kernels of `RotaryTable`; what they compute is said in [`crate::contract::rotary_table`].
//!
//! `generic` is the algorithm over any vector set, `backend` compiles it for each, `kernel` checks shapes, picks a variant and
//! walks the rows. Rounded angles are computed in vectors of the tables' type, exact ones in those of `f64` whatever that is.

mod backend;
mod generic;
mod kernel;

pub use backend::WithPositions;
pub use kernel::{RotaryTableCall, RotaryTableKernel};
