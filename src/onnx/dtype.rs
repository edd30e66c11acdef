//! Element types.

/// The element type of a tensor, as `TensorProto.DataType` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum DataType {
    F32,
    U8,
    I8,
    U16,
    I16,
    I32,
    I64,
    String,
    Bool,
    F16,
    F64,
    U32,
    U64,
    C64,
    C128,
    BF16,
    F8E4M3FN,
    F8E4M3FNUZ,
    F8E5M2,
    F8E5M2FNUZ,
    U4,
    I4,
    F4E2M1,
    F8E8M0,
    U2,
    I2,
    F6E2M3,
    F6E3M2,
}

use DataType::*;

/// In the order of the numbers ONNX gives them, from 1.
const ALL: [DataType; 28] = [
    F32, U8, I8, U16, I16, I32, I64, String, Bool, F16, F64, U32, U64, C64, C128, BF16, F8E4M3FN,
    F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, U4, I4, F4E2M1, F8E8M0, U2, I2, F6E2M3, F6E3M2,
];

impl DataType {
    /// The type of that number in ONNX, if there is one.
    pub fn from_onnx(number: i32) -> Option<Self> {
        let position = usize::try_from(number).ok()?.checked_sub(1)?;
        ALL.get(position).copied()
    }

    /// The number of the type in ONNX.
    pub fn to_onnx(self) -> i32 {
        self as i32 + 1
    }

    /// Bits of one element; `None` for strings.
    pub fn bits(self) -> Option<usize> {
        Some(match self {
            String => return None,
            U2 | I2 => 2,
            U4 | I4 | F4E2M1 => 4,
            F6E2M3 | F6E3M2 => 6,
            U8 | I8 | Bool | F8E4M3FN | F8E4M3FNUZ | F8E5M2 | F8E5M2FNUZ | F8E8M0 => 8,
            U16 | I16 | F16 | BF16 => 16,
            F32 | I32 | U32 => 32,
            F64 | I64 | U64 | C64 => 64,
            C128 => 128,
        })
    }

    /// Bytes that hold `count` elements (types below a byte are packed); `None` for strings and on overflow.
    pub fn byte_len(self, count: usize) -> Option<usize> {
        let bits = self.bits()?;
        // Eight elements take `bits` bytes; splitting first keeps the product small.
        let whole = (count / 8).checked_mul(bits)?;
        whole.checked_add((count % 8 * bits).div_ceil(8))
    }

    /// Whether it is a real floating-point type of 16 bits or more.
    pub fn is_float(self) -> bool {
        matches!(self, F32 | F16 | BF16 | F64)
    }

    /// The distance from 1 to the next larger number of a float type.
    pub fn epsilon(self) -> Option<f64> {
        let bits = match self {
            F64 => 52,
            F32 => 23,
            F16 => 10,
            BF16 => 7,
            _ => return None,
        };
        Some((-f64::from(bits)).exp2())
    }

    /// Whether it is an integer type (not bool).
    pub fn is_integer(self) -> bool {
        matches!(
            self,
            U8 | I8 | U16 | I16 | I32 | I64 | U32 | U64 | U4 | I4 | U2 | I2
        )
    }

    /// Whether it is an integer type with negative numbers.
    pub fn is_signed_integer(self) -> bool {
        matches!(self, I8 | I16 | I32 | I64 | I4 | I2)
    }

    /// Whether this integer type holds every number of another one.
    pub fn holds_integers_of(self, other: Self) -> bool {
        match (self.is_signed_integer(), other.is_signed_integer()) {
            (false, true) => false,
            (true, false) => self.bits() > other.bits(),
            _ => self.bits() >= other.bits(),
        }
    }

    /// The largest finite number of a float type; infinity for types in which nothing is computed.
    pub fn largest(self) -> f64 {
        match self {
            F16 => 65504.0,
            BF16 => f64::from(f32::MAX) * (1.0 - f64::powi(2.0, -8)),
            F32 => f64::from(f32::MAX),
            F64 => f64::MAX,
            _ => f64::INFINITY,
        }
    }

    /// Whether this float type holds every number of another one, infinity apart.
    pub fn holds_floats_of(self, other: Self) -> bool {
        self == other || self == F64 || self == F32 && other.bits() < Some(32)
    }

    /// Whether [`super::Tensor::from_f64_as`] can write numbers as it: floats of two bytes and more, integers of a byte and
    /// more, and bool.
    pub fn holds_numbers(self) -> bool {
        self.is_float() || self == Bool || self.is_integer() && self.bits() >= Some(8)
    }

    /// The name ONNX writes in type strings, such as `float16`.
    pub fn name(self) -> &'static str {
        match self {
            F32 => "float",
            U8 => "uint8",
            I8 => "int8",
            U16 => "uint16",
            I16 => "int16",
            I32 => "int32",
            I64 => "int64",
            String => "string",
            Bool => "bool",
            F16 => "float16",
            F64 => "double",
            U32 => "uint32",
            U64 => "uint64",
            C64 => "complex64",
            C128 => "complex128",
            BF16 => "bfloat16",
            F8E4M3FN => "float8e4m3fn",
            F8E4M3FNUZ => "float8e4m3fnuz",
            F8E5M2 => "float8e5m2",
            F8E5M2FNUZ => "float8e5m2fnuz",
            U4 => "uint4",
            I4 => "int4",
            F4E2M1 => "float4e2m1",
            F8E8M0 => "float8e8m0",
            U2 => "uint2",
            I2 => "int2",
            F6E2M3 => "float6e2m3",
            F6E3M2 => "float6e3m2",
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
