//! Position-encoding operators for ONNX Runtime: one contract per operator, and the kernels that keep it.
//!
//! [`contract`] is the single source of every operator: names, attributes, shape rule, error texts, a reference in `f64` and
//! the ONNX function body that stands in where this library is not loaded. [`rotary`], [`rotary_table`], [`sinusoidal`],
//! [`relative_bias`], [`relative_gather`] and [`attention`] hold kernels, written once over the vectors of [`simd`]; `cuda` launches those of `cpp`.

#![warn(missing_docs)]

#[cfg(feature = "abi")]
pub mod abi;
pub mod angle;
pub mod attention;
pub mod contract;
#[cfg(feature = "cuda")]
pub mod cuda;
mod level;
pub mod relative_bias;
pub mod relative_gather;
pub mod rotary;
pub mod rotary_table;
pub mod simd;
pub mod sinusoidal;
