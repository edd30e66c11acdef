//! What `AlibiBias` is.

use super::ATTRIBUTES;
use crate::contract::TensorType as Type;
use crate::contract::relative::{BIAS_SHAPE, KEYS, QUERIES};
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "AlibiBias";

/// The inputs.
pub const INPUTS: [ValueSpec; 3] = [
    ValueSpec::new(
        "slopes",
        "T",
        "`[N]`",
        "the bias of a distance of 1, of each head",
    ),
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
    summary: "Makes a bias that is linear in the distance between query and key: attention with linear biases.",
    meaning: "\
```text
distance = key_positions[b, j] - query_positions[b, i]
bias[b, n, i, j] = slopes[n] * distance                with absolute = 0
bias[b, n, i, j] = slopes[n] * abs(distance)           with absolute = 1
```

The slopes carry the sign. BLOOM's bias, which depends on the position of the key alone (counted anew in each batch, after the \
padding), is that of one query at position 0; MPT's, which ends at 0 with the last key, is that of one query at the last key's position.",
    types: &["T", "I"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &ATTRIBUTES,
    numerics: "\
The distance is exact in int64 (one that int64 does not hold is the nearest number that it does), and is rounded to float, or to double \
for T = double. The product is rounded to that type, and then to T. A slope that is infinite or NaN follows IEEE 754: an \
infinity at distance 0 gives NaN.",
    error: ErrorBound {
        limit: 0.0,
        of: "units in the last place of T, beyond the roundings named",
    },
    body_notes: "\
The body agrees with the kernels to the bit. Where uses in a model differ in T and double is among them, it finds out the type when \
it runs.",
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
