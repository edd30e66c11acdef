//! What `SinusoidalEmbedding` is.

use super::ATTRIBUTES;
use crate::contract::TensorType as Type;
use crate::contract::angle::ULP_ERROR;
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "SinusoidalEmbedding";

pub(super) const POSITIONS: ValueSpec =
    ValueSpec::new("positions", "TP", "any", "what is embedded: places, times");

pub(super) const FREQUENCIES: ValueSpec =
    ValueSpec::new("frequencies", "TF", "`[F]`", "radians per position");

pub(super) const TARGET_TYPE: ValueSpec = ValueSpec::new(
    "target_type",
    "T",
    "any",
    "a tensor with the element type that the embedding is to have; its elements are not read",
);

/// The inputs.
pub const INPUTS: [ValueSpec; 3] = [POSITIONS, FREQUENCIES, TARGET_TYPE];

pub(super) const EMBEDDING: ValueSpec = ValueSpec::new(
    "embedding",
    "T",
    "that of `positions` with an axis of size `W` at the end",
    "sines and cosines, one row per position",
);

/// The output.
pub const OUTPUTS: [ValueSpec; 1] = [EMBEDDING];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Embeds positions as sines and cosines of several frequencies.",
    meaning: "\
```text
angle[..., j] = positions[...] * frequencies[j]
a, b = amplitude * sin(angle), amplitude * cos(angle)       (the reverse with cos_first = 1)
row = a[0], ..., a[F-1], b[0], ..., b[F-1]                  (interleaved = 0)
row = a[0], b[0], a[1], b[1], ..., a[F-1], b[F-1]           (interleaved = 1)
embedding[...] = the first W elements of row, 0, 0, ...
```

`width` says `W` for odd numbers of channels: the interleaved table of the original Transformer lacks the last cosine (`W = 2F - 1`), \
those of fairseq and of diffusion timesteps end with a zero (`W = 2F + 1`).

A row whose position equals `padding_position` is zero, whatever the frequencies (fairseq's row of the padding token). Equality is that \
of the numbers, whatever their type.",
    types: &["TP", "TF", "T"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &ATTRIBUTES,
    numerics: "\
The arithmetic type A is double for T = double, else float. Frequencies, angles, sines and cosines are those of \
[`RotaryTable`](RotaryTable.md) with one coordinate: `precise = 0` rounds a position and its product with a frequency to A, \
`precise = 1` does not.

Sines and cosines are rounded to A, multiplied by `amplitude`, rounded to A again, and rounded to T. An angle that is infinite or NaN \
gives NaN. Zeros that pad are positive.",
    error: ErrorBound {
        limit: ULP_ERROR,
        of: "units in the last place of A, before the multiplication by `amplitude` and the rounding to T",
    },
    body_notes: "\
Angles are those of the body of [`RotaryTable`](RotaryTable.md). For T = float16 and bfloat16 everything up to the result is in float. \
Where uses differ in layout or `width`, or the number of frequencies is not known, elements are put in their places by one `Gather`.",
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
