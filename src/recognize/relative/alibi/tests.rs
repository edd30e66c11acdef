//! Biases by the distance in every spelling, and one graph for every condition that does not hold.

use crate::recognize::testing::check_changes;

/// The negative distance in either direction, times slopes.
const SYMMETRIC: &str = "(
    float[B, 4, S, S] scores,
    float[4, 1, 1] slopes,
    int64[B, S] ids
) => (y) <
    int64 none = {0},
    int64 one = {1},
    int64[1] front = {0},
    int64[1] behind = {1}
> {
    shape = Shape (ids)
    length = Gather (shape, one)
    places = Range (none, length, one)
    numbers = Cast <to = 1> (places)
    row = Unsqueeze (numbers, front)
    column = Unsqueeze (numbers, behind)
    distance = Sub (row, column)
    number = Abs (distance)
    minus = Neg (number)
    product = Mul (slopes, minus)
    bias = Unsqueeze (product, front)
    added = Add (scores, bias)
    y = Softmax <axis = -1> (added)
}";

const FOUND: &str = "bias = alibi(-slopes) [1, n, q, k] absolute, q at places, k at places, exact";

#[test]
fn spellings_of_the_distance() {
    check_changes(
        SYMMETRIC,
        &[
            ("", FOUND),
            // Signs, in every place.
            (
                "product = Mul (number, slopes)",
                "bias = alibi(slopes) [1, n, q, k] absolute, q at places, k at places, exact",
            ),
            (
                "positive = Mul (slopes, number)
                 product = Neg (positive)",
                FOUND,
            ),
            ("distance = Sub (column, row)", FOUND),
            (
                "product = Mul (slopes, distance)",
                "bias = alibi(slopes) [1, n, q, k], q at places, k at places, exact",
            ),
            (
                "distance = Sub (column, row)
                 product = Mul (slopes, distance)",
                "bias = alibi(-slopes) [1, n, q, k], q at places, k at places, exact",
            ),
            // Integers until the product.
            (
                "row = Unsqueeze (places, front)
                 column = Unsqueeze (places, behind)
                 whole = Abs (distance)
                 number = Cast <to = 1> (whole)",
                FOUND,
            ),
            // An outer product, and factors that are expanded before they are multiplied.
            (
                "float[4, 1] slopes
                 int64[2] flat = {1, -1}
                 int64[3] square = {4, 5, -1}
                 float[B, 4, 5, 5] scores
                 int64[B, 5] ids
                 list = Reshape (minus, flat)
                 all = MatMul (slopes, list)
                 product = Reshape (all, square)",
                "bias = alibi(-slopes) [1, n, q, k] absolute, q at 0 1 2 3 4, k at 0 1 2 3 4, exact",
            ),
            (
                "float[4] slopes
                 product = Einsum <equation = \"n,qk->nqk\"> (slopes, minus)",
                FOUND,
            ),
            (
                "int64[3] full = {4, 1, 1}
                 wide = Expand (slopes, full)
                 product = Mul (wide, minus)",
                FOUND,
            ),
            // Heads last.
            (
                "float[B, S, S, 4] scores
                 float[4] slopes
                 int64[1] end = {2}
                 numbers_of_heads = Unsqueeze (minus, end)
                 product = Mul (slopes, numbers_of_heads)",
                "bias = alibi(-slopes) [1, q, k, n] absolute, q at places, k at places, exact",
            ),
            // A product that several nodes move is computed once.
            (
                "other = Unsqueeze (product, front)
                 first = Add (scores, other)
                 added = Add (first, bias)",
                "product = alibi(-slopes) [n, q, k] absolute, q at places, k at places, exact",
            ),
        ],
    );
}

#[test]
fn slopes_are_any_numbers_of_heads() {
    check_changes(
        SYMMETRIC,
        &[
            (
                "float[4] heads
                 int64[2] last = {1, 2}
                 spread = Unsqueeze (heads, last)
                 product = Mul (spread, minus)",
                "bias = alibi(-heads) [1, n, q, k] absolute, q at places, k at places, exact",
            ),
            (
                "float[4] raised
                 int64[2] last = {1, 2}
                 heads = Exp (raised)
                 minus_heads = Neg (heads)
                 spread = Unsqueeze (minus_heads, last)
                 product = Mul (spread, minus)",
                "bias = alibi(-minus_heads) [1, n, q, k] absolute, q at places, k at places, exact",
            ),
        ],
    );
}

#[test]
fn what_is_no_distance_stays() {
    const NO_DISTANCE: &str = "alibi distance at product: the slopes are multiplied by a function of positions that is no distance";
    check_changes(
        SYMMETRIC,
        &[
            (
                "float unit = {1.0}
                 more = Add (number, unit)
                 logarithm = Log (more)
                 minus = Neg (logarithm)",
                NO_DISTANCE,
            ),
            ("minus = Mul (number, number)", NO_DISTANCE),
            ("distance = Mul (row, column)", NO_DISTANCE),
            // A mask that is part of the number.
            (
                "float zero = {0.0}
                 after = Greater (row, column)
                 number = Where (after, zero, distance)",
                NO_DISTANCE,
            ),
            // Twice the position: no tensor holds it.
            (
                "int64 two = {2}
                 row = Unsqueeze (places, front)
                 column = Unsqueeze (places, behind)
                 twice = Mul (distance, two)
                 number = Cast <to = 1> (twice)",
                "alibi positions at product: no tensors of the graph hold the positions of queries and keys",
            ),
            // A different slope for every key.
            ("float[4, 1, S] slopes", ""),
            // A number for each channel, of a rotation or a trend.
            ("y = Sin (added)", ""),
            (
                "wave = Cos (bias)
                 added = Add (scores, wave)",
                "",
            ),
        ],
    );
}

/// Positions of queries and of keys that are data.
const GIVEN: &str = "(
    float[B, 4, Q, K] scores,
    float[4, 1, 1] slopes,
    int32[B, Q] q,
    int32[B, K] k
) => (y) <
    int64[1] second = {1},
    int64[1] third = {2}
> {
    wide_q = Cast <to = 7> (q)
    wide_k = Cast <to = 7> (k)
    column = Unsqueeze (wide_q, third)
    row = Unsqueeze (wide_k, second)
    distance = Sub (row, column)
    plane = Unsqueeze (distance, second)
    number = Cast <to = 1> (plane)
    bias = Mul (slopes, number)
    added = Add (scores, bias)
    y = Softmax <axis = -1> (added)
}";

#[test]
fn distances_are_exact_and_rounded_once() {
    check_changes(
        GIVEN,
        &[
            (
                "",
                "bias = alibi(slopes) [b, n, q, k], q at wide_q, k at wide_k, exact",
            ),
            (
                "size = Abs (plane)
                 number = Cast <to = 1> (size)",
                "bias = alibi(slopes) [b, n, q, k] absolute, q at wide_q, k at wide_k, exact",
            ),
            (
                "exact = Cast <to = 1> (plane)
                 number = Abs (exact)",
                "bias = alibi(slopes) [b, n, q, k] absolute, q at wide_q, k at wide_k, exact",
            ),
            // Each position is rounded, as it may be beyond what the type holds.
            (
                "wide_q = Cast <to = 1> (q)
                 wide_k = Cast <to = 1> (k)
                 number = Identity (plane)",
                "alibi proof at bias: positions are rounded to `float` before their distance is taken",
            ),
            // A distance of 64-bit integers may wrap: it is no difference of positions.
            (
                "int64[B, Q] q
                 int64[B, K] k",
                "",
            ),
        ],
    );
}

/// BLOOM's bias: the places of tokens that are no padding, counted anew in each batch.
const COUNTED: &str = "(
    float[B, 4, S, S] scores,
    int64[B, S] mask
) => (y) <
    float[4, 1] slopes = {0.25, 0.0625, 0.015625, 0.00390625},
    int64 last = {-1},
    int64 one = {1},
    int64[1] second = {1},
    int64[4] square = {0, 4, 1, -1}
> {
    sum = CumSum (mask, last)
    before = Sub (sum, one)
    place = Mul (before, mask)
    middle = Unsqueeze (place, second)
    number = Cast <to = 1> (middle)
    product = Mul (slopes, number)
    bias = Reshape (product, square)
    added = Add (scores, bias)
    y = Softmax <axis = -1> (added)
}";

#[test]
fn positions_may_be_data() {
    check_changes(
        COUNTED,
        &[
            (
                "",
                "bias = alibi(slopes) [b, n, 1, k], q at 0, k at place, exact",
            ),
            (
                "bias = Identity (product)",
                "bias = alibi(slopes) [b, n, k], q at 0, k at place, exact",
            ),
            // The batch is merged with the heads after it, and the type narrowed.
            (
                "float16[B, 4, 5, 5] scores
                 int64[B, 5] mask
                 int64[3] merged = {-1, 1, 5}
                 rows = Reshape (product, merged)
                 bias = Cast <to = 10> (rows)",
                "product = alibi(slopes) [b, n, k], q at 0, k at place, exact",
            ),
            // Positions of one sequence.
            (
                "int64[1, S] mask",
                "bias = alibi(slopes) [1, n, 1, k], q at 0, k at place[1], exact",
            ),
            // Floats are no positions.
            (
                "float[B, S] given
                 place = Identity (given)",
                "",
            ),
            // The narrow type does not hold every position.
            (
                "float16[B, 4, S, S] scores
                 narrow = Cast <to = 10> (slopes)
                 number = Cast <to = 10> (middle)
                 product = Mul (narrow, number)",
                "alibi proof at product: positions are rounded to `float16` before the slopes multiply them",
            ),
        ],
    );
}

/// MPT's bias: the keys are counted back from the last one.
const COUNTED_BACK: &str = "(
    float[B, 4, S, S] scores
) => (y) <
    float[4, 1] slopes = {0.25, 0.0625, 0.015625, 0.00390625},
    int64 axis = {3},
    int64 none = {0},
    int64 one = {1},
    int64[1] front = {0},
    int64[2] units = {0, 2}
> {
    shape = Shape (scores)
    length = Gather (shape, axis)
    end = Sub (length, one)
    first = Sub (one, length)
    places = Range (first, one, one)
    row = Unsqueeze (places, front)
    number = Cast <to = 1> (row)
    product = Mul (slopes, number)
    bias = Unsqueeze (product, units)
    added = Add (scores, bias)
    y = Softmax <axis = -1> (added)
}";

#[test]
fn one_query_may_be_the_last_key() {
    check_changes(
        COUNTED_BACK,
        &[
            (
                "",
                "bias = alibi(slopes) [1, n, 1, k], q at 0, k at places, exact",
            ),
            (
                "counted = Range (none, length, one)
                 places = Sub (counted, end)",
                "bias = alibi(slopes) [1, n, 1, k], q at 0, k at places, exact",
            ),
            // Known lengths.
            (
                "float[B, 4, 3, 3] scores",
                "bias = alibi(slopes) [1, n, 1, k], q at 2, k at 0 1 2, exact",
            ),
        ],
    );
}
