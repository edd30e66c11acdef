//! What `RotaryTable` is.

use super::ATTRIBUTES;
use crate::contract::TensorType as Type;
use crate::contract::angle::ULP_ERROR;
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "RotaryTable";

pub(super) const POSITIONS: ValueSpec = ValueSpec::new(
    "positions",
    "TP",
    "any",
    "where the rows of the tables are, in one coordinate or several",
);

pub(super) const FREQUENCIES: ValueSpec = ValueSpec::new(
    "frequencies",
    "TF",
    "`[F]`, or `[P, F]` for positions of several coordinates",
    "radians per position",
);

pub(super) const TARGET_TYPE: ValueSpec = ValueSpec::new(
    "target_type",
    "TT",
    "any",
    "a tensor with the element type that `cos` and `sin` are to have; its elements are not read",
);

/// The inputs.
pub const INPUTS: [ValueSpec; 3] = [POSITIONS, FREQUENCIES, TARGET_TYPE];

const SHAPE: &str = "with frequencies `[F]` that of `positions` with an axis of size `F` at the end; with `[P, F]`, the axis `axis` \
                     of `positions` has size `P` (temporal, height, width; or the axes of an image) and is removed before that";

/// The outputs.
pub const OUTPUTS: [ValueSpec; 2] = [
    ValueSpec::new("cos", "TT", SHAPE, "cosines"),
    ValueSpec::new("sin", "TT", "that of `cos`", "sines"),
];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Computes cosines and sines of positions times frequencies.",
    meaning: "\
```text
angle[..., j] = sum over p of positions[..., p, ...] * frequencies[p, j]
cos = cos(angle) * amplitude
sin = sin(angle) * amplitude
```",
    types: &["TP", "TF", "TT"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &ATTRIBUTES,
    numerics: "\
The arithmetic type A is double for TT = double, else float. Frequencies are rounded to A. They come in double whatever TT is, so that a \
tool that converts the model to float16 leaves them as they are.

`precise = 0`: a position is rounded to A, each product is rounded to A, and they are added up in A in the order of `p`: the angle \
is the exported graph's to the bit. In float it is off by 1e-4 at positions of some thousands and by 3e-2 at a million.

`precise = 1`: products are exact and so is the reduction of the angle to a quarter turn, for positions that are exact in double and \
angles up to 2^31.

The error is that of cos and sin for the angle so defined. They are rounded to A, multiplied by `amplitude`, rounded to A again, and \
rounded to TT. Beyond 2^31 the bound holds as far as the platform's own `sin` and `cos` of a double keep it. An angle that is infinite or \
NaN gives NaN.",
    error: ErrorBound {
        limit: ULP_ERROR,
        of: "units in the last place of A, before the multiplication by `amplitude` and the rounding to TT",
    },
    body_notes: "\
Exact angles are computed in double: frequencies are split so that products with positions of up to 31 bits are exact, and the \
angle is reduced to half a turn before any `Sin`; cosines are sines, because ONNX Runtime had no `Cos` of a double before 1.22. Angles \
beyond 2^31 half turns are left to the host's `Sin`, and cosines are then exact to four epsilons of 1. For \
TT = double, products are rounded to double. Without `precise` and in float, cos and sin are the host's own: for results \
of size 1, their bound is two epsilons of A wider than that of kernels. Where uses differ in the shape of frequencies, the order of the sum is the host's.",
    kernels: &[
        &[Type::I64, Type::F64, Type::F32],
        &[Type::I32, Type::F64, Type::F32],
        &[Type::F32, Type::F64, Type::F32],
        &[Type::F64, Type::F64, Type::F32],
        &[Type::I64, Type::F64, Type::F16],
        &[Type::I32, Type::F64, Type::F16],
        &[Type::F32, Type::F64, Type::F16],
        &[Type::F64, Type::F64, Type::F16],
        &[Type::I64, Type::F64, Type::BF16],
        &[Type::I32, Type::F64, Type::BF16],
        &[Type::F32, Type::F64, Type::BF16],
        &[Type::F64, Type::F64, Type::BF16],
        &[Type::I64, Type::F64, Type::F64],
        &[Type::I32, Type::F64, Type::F64],
        &[Type::F32, Type::F64, Type::F64],
        &[Type::F64, Type::F64, Type::F64],
    ],
    levels: &Level::ALL,
    cuda: true,
};
