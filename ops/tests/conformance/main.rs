//! Every kernel against its reference: one generator of values, one comparison an operator, every instruction set this processor
//! has, and the CUDA kernels, in emulation or on a device.

mod alibi_bias;
mod angles;
mod common;
#[cfg(feature = "cuda")]
mod device;
#[cfg(feature = "cuda")]
mod emulated;
#[cfg(feature = "cuda")]
mod hardware;
mod positions;
mod relative_bias;
mod relative_gather;
mod rotary;
mod rotary_pair;
mod rotary_table;
mod sinusoidal;
