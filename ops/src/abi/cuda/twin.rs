//! What all twins share: everything of an operator but its kernel.

use crate::abi::context::{Context, Node};
use crate::abi::infer::Inference;
use crate::abi::operator::Operator;
use crate::abi::status::Failure;
use crate::contract::OperatorSpec;
use crate::cuda::{CudaError, Driver};
use ort_sys::{ONNXTensorElementDataType, OrtErrorCode};
use std::ffi::CStr;
use std::marker::PhantomData;

/// A twin: an operator of the CPU with a kernel on CUDA.
pub(in crate::abi) trait Twin: 'static {
    /// The operator.
    type Of: Operator;
    /// The kernel of a node.
    type Kernel: Send + Sync;

    /// Makes the kernel of a node.
    ///
    /// # Errors
    /// Where the driver does not have it.
    fn create(
        driver: &Driver,
        attributes: <Self::Of as Operator>::Attributes,
    ) -> Result<Self::Kernel, CudaError>;

    /// Puts one run into the host's stream.
    ///
    /// # Errors
    /// For inputs that the operator refuses, and what the driver says.
    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure>;
}

/// A twin as the host knows it.
pub(in crate::abi) struct OnCuda<T>(PhantomData<T>);

impl<T: Twin> Operator for OnCuda<T> {
    const SPEC: &'static OperatorSpec = T::Of::SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = T::Of::TYPES;
    const PROVIDER: &'static CStr = c"CUDAExecutionProvider";

    type Attributes = <T::Of as Operator>::Attributes;
    type Kernel = T::Kernel;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        T::Of::infer(node)
    }

    fn attributes(node: &Node<'_>) -> Result<Self::Attributes, Failure> {
        T::Of::attributes(node)
    }

    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure> {
        // First, so that without a device the node is not even read.
        let driver = driver()?;
        Ok(T::create(driver, Self::attributes(node)?)?)
    }

    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure> {
        T::compute(kernel, context)
    }
}

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
pub(super) fn driver() -> Result<&'static Driver, Failure> {
    Ok(Driver::get()?)
}

/// The address of a tensor, as parameters of kernels have it.
pub(super) fn address<T>(data: *const T) -> u64 {
    data.addr() as u64
}
