//! What `RelativePositionBias` is.

use crate::contract::TensorType as Type;
use crate::contract::relative::{BIAS_SHAPE, KEYS, LUT_VALUE, QUERIES};
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "RelativePositionBias";

/// The inputs.
pub const INPUTS: [ValueSpec; 4] = [
    ValueSpec::new(
        "table",
        "T",
        "`[R, N]`",
        "one row per bucket, with one bias per head",
    ),
    LUT_VALUE,
    QUERIES,
    KEYS,
];

/// The outputs.
pub const OUTPUTS: [ValueSpec; 1] = [ValueSpec::new(
    "bias",
    "T",
    BIAS_SHAPE,
    "to be added to the scores of attention",
)];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Looks up the bias of every query and key by the distance between them.",
    meaning: "\
```text
distance = key_positions[b, j] - query_positions[b, i]
bias[b, n, i, j] = table[lut[clamp(distance, -D, D) + D], n]
```

`lut` has `2D + 1` entries: the bucket of each distance from `-D` to `D`. A distance beyond takes the bucket at that end, so a lookup \
table made of any bucketing whose ends are flat (T5 and MPNet, logarithmic, clipped) gives it exactly for all distances. Positions may \
be any integers in any order, so windows of two dimensions have a number for each place. Entries of `lut` that are not in `[0, R)` \
are refused; on CUDA, where the host does not see them, the bias is NaN where a distance leads to one.",
    types: &["T", "I"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &[],
    numerics: "\
Elements are copied, bit by bit. Distances are those of integers of any size: where int64 does not hold them, they are beyond `D`.",
    error: ErrorBound {
        limit: 0.0,
        of: "units in the last place of T",
    },
    body_notes: "\
The body clamps keys to what is within `D` of each query, so that no difference overflows. Without the library, entries of `lut` from \
`-R` to -1 are not refused but count from the last row.",
    kernels: &[
        &[Type::F32, Type::I64],
        &[Type::F32, Type::I32],
        &[Type::F16, Type::I64],
        &[Type::F16, Type::I32],
        &[Type::BF16, Type::I64],
        &[Type::BF16, Type::I32],
        &[Type::F64, Type::I64],
        &[Type::F64, Type::I32],
    ],
    levels: &Level::ALL,
    cuda: true,
};
