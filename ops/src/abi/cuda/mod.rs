//! The operators on CUDA's execution providers: twins of those on the CPU, with the same names and types.
//!
//! A host without such a provider never creates a kernel of them. With it, tensors are in the memory of the device. A twin reads
//! their shapes and puts one launch into the stream in which the host runs the node. It waits for nothing, allocates nothing and
//! reads nothing of what the tensors hold, so that graphs can be captured.

mod alibi_bias;
mod relative_bias;
mod relative_gather;
mod rotary;
mod rotary_heads;
mod rotary_pair;
mod rotary_table;
mod sinusoidal;
mod twin;

pub(super) use alibi_bias::AlibiBiasCuda;
pub(super) use relative_bias::RelativePositionBiasCuda;
pub(super) use relative_gather::RelativeGatherCuda;
pub(super) use rotary::RotaryEmbeddingCuda;
pub(super) use rotary_heads::RotaryHeadsCuda;
pub(super) use rotary_pair::RotaryEmbeddingPairCuda;
pub(super) use rotary_table::RotaryTableCuda;
pub(super) use sinusoidal::SinusoidalEmbeddingCuda;
pub(super) use twin::OnCuda;
#[cfg(test)]
pub(super) use twin::PROVIDERS;
