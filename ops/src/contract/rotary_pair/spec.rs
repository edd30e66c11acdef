//! What `RotaryEmbeddingPair` is.

use crate::contract::rotary::{self, COS, SIN};
use crate::contract::{OperatorSpec, ValueSpec};

/// Operator type.
pub const NAME: &str = "RotaryEmbeddingPair";

/// The inputs.
pub const INPUTS: [ValueSpec; 4] = [
    ValueSpec::new("Q", "T", "`[..., C]`", "queries"),
    ValueSpec::new("K", "T", "`[..., C]`", "keys"),
    COS,
    SIN,
];

/// The outputs.
pub const OUTPUTS: [ValueSpec; 2] = [
    ValueSpec::new("YQ", "T", "that of `Q`", "`Q`, turned"),
    ValueSpec::new("YK", "T", "that of `K`", "`K`, turned"),
];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Turns the queries and the keys of a layer by the same angles.",
    meaning: "\
What [`RotaryEmbedding`](RotaryEmbedding.md) makes of `Q, cos, sin` and of `K, cos, sin`, with the attributes of this node:

```text
YQ = RotaryEmbedding(Q, cos, sin)
YK = RotaryEmbedding(K, cos, sin)
```

Each tensor fits the tables by itself: `Q` and `K` may have other numbers of heads, other leading axes, and where `rotary_dim` says \
which channels turn, other numbers of channels.",
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 2,
    ..rotary::SPEC
};
