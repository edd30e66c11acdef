//! The contract of the operators: what a model may say, what it means, and what is refused.
//!
//! Everything here is plain Rust over plain values. The rewriter, the kernels, the C ABI and the tests all read it, so that a
//! name, a default or an error text exists once. An operator is a module of this one with the same parts:
//!
//! * a description, `SPEC`, which says all that can be said in words and tables,
//! * an attribute struct with defaults, read from and written to plain integers and floats,
//! * a geometry: the shape rule, and what a kernel needs to walk the tensors,
//! * a reference in `f64`, written for reading,
//! * a function body in standard ONNX operators,
//! * a handle, `CONTRACT`, which gives these for any operator alike; [`ALL`] lists them.

#![forbid(unsafe_code)]

pub mod alibi_bias;
pub mod angle;
pub mod attention;
mod attribute;
pub mod body;
pub mod broadcast;
pub mod cached_attention;
mod handle;
pub mod relative;
pub mod relative_bias;
pub mod relative_gather;
pub mod rotary;
pub mod rotary_heads;
pub mod rotary_pair;
pub mod rotary_table;
pub mod sinusoidal;
pub(crate) mod spec;
pub(crate) mod tensor;

pub(crate) use attribute::Attribute;
pub use attribute::{AttributeSpec, AttributeValue};
pub use body::{BodyAttribute, BodyNode, FunctionBody};
pub use handle::{Call, Contract, Dense, Operand, View};
pub use spec::{ErrorBound, OperatorSpec, TensorType, ValueSpec};

/// Every operator.
pub static ALL: [&dyn Contract; 10] = [
    rotary::CONTRACT,
    rotary_pair::CONTRACT,
    rotary_heads::CONTRACT,
    rotary_table::CONTRACT,
    relative_bias::CONTRACT,
    alibi_bias::CONTRACT,
    sinusoidal::CONTRACT,
    relative_gather::CONTRACT,
    attention::CONTRACT,
    cached_attention::CONTRACT,
];

/// The operator called `name`, if there is one.
pub fn find(name: &str) -> Option<&'static dyn Contract> {
    ALL.into_iter()
        .find(|contract| contract.spec().name == name)
}

/// Domain of every operator.
pub const DOMAIN: &str = "ai.phasor";

/// Version of [`DOMAIN`].
pub const VERSION: i64 = 1;

/// Element types of the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// IEEE 754 binary64.
    F64,
}

impl ElementType {
    /// Every element type, in the order kernels are registered.
    pub const ALL: [ElementType; 4] = [Self::F32, Self::F16, Self::BF16, Self::F64];

    /// The number ONNX gives it in `TensorProto.DataType`.
    pub const fn to_onnx(self) -> i32 {
        match self {
            Self::F32 => 1,
            Self::F16 => 10,
            Self::BF16 => 16,
            Self::F64 => 11,
        }
    }

    /// The element type with ONNX's number `code`, if the operators have it.
    pub fn from_onnx(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.to_onnx() == code)
    }

    /// The type in which the operators compute on it: `f64` for itself, `f32` for everything else.
    pub const fn arithmetic(self) -> Self {
        match self {
            Self::F64 => Self::F64,
            _ => Self::F32,
        }
    }

    /// Bytes of an element.
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The type as ONNX's text format spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "float",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F64 => "double",
        }
    }
}

/// Why an operator refuses what a model asks of it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ContractError {
    /// An attribute has a value outside its range.
    #[error("attribute `{name}` is {value}, expected {expected}")]
    Attribute {
        /// Name of the attribute.
        name: &'static str,
        /// The value given.
        value: AttributeValue,
        /// The values allowed, in words.
        expected: &'static str,
    },
    /// The shapes of the inputs do not fit each other or the attributes.
    #[error("{0}")]
    Shape(String),
    /// An element of an input has a value outside its range.
    #[error("{0}")]
    Value(String),
    /// The request is meaningful, but this version has no way to do it.
    #[error("{0}")]
    Unsupported(String),
}

/// A shape as error texts print it, for example `[2, 8, 64]`.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    format!("{shape:?}")
}
