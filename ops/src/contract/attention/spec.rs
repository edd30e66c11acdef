//! What `Attention` is.

use super::ATTRIBUTES;
use crate::contract::TensorType as Type;
use crate::contract::{ErrorBound, OperatorSpec, ValueSpec};
use crate::level::Level;

/// Operator type.
pub const NAME: &str = "Attention";

/// The inputs.
pub const INPUTS: [ValueSpec; 5] = [
    ValueSpec::new("Q", "T", "`[B, N, S, D]`", "the queries of each head"),
    ValueSpec::new(
        "K",
        "T",
        "`[B, H, T, D]`, where `N` is a multiple of `H`",
        "the keys; head `n` of the queries reads head `n div (N/H)` of them; one key, where `bias` or `mask` has `T`, counts for all",
    ),
    ValueSpec::new("V", "T", "`[B, H, T, E]`", "the values, likewise"),
    ValueSpec::new(
        "bias",
        "T",
        "broadcasts to `[B, N, S, T]` by numpy's rules",
        "what is added to the scores; for none a zero",
    ),
    ValueSpec::new(
        "mask",
        "M",
        "broadcasts to `[B, N, S, T]` by numpy's rules",
        "whether the score counts, else it is `fill`; for no mask a true",
    ),
];

pub(in crate::contract) const OUTPUT: ValueSpec = ValueSpec::new(
    "Y",
    "T",
    "`[B, N, S, E]`",
    "for each query the values, weighed by its probabilities",
);

/// The output.
pub const OUTPUTS: [ValueSpec; 1] = [OUTPUT];

/// A score, or a bias, is hidden if it is at most this: 1e30 below any score that counts, a probability is 0 in float and in double.
pub const HIDDEN: f64 = -1e30;

/// Largest error that tests find, as [`SPEC`] counts it, rounded up.
pub const UNIT_ERROR: f64 = 1.5;

/// The operator.
pub static SPEC: OperatorSpec = OperatorSpec {
    name: NAME,
    summary: "Weighs values by the softmax of scores: scaled dot-product attention, whose heads may share keys and values.",
    meaning: "\
```text
s[b, n, i, j] = scale * sum of Q[b, n, i, d] * K[b, n div (N/H), j, d] over d
s[b, n, i, j] = softcap * tanh(s[b, n, i, j] / softcap)                           softcap != 0
s[b, n, i, j] = s[b, n, i, j] + bias[b, n, i, j]
s[b, n, i, j] = mask[b, n, i, j] ? s[b, n, i, j] : fill
p[b, n, i, j] = exp(s[b, n, i, j]) / sum of exp(s[b, n, i, k]) over k
Y[b, n, i, e] = sum of p[b, n, i, j] * V[b, n div (N/H), j, e] over j
```

A sum over nothing is 0: without keys `Y` is 0, without channels every score is.

**Rows without a visible key** are what the formula makes of them. Where `mask` is false for all keys and `fill` is finite, the row \
is the mean of all values; where a large negative bias hides them, the softmax of what the sums `s + bias` are in the arithmetic; \
where all scores are negative infinity, NaN, or 0 with `zero_nan_rows = 1`, which sets a row of `Y` to 0 if its probabilities are NaN for \
whatever reason.

**Promises.** `causal`, `window_left` and `window_right` say what is hidden anyway. They do not hide anything: function bodies and \
reference ignore them, and kernels may use them to leave out work. A key is hidden from a query if `mask` is false there and `fill` \
is at most -1e30, or if `mask` is true there and `bias` is at most -1e30. With `c = i + T - S`, the place of query `i` among the keys, \
`causal = 1` promises that every key `j > c` is hidden from it, `window_left = l` every key `j < c - l`, `window_right = r` every \
key `j > c + r`. Where such a promise is broken, the result is undefined. A row that sees no key is computed with all keys all \
the same.",
    types: &["T", "M"],
    inputs: &INPUTS,
    outputs: &OUTPUTS,
    in_place: 0,
    attributes: &ATTRIBUTES,
    numerics: "\
Kernels compute in float, for T = double in double, from the elements of the inputs to the one rounding of `Y` to T: scores and \
probabilities of half types are not rounded to T, as ONNX Runtime does not round between nodes for which it has no kernels in half \
types. `fill` is rounded to T. `scale` may be multiplied to `Q` before the sum or to the sum. Sums are in any order, and a product may \
be fused into them.

A score that is NaN or positive infinity makes the probabilities of its row NaN. A value that is not finite is multiplied by its \
probability, even if that is 0, unless a kernel leaves out its key by a promise; then neither key nor value reaches the result.",
    error: ErrorBound {
        limit: UNIT_ERROR,
        of: "epsilons of the arithmetic times `(1 + w)` times the sum of `p * |V|` over keys, before the rounding to T, where `w` is \
             the largest sum of `|scale * Q * K|` over channels plus `|bias|` among the keys with probabilities above epsilon; \
             tested with up to 256 channels and 4096 keys; for function bodies epsilons of T",
    },
    body_notes: "\
Releases of ONNX Runtime before 1.32 do not run it in double, and multiply wrongly without channels. Scores and probabilities are \
in T, the softmax between them is in float: products in half types are the host's, as are the roundings of a sum with a large negative \
bias. Sizes that do not fit, which kernels refuse, are left to the \
host's operators. At opset 13, whose `Reshape` cannot be told a size of 0, the body for several heads a key head does not serve \
for tensors without heads.",
    kernels: &[
        &[Type::F32, Type::Bool],
        &[Type::F16, Type::Bool],
        &[Type::BF16, Type::Bool],
        &[Type::F64, Type::Bool],
    ],
    levels: &Level::ALL,
    cuda: false,
};
