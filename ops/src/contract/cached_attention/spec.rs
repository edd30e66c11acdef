//! What `CachedAttention` is.

use crate::contract::attention::{self, OUTPUT};
use crate::contract::{OperatorSpec, ValueSpec};

/// Operator type.
pub const NAME: &str = "CachedAttention";

/// The inputs: those of `Attention`, and what is cached.
pub const INPUTS: [ValueSpec; 7] = [
    attention::INPUTS[0],
    ValueSpec::new(
        "K",
        "T",
        "`[B, H, T - P, D]`, where `N` is a multiple of `H`",
        "the new keys; head `n` of the queries reads head `n div (N/H)` of them",
    ),
    ValueSpec::new("V", "T", "`[B, H, T - P, E]`", "the new values, likewise"),
    attention::INPUTS[3],
    attention::INPUTS[4],
    ValueSpec::new(
        "past_K",
        "T",
        "`[B, H, P, D]`",
        "the keys before the new ones; `P` may be 0",
    ),
    ValueSpec::new("past_V", "T", "`[B, H, P, E]`", "the values likewise"),
];

/// The outputs.
pub const OUTPUTS: [ValueSpec; 3] = [
    OUTPUT,
    ValueSpec::new(
        "present_K",
        "T",
        "`[B, H, T, D]`",
        "the keys of `past_K`, then those of `K`",
    ),
    ValueSpec::new(
        "present_V",
        "T",
        "`[B, H, T, E]`",
        "the values of `past_V`, then those of `V`",
    ),
];

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Puts new keys and values behind those of a cache, and attends to all of them.",
    meaning: "\
What [`Attention`](Attention.md) makes of keys and values that are put behind those of a cache, with the attributes of this node:

```text
present_K = Concat(past_K, K), along the keys
present_V = Concat(past_V, V), along the keys
Y = Attention(Q, present_K, present_V, bias, mask)
```

It is as exact as the two, and quicker than one after the other: keys and values are copied while they are read, and copies that are too \
large for a processor's cache go past it.

A tensor without keys, such as the past before the first token, may have any other sizes. `past_K` and `past_V` may hold different numbers of keys, as long as `present_K` and `present_V` hold as many. One key counts for all that \
`bias` or `mask` tells apart, as in `Attention`, if `present_K` has no other.",
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    ..attention::SPEC
};
