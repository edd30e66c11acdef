//! Biases and gathered scores, as they are spelled, and graphs that break one condition each.

use crate::recognize::testing::check_changes;

/// A bias of clipped distances between counted positions.
const BIAS: &str = "(
    float[5, 3] table,
    float[Q, K] x
) => (y) <
    int64 none = {0},
    int64 one = {1},
    int64[1] first = {0},
    int64[1] second = {1},
    int64 low = {-2},
    int64 high = {2}
> {
    shape = Shape (x)
    n = Gather (shape, none)
    m = Gather (shape, one)
    q = Range (none, n, one)
    k = Range (none, m, one)
    row = Unsqueeze (q, second)
    column = Unsqueeze (k, first)
    d = Sub (column, row)
    near = Clip (d, low, high)
    index = Add (near, high)
    rows = Identity (table)
    picked = Gather (rows, index)
    y = Transpose <perm = [2, 0, 1]> (picked)
    used = Softmax (y)
}";

/// What is found in [`BIAS`].
const FOUND: &str = "y = bias(table) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact";

#[test]
fn tables_in_any_order_of_axes() {
    check_changes(
        BIAS,
        &[
            ("", FOUND),
            (
                "float[3, 5] table
                 y = Gather <axis = 1> (rows, index)",
                "y = bias(table[n, r]) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            (
                "float[3, 5] table
                 rows = Transpose (table)",
                "y = bias(table[n, r]) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            (
                "float[1, 5, 3] table
                 rows = Squeeze (table, first)",
                "y = bias(table[1, r, n]) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            (
                "float[5] numbers = {0.5, 2.0, 1.0, -4.0, 5.5}
                 rows = Identity (numbers)
                 y = Identity (picked)",
                "y = bias(numbers[r]) [q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            // Rows are taken by a mask.
            (
                "float[5, 3] numbers = {0.5, 2.0, 1.0, -4.0, 5.5, 1.5, 2.5, 3.5, 4.5, 6.5, 7.5, 8.5, 9.5, 1.0, 2.0}
                 int64[5] places = {0, 1, 2, 3, 4}
                 int64[1] last = {-1}
                 rows = Identity (numbers)
                 column_of = Unsqueeze (index, last)
                 same = Equal (column_of, places)
                 mask = Cast <to = 1> (same)
                 picked = MatMul (mask, rows)",
                "y = bias(numbers) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            // A vector that is computed is no table.
            (
                "float[5] table
                 y = Identity (picked)",
                "",
            ),
        ],
    );
}

#[test]
fn tables_that_are_computed() {
    check_changes(
        BIAS,
        &[
            (
                "float half = {0.5}
                 rows = Mul (table, half)",
                "y = bias(rows) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            (
                "float16[5, 3] table
                 rows = Cast <to = 1> (table)",
                "y = bias(rows) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            (
                "float[2, 3] table
                 float[3, 3] more
                 rows = Concat <axis = 0> (table, more)",
                "y = bias(rows) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            (
                "int64[2] heads = {1, 3}
                 int64[1] from = {1}
                 int64[1] end = {3}
                 rows = Slice (table, from, end, second)",
                "y = bias(rows) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
        ],
    );
}

#[test]
fn distances() {
    check_changes(
        BIAS,
        &[
            // Half a distance that is never negative, of keys after all queries.
            (
                "float[3, 4] x
                 last = Add (m, high)
                 k = Range (high, last, one)
                 half = Div (d, high)
                 near = Clip (half, low, high)",
                "y = bias(table) [n, q, k] by 2*2 3*2 4, q at 0 1 2, k at 0 1 2 3, exact",
            ),
            // Positions or distances are doubled.
            (
                "twice = Add (q, q)
                 more = Add (k, k)
                 row = Unsqueeze (twice, second)
                 column = Unsqueeze (more, first)",
                "y = bias(table) [n, q, k] by 0 1 2 3 4, q at twice, k at more, exact",
            ),
            (
                "apart = Sub (column, row)
                 d = Mul (apart, high)",
                "y = bias(table) [n, q, k] by 0 2 4, q at q, k at k, exact",
            ),
            // One query, after all keys.
            (
                "d = Sub (column, m)",
                "y = bias(table) [n, 1, k] by 0 1 2 3 4, q at m, k at k, exact",
            ),
            // Rows before channels are embeddings.
            (
                "d = Sub (column, m)
                 y = Identity (picked)",
                "",
            ),
            // The place of a key is no distance, nor is that of a channel.
            (
                "near = Clip (column, low, high)
                 index = Add (near, high)",
                "",
            ),
            // Nothing bounds positions in int64.
            (
                "int64[Q] given
                 q = Identity (given)",
                "relative-bias distance at picked: the distance may not fit int64: nothing bounds the positions",
            ),
            (
                "int32[Q] short
                 q = Cast <to = 7> (short)",
                "y = bias(table) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
            ),
            // A byte keeps the last bits of a distance.
            (
                "byte = Cast <to = 3> (d)
                 whole = Cast <to = 7> (byte)
                 near = Clip (whole, low, high)",
                "relative-bias lut at picked: the index is not proven to stay the same beyond a distance of 32768",
            ),
            // ONNX Runtime does not round to half precision between these casts.
            (
                "float single = {1200.0}
                 far = Cast <to = 10> (single)
                 size = Abs (d)
                 half = Cast <to = 10> (size)
                 steps = Div (half, far)
                 whole = Cast <to = 7> (steps)
                 near = Clip (whole, low, high)",
                "relative-bias lut at picked: the index at a distance of -2399 depends on how a number is rounded",
            ),
        ],
    );
}

/// What is moved on from a bias reads it.
#[test]
fn a_bias_that_is_read_twice_is_one_site() {
    check_changes(
        BIAS,
        &[(
            "moved = Transpose <perm = [2, 0, 1]> (picked)
             less = Neg (moved)
             more = Unsqueeze (moved, first)
             y = Add (less, more)",
            "moved = bias(table) [n, q, k] by 0 1 2 3 4, q at q, k at k, exact",
        )],
    );
}

/// The shift of Transformer-XL, of scores whose number of columns has a clamp that counts for nothing where there is a query.
const SHIFT: &str = "(
    float[B, 2, T, 1] x
) => (y) <
    int64 none = {0},
    int64 one = {1},
    int64[1] zero = {0},
    int64[1] unit = {1},
    int64[1] two = {2},
    int64[1] three = {3},
    int64[1] four = {4},
    int64[8] pads = {0, 0, 0, 1, 0, 0, 0, 0},
    int64[1] far = {9223372036854775807}
> {
    sizes = Shape (x)
    lead = Slice (sizes, zero, two)
    t = Slice (sizes, two, three)
    twice = Mul (t, two)
    width = Sub (twice, unit)
    count = Squeeze (width)
    r = Range (none, count, one)
    float = Cast <to = 1> (r)
    sine = Sin (float)
    scores = Mul (x, sine)
    padded = Pad (scores, pads)
    whole = Shape (scores)
    w = Slice (whole, three, four)
    longer = Add (w, unit)
    tall = Concat <axis = 0> (lead, longer, t)
    turned = Reshape (padded, tall)
    dropped = Slice (turned, unit, far, two)
    back = Reshape (dropped, whole)
    y = Slice (back, zero, t, three)
}";

#[test]
fn shifts() {
    check_changes(
        SHIFT,
        &[
            (
                "",
                "y = gather(scores) by columns, q at 0..scores.2, k at 0..scores.2, exact",
            ),
            (
                "side = Concat <axis = 0> (lead, t, unit)
                 empty = ConstantOfShape (side)
                 padded = Concat <axis = 3> (empty, scores)",
                "y = gather(scores) by columns, q at 0..scores.2, k at 0..scores.2, exact",
            ),
            // The padding is read.
            ("int64[8] pads = {0, 0, 0, 0, 0, 0, 0, 1}", ""),
        ],
    );
}
