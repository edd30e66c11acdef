//! Kernels of `RelativePositionBias` and `AlibiBias`; [`crate::contract::relative_bias`] and [`crate::contract::alibi_bias`] say
//! what they compute.
//!
//! Both are functions of the distance, one for every head. `generic` is the walk over the bias for any such function; `source`
//! holds the two functions; `backend` compiles them for each instruction set; `plan` cuts a bias into tasks; `table` and `alibi`
//! check shapes and pick a variant.

mod alibi;
mod backend;
mod generic;
mod plan;
mod source;
mod table;

pub use alibi::{AlibiCall, AlibiKernel};
pub use backend::WithIntegers;
pub use plan::Plan;
pub use table::{Lut, RelativeBiasCall, RelativeBiasKernel};
