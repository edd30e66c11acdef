//! Tables of biases that are cut to the length of the scores.

use crate::recognize::testing::check_changes;

/// A table of the magnitudes of distances, of which the last rows and columns are cut.
const SQUARE: &str = "(
    float[2, 2, 2, 2] scores
) => (y) <
    float[2, 3, 3] table = {0, -0.5, -1, -0.5, 0, -0.5, -1, -0.5, 0, 0, -0.3, -0.6, -0.3, 0, -0.3, -0.6, -0.3, 0},
    int64[1] start = {1},
    int64[1] front = {0},
    int64[1] second = {1},
    int64[1] third = {2},
    int64[1] far = {9223372036854775807}
> {
    rows = Slice (table, start, far, second)
    cut = Slice (rows, start, far, third)
    bias = Unsqueeze (cut, front)
    added = Add (scores, bias)
    y = Softmax <axis = -1> (added)
}";

const PART: &str = "table_part = Slice (table, [0, 1], [1, 2], [1, 2], [1, 1])";

#[test]
fn tables_hold_every_distance() {
    let found = format!(
        "{PART}\nbias = alibi(table_part) [1, n, q, k] absolute met, q at 0 1, k at 0 1, exact"
    );
    check_changes(
        SQUARE,
        &[
            ("", &found),
            // Distances with their sign.
            (
                "float[2, 3, 3] table = {0, -0.5, -1, 0.5, 0, -0.5, 1, 0.5, 0, 0, -0.3, -0.6, 0.3, 0, -0.3, 0.6, 0.3, 0}",
                &found.replace(" absolute", ""),
            ),
            // One element is another.
            (
                "float[2, 3, 3] table = {0, -0.5, -1, -0.5, 0, -0.5, -1, -0.5, 0, 0, -0.3, -0.6, -0.3, 0, -0.3, -0.6, -0.3, 0.1}",
                "",
            ),
            // Squares.
            (
                "float[2, 3, 3] table = {0, -0.5, -2, -0.5, 0, -0.5, -2, -0.5, 0, 0, -0.3, -1.2, -0.3, 0, -0.3, -1.2, -0.3, 0}",
                "",
            ),
            // Nothing.
            (
                "float[2, 3, 3] table = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}",
                "",
            ),
            // Two keys are always in a progression.
            (
                "float[2, 2, 2, 2] scores
                 int64[1] start = {0}
                 float[2, 2, 2] table = {0, -0.5, -0.5, 0, 0, -0.3, -0.3, 0}",
                "",
            ),
            // The bias of no attention.
            ("y = Sin (added)", ""),
        ],
    );
}

/// MPT's table, of which every row ends at 0 with the last key.
const ROWS: &str = "(
    float[2, 2, S, S] scores
) => (y) <
    float[2, 1, 4] table = {-1.5, -1, -0.5, 0, -0.75, -0.5, -0.25, 0},
    int64 none = {0},
    int64 axis = {3},
    int64 all = {4},
    int64[1] front = {0},
    int64[1] third = {2},
    int64[1] far = {9223372036854775807}
> {
    shape = Shape (scores)
    length = Gather (shape, axis)
    less = Sub (all, length)
    excess = Max (less, none)
    start = Unsqueeze (excess, front)
    cut = Slice (table, start, far, third)
    bias = Unsqueeze (cut, front)
    added = Add (scores, bias)
    y = Softmax <axis = -1> (added)
}";

#[test]
fn rows_that_end_with_the_last_key_are_left() {
    check_changes(
        ROWS,
        &[
            (
                "",
                "alibi proof at cut: a row for each head is cut from a constant, which costs less than computing it",
            ),
            // A row that is no progression is nothing like a bias.
            (
                "float[2, 1, 4] table = {-1.5, -1, -0.4, 0, -0.75, -0.5, -0.25, 0}",
                "",
            ),
        ],
    );
}
