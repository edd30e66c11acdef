//! What is measured: a call of an operator, ready but for its memory.

use crate::loader::Loader;
use phasor_ops::contract::ElementType;
use phasor_ops::cuda::{CudaError, Stream};

/// One call.
pub(crate) struct Case {
    /// Operator, sizes and type.
    pub(crate) name: String,
    /// What its tensors hold, in the order in which `prepare`'s function takes their addresses.
    pub(crate) tensors: Vec<Tensor>,
    /// Resolves the kernels.
    pub(crate) prepare: Box<dyn FnOnce(Loader) -> Result<Call, CudaError>>,
}

/// Puts one launch into a stream; the addresses are those of the tensors.
pub(crate) type Call = Box<dyn Fn(Stream, &[u64]) -> Result<(), CudaError>>;

/// A tensor of a call.
pub(crate) enum Tensor {
    /// Numbers of which nothing depends, by their bytes.
    Read(usize),
    /// The same, where not all is read.
    Part { bytes: usize, read: usize },
    /// A result, by its bytes.
    Written(usize),
    /// A result in the place of what it is computed from, by its bytes.
    Turned(usize),
    /// What decides about the work.
    Given(Vec<u8>),
}

impl Tensor {
    /// Its bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Read(bytes)
            | Self::Written(bytes)
            | Self::Turned(bytes)
            | Self::Part { bytes, .. } => *bytes,
            Self::Given(bytes) => bytes.len(),
        }
    }

    /// How many of them are read or written, once.
    pub(crate) fn moved(&self) -> usize {
        match self {
            Self::Part { read, .. } => *read,
            Self::Turned(bytes) => 2 * bytes,
            _ => self.bytes(),
        }
    }

    /// How many bytes are written, once.
    pub(crate) fn written(&self) -> usize {
        match self {
            Self::Written(bytes) | Self::Turned(bytes) => *bytes,
            _ => 0,
        }
    }
}

/// What a type is called.
pub(crate) const fn type_name(element: ElementType) -> &'static str {
    match element {
        ElementType::F32 => "f32",
        ElementType::F16 => "f16",
        ElementType::BF16 => "bf16",
        ElementType::F64 => "f64",
    }
}
