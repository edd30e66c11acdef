//! What `RotaryEmbedding` is.

use super::ATTRIBUTES;
use crate::contract::TensorType as Type;
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "RotaryEmbedding";

pub(super) const X: ValueSpec = ValueSpec::new(
    "X",
    "T",
    "`[..., C]`",
    "the tensor whose channels are turned",
);

pub(in crate::contract) const COS: ValueSpec = ValueSpec::new(
    "cos",
    "TT",
    "`[..., r/2]` or `[..., r]`",
    "cosines, one per pair or one per channel",
);

pub(in crate::contract) const SIN: ValueSpec =
    ValueSpec::new("sin", "TT", "`[..., r/2]` or `[..., r]`, as `cos`", "sines");

/// The inputs.
pub const INPUTS: [ValueSpec; 3] = [X, COS, SIN];

/// The output.
pub const OUTPUTS: [ValueSpec; 1] = [ValueSpec::new(
    "Y",
    "T",
    "that of `X`",
    "`X` with the pairs of the rotated range turned",
)];

/// Rounding errors of the arithmetic, in units of its epsilon (twice the largest relative error of one rounding): two products
/// and their sum.
pub const UNIT_ERROR: f64 = 1.0;

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Turns pairs of channels by angles given as cosines and sines.",
    meaning: "\
The last axis of `cos` and `sin` is `r/2` (one angle per pair) or `r` (as exporters write it), the same for both. Their leading axes \
broadcast to those of `X` by numpy's rules, aligned at the right, each table by itself; a table is never larger than `X`. So \
`[B, N, S, D]`, `[B, S, N, D]`, sequence first, packed and per-head angles are all one definition.

Let `a` and `b` be the first and second channel of pair `k`, at positions `pa` and `pb` of the rotated range. With one angle per pair,  \
`ca = cb = cos[k]` and `sa = sb = sin[k]`. With full width the entry of a channel is the one at that channel's position in the \
*input's* layout: `ca = cos[pa]`, `cb = cos[pb]`, `sa = sin[pa]`, `sb = sin[pb]`. Then

```text
y_a = a * ca - b * sa
y_b = b * cb + a * sb
```

and `y_a`, `y_b` are put at the positions pair `k` has in the output's layout. Channels outside \
`rotary_offset .. rotary_offset + r` are copied.",
    types: &["T", "TT"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 1,
    attributes: &ATTRIBUTES,
    numerics: "\
Arithmetic is in float (double for T = double) with one rounding to T at the end; a product may be fused into the sum. Copied \
channels keep every bit. NaN and infinities go through the products: where an angle has `sin = 0`, an infinite partner makes a NaN, \
as in the exported graphs.",
    error: ErrorBound {
        limit: UNIT_ERROR,
        of: "epsilons of the arithmetic times `|a * ca| + |b * sa|`, plus its smallest subnormal, before the rounding to T: for \
             T = float, as many units in the last place of that sum of products",
    },
    body_notes: "",
    kernels: &[
        &[Type::F32, Type::F32],
        &[Type::F16, Type::F16],
        &[Type::F16, Type::F32],
        &[Type::BF16, Type::BF16],
        &[Type::BF16, Type::F32],
        &[Type::F64, Type::F64],
        &[Type::F64, Type::F32],
    ],
    levels: &Level::ALL,
    cuda: true,
};
