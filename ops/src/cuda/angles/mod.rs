//! `RotaryTable` and `SinusoidalEmbedding`.
//!
//! `params` mirrors what the kernels take, with the `digits` they reduce large angles by; `plan` picks the kernel and shares out the rows,
//! `kernel` launches; the operators say what is computed.

mod digits;
mod kernel;
mod params;
mod plan;
mod rotary_table;
mod sinusoidal;

#[cfg(test)]
pub(super) use params::LAYOUTS;
pub use rotary_table::RotaryTableCuda;
pub use sinusoidal::SinusoidalCuda;
