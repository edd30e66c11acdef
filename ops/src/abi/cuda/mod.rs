//! The operators on CUDA's execution provider: twins of those on the CPU, with the same names and types.
//!
//! A host without that provider never makes a kernel of them. With it, tensors are in the memory of the device; a twin reads their shapes,
//! and puts one launch into the stream the host runs the node in. It waits for nothing, allocates nothing and reads nothing of what the
//! tensors hold, so that graphs can be captured.

mod alibi_bias;
mod relative_bias;
mod relative_gather;
mod rotary;
mod rotary_pair;
mod rotary_table;
mod sinusoidal;

pub(super) use alibi_bias::AlibiBiasCuda;
pub(super) use relative_bias::RelativePositionBiasCuda;
pub(super) use relative_gather::RelativeGatherCuda;
pub(super) use rotary::RotaryEmbeddingCuda;
pub(super) use rotary_pair::RotaryEmbeddingPairCuda;
pub(super) use rotary_table::RotaryTableCuda;
pub(super) use sinusoidal::SinusoidalEmbeddingCuda;

use super::status::Failure;
use crate::cuda::{CudaError, Driver};
use ort_sys::OrtErrorCode;
use std::ffi::CStr;

/// The provider's name.
const PROVIDER: &CStr = c"CUDAExecutionProvider";

impl From<CudaError> for Failure {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::Contract(error) => error.into(),
            CudaError::Driver(text) => Failure::Ours(OrtErrorCode::ORT_EP_FAIL, text),
        }
    }
}

/// The driver, which every twin asks for first.
///
/// # Errors
/// Where there is none, or no device.
fn driver() -> Result<&'static Driver, Failure> {
    Ok(Driver::get()?)
}

/// The address of a tensor, as parameters of kernels have it.
fn address<T>(data: *const T) -> u64 {
    data.addr() as u64
}
