//! Attention in every spelling, and one graph for each condition that breaks it alone.

use crate::recognize::testing::{check, check_changes};

mod scores;

/// Two heads of queries share a head of keys; the mask is causal, and the scale is split between queries and keys.
const GROUPED: &str = "(
    float[B, 4, S, 8] q,
    float[B, 2, P, 8] past_k,
    float[B, 2, P, 8] past_v,
    float[B, 2, S, 8] new_k,
    float[B, 2, S, 8] new_v
) => (y) <
    float half = {0.5},
    float zero = {0.0},
    float hidden = {-3.4028235e38},
    int64 first = {0},
    int64 one = {1},
    int64[1] second = {1},
    int64[1] third = {2},
    int64[2] last = {-1, 1},
    int64[5] twice = {1, 1, 2, 1, 1},
    int64[1] four = {4},
    int64[1] eight = {8}
> {
    k = Concat <axis = -2> (past_k, new_k)
    v = Concat <axis = -2> (past_v, new_v)
    batch = Shape <start = 0, end = 1> (k)
    keys = Shape <start = 2, end = 3> (k)
    whole = Concat <axis = 0> (batch, four, keys, eight)
    k_pairs = Unsqueeze (k, third)
    k_twice = Expand (k_pairs, twice)
    k_all = Reshape (k_twice, whole)
    v_pairs = Unsqueeze (v, third)
    v_twice = Expand (v_pairs, twice)
    v_all = Reshape (v_twice, whole)
    k_turned = Transpose <perm = [0, 1, 3, 2]> (k_all)
    q_scaled = Mul (q, half)
    k_scaled = Mul (k_turned, half)
    scores = MatMul (q_scaled, k_scaled)
    total = Squeeze (keys)
    queries = Shape <start = 2, end = 3> (q)
    count = Squeeze (queries)
    past = Sub (total, count)
    rows = Range (first, count, one)
    places = Add (rows, past)
    columns = Range (first, total, one)
    row = Reshape (places, last)
    visible = LessOrEqual (columns, row)
    bias = Where (visible, zero, hidden)
    masked = Add (scores, bias)
    p = Softmax <axis = -1> (masked)
    y = MatMul (p, v_all)
}";

#[test]
fn groups_scales_and_masks() {
    check_changes(
        GROUPED,
        &[
            (
                "",
                "y = attention(q, k, v) times 0.25, 2 heads a key, plus bias, causal",
            ),
            // A mask that shows the key after the query is not causal.
            (
                "visible = Less (columns, row)",
                "y = attention(q, k, v) times 0.25, 2 heads a key, plus bias, causal",
            ),
            (
                "next = Add (row, one)
                 visible = LessOrEqual (columns, next)",
                "y = attention(q, k, v) times 0.25, 2 heads a key, plus bias, 1 behind",
            ),
            // One that tells keys apart by a size of its own, which may be 1, promises nothing.
            (
                "int64 other
                 columns = Range (first, other, one)",
                "y = attention(q, k, v) times 0.25, 2 heads a key, plus bias",
            ),
            // One that a large score may outweigh promises nothing.
            (
                "float hidden = {-10000.0}",
                "y = attention(q, k, v) times 0.25, 2 heads a key, plus bias",
            ),
            // Scores put in place of others.
            (
                "masked = Where (visible, scores, hidden)",
                "y = attention(q, k, v) times 0.25, 2 heads a key, visible else -340282350000000000000000000000000000000, causal",
            ),
            (
                "behind = Not (visible)
                 masked = Where (behind, hidden, scores)",
                "behind_not = Not (behind)\n\
                 y = attention(q, k, v) times 0.25, 2 heads a key, behind_not else -340282350000000000000000000000000000000, causal",
            ),
            (
                "masked = Sub (scores, bias)",
                "bias_negated = Neg (bias)\n\
                 y = attention(q, k, v) times 0.25, 2 heads a key, plus bias_negated",
            ),
            (
                "float[B, 1, 1, K] padding
                 padded = Add (scores, padding)
                 masked = Add (padded, bias)",
                "padding_sum = Add (padding, bias)\n\
                 y = attention(q, k, v) times 0.25, 2 heads a key, plus padding_sum",
            ),
            // What one hides, another shows again; of the score nothing is left then.
            (
                "float large = {3.0e38}
                 back = Where (visible, zero, large)
                 shown = Add (scores, bias)
                 masked = Add (shown, back)",
                "attention mask at back: several tensors are added to the scores, and this one may be 3e38, which may take back what another adds",
            ),
            (
                "masked = Identity (scores)",
                "y = attention(q, k, v) times 0.25, 2 heads a key",
            ),
            // Rows without a key.
            (
                "odd = IsNaN (p)
                 kept = Where (odd, zero, p)
                 y = MatMul (kept, v_all)",
                "y = attention(q, k, v) times 0.25, 2 heads a key, plus bias, causal, zero for NaN",
            ),
            // Caps.
            (
                "float cap = {20.0}
                 parts = Div (scores, cap)
                 bent = Tanh (parts)
                 capped = Mul (bent, cap)
                 masked = Add (capped, bias)",
                "y = attention(q, k, v) times 0.25, 2 heads a key, capped at 20, plus bias, causal",
            ),
        ],
    );
}

/// Three axes: batch and heads in one.
const FLAT: &str = "(
    float[B, S, 4, 8] q,
    float[B, T, 4, 8] k,
    float[B, T, 4, 8] v,
    float[B, 1, 1, T] mask
) => (y) <
    float scale = {0.125},
    int64[1] four = {4},
    int64[1] rest = {-1},
    int64[1] eight = {8}
> {
    q_heads = Transpose <perm = [0, 2, 1, 3]> (q)
    k_heads = Transpose <perm = [0, 2, 1, 3]> (k)
    v_heads = Transpose <perm = [0, 2, 1, 3]> (v)
    batch = Shape <start = 0, end = 1> (q)
    queries = Shape <start = 1, end = 2> (q)
    keys = Shape <start = 1, end = 2> (k)
    all = Mul (batch, four)
    q_sizes = Concat <axis = 0> (all, queries, eight)
    k_sizes = Concat <axis = 0> (all, keys, eight)
    q_flat = Reshape (q_heads, q_sizes)
    k_flat = Reshape (k_heads, k_sizes)
    v_flat = Reshape (v_heads, k_sizes)
    k_turned = Transpose <perm = [0, 2, 1]> (k_flat)
    product = MatMul (q_flat, k_turned)
    scaled = Mul (product, scale)
    s_sizes = Concat <axis = 0> (batch, four, queries, keys)
    scores = Reshape (scaled, s_sizes)
    masked = Add (scores, mask)
    p = Softmax <axis = -1> (masked)
    p_sizes = Concat <axis = 0> (all, queries, keys)
    p_flat = Reshape (p, p_sizes)
    y_flat = MatMul (p_flat, v_flat)
    y_sizes = Concat <axis = 0> (batch, four, queries, eight)
    y = Reshape (y_flat, y_sizes)
}";

#[test]
fn layouts() {
    check_changes(
        FLAT,
        &[
            (
                "",
                "y = attention(q_heads, k_heads, v_heads) times 0.125, plus mask",
            ),
            // A bias for every batch and head, added in three axes.
            (
                "float[B, 4, T] slopes
                 one_row = Concat <axis = 0> (all, one, keys)
                 int64[1] one = {1}
                 flat = Reshape (slopes, one_row)
                 biased = Add (scaled, flat)
                 scores = Reshape (biased, s_sizes)",
                "slopes_axes = Unsqueeze (slopes, [2])\n\
                 slopes_axes_sum = Add (slopes_axes, mask)\n\
                 y = attention(q_heads, k_heads, v_heads) times 0.125, plus slopes_axes_sum",
            ),
        ],
    );
    check(&[
        (
            "(float[B, S, 4, 8] q, float[B, T, 4, 8] k, float[B, T, 4, 6] v) => (y) {
             scores = Einsum <equation = \"bsnd,btnd->bnst\"> (q, k)
             p = Softmax <axis = -1> (scores)
             y = Einsum <equation = \"bnst,btne->bnse\"> (p, v)
         }",
            "q_transposed = Transpose (q)\n\
         k_transposed = Transpose (k)\n\
         v_transposed = Transpose (v)\n\
         y = attention(q_transposed, k_transposed, v_transposed) times 1",
        ),
        (
            "(float[B, S, 4, 8] q, float[B, T, 4, 8] k, float[B, T, 4, 6] v) => (y) {
             scores = Einsum <equation = \"btnd,bsnd->bnst\"> (k, q)
             p = Softmax <axis = -1> (scores)
             y = Einsum <equation = \"bnst,btne->bsne\"> (p, v)
         }",
            "q_transposed = Transpose (q)\n\
         k_transposed = Transpose (k)\n\
         v_transposed = Transpose (v)\n\
         y = attention(q_transposed, k_transposed, v_transposed) times 1, queries first",
        ),
    ]);
}

/// One head, and all that is needed.
const PLAIN: &str = "(
    float[B, N, S, 8] q,
    float[B, N, T, 8] k,
    float[B, N, T, 8] v
) => (y) <
    float half = {0.5},
    float zero = {0.0},
    float hidden = {-3.4028235e38}
> {
    k_turned = Transpose <perm = [0, 1, 3, 2]> (k)
    product = MatMul (q, k_turned)
    scores = Mul (product, half)
    p = Softmax <axis = -1> (scores)
    y = MatMul (p, v)
}";

#[test]
fn what_is_no_attention_is_refused() {
    check_changes(
        PLAIN,
        &[
            ("", "y = attention(q, k, v) times 0.5"),
            // Probabilities.
            ("p = Softmax <axis = -2> (scores)", ""),
            (
                "sums = ReduceMax (p)
                 part = MatMul (p, v)
                 y = Add (part, sums)",
                "attention probabilities at p: the probabilities are used for something else as well",
            ),
            (
                "float[B, N, S, 8] v
                 turned = Transpose <perm = [0, 1, 3, 2]> (p)
                 y = MatMul (turned, v)",
                "attention probabilities at y: the product with the probabilities is not a sum over keys for every batch, head, query \
                 and channel",
            ),
            (
                "odd = IsNaN (scores)
                 kept = Where (odd, zero, p)
                 y = MatMul (kept, v)",
                "attention probabilities at kept: some probabilities are replaced after the softmax",
            ),
            (
                "level = ReduceMax (p)
                 y = Mul (v, level)",
                "",
            ),
            (
                "float[1, N, 1, 1] gates
                 gated = Mul (p, gates)
                 y = MatMul (gated, v)",
                "attention probabilities at gated: the probabilities are multiplied by something after the softmax",
            ),
            (
                "float step = {0.0039}
                 uint8 none = {0}
                 rounded = QuantizeLinear (p, step, none)
                 read = DequantizeLinear (rounded, step, none)
                 y = MatMul (read, v)",
                "attention probabilities at rounded: the probabilities pass through `QuantizeLinear`, which attention does not",
            ),
            (
                "float[B, N, S, 1] sinks
                 int64[1] first = {0}
                 int64[1] end = {-1}
                 int64[1] axis = {3}
                 joined = Concat <axis = -1> (scores, sinks)
                 whole = Softmax <axis = -1> (joined)
                 p = Slice (whole, first, end, axis)",
                "attention probabilities at p: some probabilities are cut off after the softmax: the operator has no keys without values \
                 (attention sinks)",
            ),
            (
                "float[B, N, 1, 8] k
                 float[B, N, 1, 8] v",
                "attention probabilities at p: the softmax goes over one key, so that every probability is 1",
            ),
            // Scores.
            (
                "gates = Sigmoid (product)
                 scores = Mul (product, gates)",
                "attention scores at scores: the scores are multiplied by a tensor that is not the same for all keys",
            ),
            (
                "float none = {0.0}
                 scores = Mul (product, none)",
                "attention scores at scores: the scores are not multiplied by one finite number other than 0",
            ),
            (
                "scores = Relu (product)",
                "attention scores at scores: the scores pass through `Relu`, which attention does not",
            ),
            (
                "float[1, 1, S, T] mask
                 float[1, N, 1, 1] gates
                 biased = Add (product, mask)
                 scores = Mul (biased, gates)",
                "attention scores at biased: a tensor is added to the scores before they are capped or multiplied by another",
            ),
            (
                "float[1, 1, S, T] mask
                 bool[1, 1, S, T] shown
                 chosen = Where (shown, product, hidden)
                 scores = Add (chosen, mask)",
                "attention scores at chosen: a number is put in the place of scores, and they are changed after that",
            ),
            (
                "float[B, N, S, 8] other
                 second = MatMul (other, k_turned)
                 scores = Add (product, second)",
                "attention scores at scores: the scores are the sum of two products of queries and keys",
            ),
            (
                "float[8, 8] weight
                 gate = MatMul (q, weight)
                 level = ReduceMean <axes = [-1]> (gate)
                 scores = Add (product, level)",
                "attention mask at level: the scores have a second term that depends on content",
            ),
            // Queries are whatever is multiplied on the left.
            (
                "q_turned = Transpose <perm = [0, 1, 3, 2]> (q)
                 product = MatMul (k, q_turned)",
                "y = attention(k, q, v) times 0.5",
            ),
            (
                "float two = {2.0}
                 float[1, 1, S, T] mask
                 biased = Add (product, mask)
                 larger = Tanh (biased)
                 scores = Mul (larger, two)",
                "attention scores at biased: a tensor is added to the scores before they are capped or multiplied by another",
            ),
            (
                "float tiny = {1e-30}
                 smaller = Mul (product, tiny)
                 scores = Mul (smaller, tiny)",
                "attention scores at y: the operator holds scale, softcap and fill in float, and these are not",
            ),
            // Masks.
            (
                "float[1, 1, T, S] mask
                 turned = Transpose <perm = [0, 1, 3, 2]> (product)
                 biased = Add (turned, mask)
                 scores = Transpose <perm = [0, 1, 3, 2]> (biased)",
                "attention mask at mask: what is added to the scores, or multiplied, does not lie along batch, heads, queries and keys",
            ),
            (
                "float[C, N, S, T] mask
                 scores = Add (product, mask)",
                "attention probabilities at y: the sizes of the probabilities and of the values are not known to be equal",
            ),
            // Operands.
            (
                "float[1, N, S, 8] q",
                "attention operands at q: no tensor of the graph holds the queries with axes for batch, heads, positions and channels",
            ),
        ],
    );
}
