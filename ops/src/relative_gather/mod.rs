//! Kernels of `RelativeGather`; [`crate::contract::relative_gather`] says what they compute.
//!
//! A row of `scores` is read at the columns that the lookup table has for it. These are computed a `tile` at a time, on the stack,
//! and serve all matrices that have the same positions. `generic` reads rows by them over any vector set, `backend` compiles it for
//! each, `kernel` checks shapes and cuts the work into pieces.
//!
//! Where rows are those of keys, rows and columns change places: the same tiles, with the lookup table read from its end, give the
//! transpose of the output, which is then transposed square by square.

mod backend;
mod generic;
mod kernel;
mod lookup;
mod tile;

pub use backend::WithColumns;
pub use kernel::{RelativeGatherCall, RelativeGatherKernel, RelativeGatherTensors};
pub use lookup::Lookup;
