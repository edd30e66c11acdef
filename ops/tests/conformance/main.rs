//! Every kernel against its reference: one generator of values, one comparison an operator, every instruction set this processor
//! has, and the CUDA kernels, in emulation or on a device.
//!
//! The same cases run in ONNX Runtime and in tract from `tests/conformance.rs` of the workspace.

mod alibi_bias;
mod angles;
#[cfg(feature = "cuda")]
mod angles_cuda;
mod attended;
mod attention;
mod cached_attention;
mod common;
#[cfg(feature = "cuda")]
mod device;
#[cfg(feature = "cuda")]
mod emulated;
#[cfg(feature = "cuda")]
mod hardware;
mod host;
mod positions;
mod relative_bias;
#[cfg(feature = "cuda")]
mod relative_cuda;
mod relative_gather;
mod rotary;
mod rotary_heads;
mod rotary_pair;
mod rotary_score;
mod rotary_table;
mod sinusoidal;

pub(crate) use common::native as runners;
