//! What happens to scores in front of the softmax, and what masks are proven to hide.

use crate::recognize::testing::check_changes;

use super::PLAIN;

#[test]
fn what_happens_to_scores() {
    check_changes(
        PLAIN,
        &[
            // What is added before scores are scaled is scaled with them.
            (
                "float[1, 1, S, T] mask
                 biased = Add (product, mask)
                 scores = Mul (biased, half)",
                "mask_scaled = Mul (mask, mask_scaled_factor)\n\
                 y = attention(q, k, v) times 0.5, plus mask_scaled",
            ),
            (
                "float two = {2.0}
                 float[1, 1, S, T] mask
                 biased = Sub (product, mask)
                 larger = Mul (biased, two)
                 scores = Mul (larger, half)",
                "mask_negated = Neg (mask)\n\
                 y = attention(q, k, v) times 1, plus mask_negated",
            ),
            // A factor for each head, or for each query.
            (
                "float[N, 1, 1] warmth
                 scores = Mul (product, warmth)",
                "q_product = Mul (q, warmth)\n\
                 y = attention(q_product, k, v) times 1",
            ),
            (
                "float[1, S, 1] warmth
                 cooler = Div (product, warmth)
                 scores = Mul (half, cooler)",
                "q_quotient = Div (q, warmth)\n\
                 y = attention(q_quotient, k, v) times 0.5",
            ),
            (
                "float[1, 1, T] warmth
                 scores = Mul (product, warmth)",
                "attention scores at scores: the scores are multiplied by a tensor that is not the same for all keys",
            ),
            (
                "float[N, 1, 1] warmth
                 bent = Tanh (product)
                 scores = Mul (bent, warmth)",
                "attention scores at bent: the scores are capped, and multiplied by a tensor after that",
            ),
            // A choice that is spelled with numbers.
            (
                "bool[B, 1, S, T] shown
                 absent = Not (shown)
                 yes = Cast <to = 1> (shown)
                 no = Cast <to = 1> (absent)
                 scaled = Mul (product, half)
                 kept = Mul (yes, scaled)
                 filled = Mul (hidden, no)
                 scores = Add (kept, filled)",
                "y = attention(q, k, v) times 0.5, shown else -340282350000000000000000000000000000000",
            ),
            (
                "bool[B, 1, S, T] shown
                 float one = {1.0}
                 yes = Cast <to = 1> (shown)
                 no = Sub (one, yes)
                 kept = Mul (product, yes)
                 filled = Mul (no, hidden)
                 scores = Add (filled, kept)",
                "y = attention(q, k, v) times 1, shown else -340282350000000000000000000000000000000",
            ),
            (
                "bool[B, 1, S, T] shown
                 bool[B, 1, S, T] other
                 absent = Not (other)
                 yes = Cast <to = 1> (shown)
                 no = Cast <to = 1> (absent)
                 kept = Mul (yes, product)
                 filled = Mul (hidden, no)
                 scores = Add (kept, filled)",
                "attention scores at kept: the scores are multiplied by a tensor that is not the same for all keys",
            ),
            // Sizes of tensors that go with the attention.
            (
                "sizes = Shape (p)
                 same = Reshape (p, sizes)
                 y = MatMul (same, v)",
                "y = attention(q, k, v) times 0.5",
            ),
            (
                "none = CastLike (hidden, scores)
                 bool[B, 1, S, T] shown
                 chosen = Where (shown, scores, none)
                 p = Softmax <axis = -1> (chosen)",
                "y = attention(q, k, v) times 0.5, shown else -340282350000000000000000000000000000000",
            ),
            (
                "sizes = Shape (scores)
                 wide = Expand (half, sizes)
                 biased = Add (scores, wide)
                 p = Softmax <axis = -1> (biased)",
                "attention scores at scores: the scores are used for something else as well: what is computed from their shape",
            ),
        ],
    );
}

/// Queries and keys within a window on either side, and a bias for padding.
const WINDOW: &str = "(
    float[B, N, S, 8] q,
    float[B, N, T, 8] k,
    float[B, N, T, 8] v,
    bool[B, T] valid
) => (y) <
    float zero = {0.0},
    float hidden = {-3.4028235e38},
    int64 first = {0},
    int64 one = {1},
    int64 width = {5},
    int64[1] second = {1},
    int64[2] middle = {1, 2},
    int64[2] last = {-1, 1}
> {
    k_turned = Transpose <perm = [0, 1, 3, 2]> (k)
    product = MatMul (q, k_turned)
    queries = Shape <start = 2, end = 3> (q)
    keys = Shape <start = 2, end = 3> (k)
    count = Squeeze (queries)
    total = Squeeze (keys)
    past = Sub (total, count)
    rows = Range (first, count, one)
    places = Add (rows, past)
    columns = Range (first, total, one)
    row = Reshape (places, last)
    distance = Sub (row, columns)
    apart = Abs (distance)
    near = LessOrEqual (apart, width)
    bias = Where (near, zero, hidden)
    padded = Unsqueeze (valid, middle)
    padding = Where (padded, zero, hidden)
    biased = Add (product, padding)
    scores = Add (biased, bias)
    p = Softmax <axis = -1> (scores)
    y = MatMul (p, v)
}";

#[test]
fn windows() {
    let all = "padding_sum = Add (padding, bias)\n\
               y = attention(q, k, v) times 1, plus padding_sum";
    check_changes(
        WINDOW,
        &[
            ("", &format!("{all}, 5 before, 5 behind")),
            (
                "near = Less (apart, width)",
                &format!("{all}, 4 before, 4 behind"),
            ),
            (
                "near = LessOrEqual (distance, width)",
                &format!("{all}, 5 before"),
            ),
            (
                "near = LessOrEqual (columns, row)",
                &format!("{all}, causal"),
            ),
            (
                "close = Less (distance, width)
                 before = LessOrEqual (columns, row)
                 near = And (close, before)",
                &format!("{all}, causal, 4 before"),
            ),
            // A bias that the other one may outweigh.
            (
                "float[B, 1, 1, T] other
                 biased = Add (product, other)",
                "other_sum = Add (other, bias)\n\
                 y = attention(q, k, v) times 1, plus other_sum",
            ),
            (
                "float[B, 1, 1, T] other
                 biased = Add (product, other)
                 scores = Where (near, biased, hidden)",
                "y = attention(q, k, v) times 1, plus other, near else -340282350000000000000000000000000000000, 5 before, 5 behind",
            ),
        ],
    );
}

/// Four windows an image, each with a mask of its own.
const SHIFTED: &str = "(
    float[R, 2, 9, 8] q,
    float[R, 2, 9, 8] k,
    float[R, 2, 9, 8] v,
    float[2, 9, 9] table,
    float[1, 4, 1, 9, 9] mask
) => (y) <
    int64[5] apart = {-1, 4, 2, 9, 9},
    int64[4] together = {-1, 2, 9, 9}
> {
    k_turned = Transpose <perm = [0, 1, 3, 2]> (k)
    product = MatMul (q, k_turned)
    biased = Add (product, table)
    images = Reshape (biased, apart)
    masked = Add (images, mask)
    scores = Reshape (masked, together)
    p = Softmax <axis = -1> (scores)
    y = MatMul (p, v)
}";

#[test]
fn masks_that_repeat() {
    const LARGE: i64 = i64::MAX;
    let repeated = |mask: &str| {
        format!(
            "q_shape = Shape (q)\n\
             q_shape_parts = Div (q_shape, [4, {LARGE}, {LARGE}, {LARGE}])\n\
             q_shape_parts_moved = Add (q_shape_parts, [0, 1, 1, 1])\n\
             {mask}_repeated = Tile ({mask}, q_shape_parts_moved)\n"
        )
    };
    check_changes(
        SHIFTED,
        &[
            (
                "",
                &format!(
                    "mask_rows = Squeeze (mask, [0, 2])\n\
                     mask_rows_axes = Unsqueeze (mask_rows, [1])\n\
                     {}table_sum = Add (table, mask_rows_axes_repeated)\n\
                     y = attention(q, k, v) times 1, plus table_sum",
                    repeated("mask_rows_axes")
                ),
            ),
            // One for each window and head, without the table.
            (
                "float[4, 2, 9, 9] mask
                 biased = Identity (product)",
                &format!(
                    "{}y = attention(q, k, v) times 1, plus mask_repeated",
                    repeated("mask")
                ),
            ),
            // Each window of an image in turn, and not each image of a window.
            (
                "int64[5] apart = {4, -1, 2, 9, 9}
                 float[4, 1, 1, 9, 9] mask",
                "attention mask at mask: what is added to the scores, or multiplied, does not lie along batch, heads, queries and keys",
            ),
        ],
    );
}
