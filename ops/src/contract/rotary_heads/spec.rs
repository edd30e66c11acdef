//! What `RotaryHeads` is.

use super::ATTRIBUTES;
use crate::contract::rotary::{self, COS, SIN};
use crate::contract::{OperatorSpec, ValueSpec};

/// Operator type.
pub const NAME: &str = "RotaryHeads";

pub(super) const X: ValueSpec = ValueSpec::new(
    "X",
    "T",
    "`[B, S, M, C]`",
    "heads side by side, as a projection gives them",
);

/// The inputs.
pub const INPUTS: [ValueSpec; 3] = [X, COS, SIN];

/// The output.
pub const OUTPUTS: [ValueSpec; 1] = [ValueSpec::new(
    "Y",
    "T",
    "`[B, N, S, C]`",
    "the heads that are taken, one after the other, turned",
)];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Takes heads out of a packed projection and turns them, without a copy in between.",
    meaning: "\
What [`RotaryEmbedding`](RotaryEmbedding.md) makes of some of the heads of `X`, put before the sequence:

```text
taken = Transpose(Slice(X, first_head, end_head, axis 2, head_step), perm [0, 2, 1, 3])
Y     = RotaryEmbedding(taken, cos, sin)
```

So queries and keys are read where the projection of a layer wrote them. Of queries, keys and values packed one after the other, \
keys are the heads from the number of queries on; of a query, a key and a value per head, the keys are every third head, from the second \
on. `N` is the number of heads taken, which may be 0. The leading axes of `cos` and `sin` broadcast to `[B, N, S]`.",
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &ATTRIBUTES,
    ..rotary::SPEC
};
