//! `RotaryTable` and `SinusoidalEmbedding`.
//!
//! `params` mirrors what the kernels take, with the `digits` by which they reduce large angles; `plan` picks the kernel and divides
//! the rows; `kernel` launches. `rotary_table` and `sinusoidal` say what is computed.

mod digits;
mod kernel;
mod params;
mod plan;
mod rotary_table;
mod sinusoidal;

#[cfg(test)]
pub(super) use params::LAYOUTS;
#[cfg(test)]
pub(super) use plan::RESIDENT_BLOCKS;
pub use rotary_table::RotaryTableCuda;
pub use sinusoidal::SinusoidalCuda;
