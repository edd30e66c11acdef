//! What `RelativeGather` is.

use super::ATTRIBUTES;
use crate::contract::TensorType as Type;
use crate::contract::relative::{KEY_POSITIONS, LUT, QUERY_POSITIONS};
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "RelativeGather";

pub(super) const SCORES: ValueSpec = ValueSpec::new(
    "scores",
    "T",
    "`[..., Q, R]`, with `by_key` `[..., K, R]`; at most 16 axes",
    "for each query, or each key, its score with each relative position",
);

/// The inputs.
pub const INPUTS: [ValueSpec; 4] = [
    SCORES,
    ValueSpec::new(
        LUT,
        "I",
        "`[2D+1]`",
        "which column of `scores` is for each distance from -D to D: at least 0 and below R",
    ),
    ValueSpec::new(
        QUERY_POSITIONS,
        "I",
        "`[..., Q]`, whose leading axes broadcast to those of `scores` before its last two, by numpy's rules",
        "positions of the queries, of any values and in any order",
    ),
    ValueSpec::new(
        KEY_POSITIONS,
        "I",
        "`[..., K]`, likewise",
        "positions of the keys",
    ),
];

pub(super) const OUTPUT: ValueSpec = ValueSpec::new(
    "output",
    "T",
    "`[..., Q, K]`, with the leading axes of `scores`",
    "the score of each query with each key, by the distance between them",
);

/// The outputs.
pub const OUTPUTS: [ValueSpec; 1] = [OUTPUT];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Gathers for every query and key the score of their relative position.",
    meaning: "\
```text
column[..., i, j] = lut[clamp(key_positions[..., j] - query_positions[..., i], -D, D) + D]
output[..., i, j] = scores[..., i, column[..., i, j]]                             by_key = 0
output[..., i, j] = scores[..., j, column[..., i, j]]                             by_key = 1
```

These are the relative keys of Shaw et al., DeBERTa's content-to-position scores and, with `by_key`, its position-to-content scores, and \
the shift of Transformer-XL and of Conformers, where `lut` counts from 0 to `2D` and `R = 2D + 1`.

Every entry of `lut` is checked, including those that no distance leads to, unless the output has no element; on CUDA, where the host \
does not see them, the output is NaN where a distance leads to one that is no column. Differences of positions do not overflow.",
    types: &["T", "I"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &ATTRIBUTES,
    numerics: "Elements are copied, bit by bit: infinities, signs of zeros and payloads of NaN stay.",
    error: ErrorBound {
        limit: 0.0,
        of: "units in the last place of T",
    },
    body_notes: "\
Entries of `lut` that are no columns of `scores` are left to the host's `GatherElements`, which counts negative ones from the end. A \
body for nodes that differ in `by_key`, or with `by_key` in the rank of `scores`, numbers the elements of a whole matrix of `scores`: \
an entry that is too large lands in another row. At opset 13, whose `Reshape` cannot be told a size of 0, that body does not serve for \
an empty output.",
    kernels: &[
        &[Type::F32, Type::I64],
        &[Type::F16, Type::I64],
        &[Type::BF16, Type::I64],
        &[Type::F64, Type::I64],
        &[Type::F32, Type::I32],
        &[Type::F16, Type::I32],
        &[Type::BF16, Type::I32],
        &[Type::F64, Type::I32],
    ],
    levels: &Level::ALL,
    cuda: true,
};
