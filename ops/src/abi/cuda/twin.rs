//! What all twins share: everything of an operator but its kernel.

use crate::abi::context::{Context, Node};
use crate::abi::infer::Inference;
use crate::abi::operator::Operator;
use crate::abi::status::Failure;
use crate::contract::OperatorSpec;
use crate::cuda::{CudaError, Device, Driver};
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
    /// Where the device does not have it.
    fn create(
        device: &Device,
        attributes: <Self::Of as Operator>::Attributes,
    ) -> Result<Self::Kernel, CudaError>;

    /// Puts one run into the host's stream.
    ///
    /// # Errors
    /// For inputs that the operator refuses, and what the driver says.
    fn compute(
        kernel: &Self::Kernel,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<(), Failure>;
}

/// The kernel of a node, and the device that it is on.
pub(in crate::abi) struct Placed<K> {
    device: Device,
    kernel: K,
}

/// The providers of CUDA that ONNX Runtime has: its own, and the one that is a plug-in.
pub(in crate::abi) const PROVIDERS: [&CStr; 2] =
    [c"CUDAExecutionProvider", c"CudaPluginExecutionProvider"];

/// A twin as the host knows it.
pub(in crate::abi) struct OnCuda<T>(PhantomData<T>);

impl<T: Twin> Operator for OnCuda<T> {
    const SPEC: &'static OperatorSpec = T::Of::SPEC;
    const TYPES: &'static [ONNXTensorElementDataType] = T::Of::TYPES;
    const PROVIDERS: &'static [&'static CStr] = &PROVIDERS;

    type Attributes = <T::Of as Operator>::Attributes;
    type Kernel = Placed<T::Kernel>;

    fn infer(node: &Inference<'_>) -> Result<(), Failure> {
        T::Of::infer(node)
    }

    fn attributes(node: &Node<'_>) -> Result<Self::Attributes, Failure> {
        T::Of::attributes(node)
    }

    fn create(node: &Node<'_>) -> Result<Self::Kernel, Failure> {
        // First, so that without a device the node is not even read.
        let driver = Driver::get()?;
        let device = match node.device()? {
            Some(number) => driver.device(number)?,
            // ONNX Runtime 1.17. It makes kernels while their device's context is current.
            None => driver.current_device()?,
        };
        let kernel = T::create(&device, Self::attributes(node)?)?;
        Ok(Placed { device, kernel })
    }

    fn compute(kernel: &Self::Kernel, context: &Context<'_>) -> Result<(), Failure> {
        T::compute(&kernel.kernel, &kernel.device, context)
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

/// The address of a tensor, as parameters of kernels have it.
pub(super) fn address<T>(data: *const T) -> u64 {
    data.addr() as u64
}
