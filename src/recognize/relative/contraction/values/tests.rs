//! Relative values in two spellings, and sums that are none.

use crate::recognize::testing::check_changes;

/// Shaw's: rows are gathered by the distance of every query and key.
const VALUES: &str = "(
    float[5, 2, 5] scores
) => (y) <
    float[9, 4] table = {-2.0, 1.5, -1.5, 2.0, -1.0, 2.5, -0.5, 3.0, 0.0, 3.5, 0.5, 4.0, 1.0, -2.0, 1.5, -1.5, 2.0, -1.0, \
                          2.5, -0.5, 3.0, 0.0, 3.5, 0.5, 4.0, 1.0, -2.0, 1.5, -1.5, 2.0, -1.0, 2.5, -0.5, 3.0, 0.0, 3.5},
    int64[5] p = {0, 1, 2, 3, 4},
    int64 one = {1},
    int64 middle = {4},
    int64 low = {-4},
    int64[1] first = {0},
    int64[1] second = {1}
> {
    i = Unsqueeze (p, second)
    j = Unsqueeze (p, first)
    d = Sub (j, i)
    near = Clip (d, low, middle)
    index = Add (near, middle)
    rows = Gather (table, index)
    y = MatMul (scores, rows)
}";

const MISS: &str = "relative-gather target at y: every query adds up rows of a table, weighted by the scores of the keys at their distances: \
                    relative values, for which there is no operator";

#[test]
fn rows_that_are_gathered() {
    check_changes(
        VALUES,
        &[
            ("", MISS),
            // One row for each key, which is the value of the key.
            (
                "index = Add (p, one)
                 y = MatMul (scores, rows)",
                "",
            ),
            // Rows of the caller's.
            ("float[9, 4] given\ntable = Identity (given)", ""),
            // Other weights for every distance than the scores.
            (
                "float[1, 2, 5] gate
                 y = MatMul (gate, rows)",
                "",
            ),
        ],
    );
}

/// VITS's: scores are moved from keys to distances.
const MOVED: &str = "(
    float[1, 2, 5, 5] scores
) => (y) <
    float[1, 9, 4] table = {-2.0, 1.5, -1.5, 2.0, -1.0, 2.5, -0.5, 3.0, 0.0, 3.5, 0.5, 4.0, 1.0, -2.0, 1.5, -1.5, 2.0, -1.0, \
                          2.5, -0.5, 3.0, 0.0, 3.5, 0.5, 4.0, 1.0, -2.0, 1.5, -1.5, 2.0, -1.0, 2.5, -0.5, 3.0, 0.0, 3.5},
    int64[8] right = {0, 0, 0, 0, 0, 0, 0, 4},
    int64[3] flat = {1, 2, 45},
    int64[6] left = {0, 0, 5, 0, 0, 0},
    int64[4] square = {1, 2, 5, 10},
    int64[1] one = {1},
    int64[1] far = {10},
    int64[1] last = {-1}
> {
    weights = Identity (scores)
    wide = Pad (weights, right)
    long = Reshape (wide, flat)
    longer = Pad (long, left)
    skewed = Reshape (longer, square)
    moved = Slice (skewed, one, far, last)
    y = MatMul (moved, table)
}";

#[test]
fn scores_that_are_moved() {
    check_changes(
        MOVED,
        &[
            ("", MISS),
            // Scores with as many keys as the table has rows.
            (
                "float[1, 2, 5, 9] scores
                 moved = Identity (weights)",
                "",
            ),
        ],
    );
}
