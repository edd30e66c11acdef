//! Lookups in every spelling, and one graph for each condition that breaks it alone.

use crate::recognize::testing::check_changes;

/// Rows of the positions 0 to 5 with the frequencies 0.5 and 0.25.
const LOOKUP: &str = "(
    int64[B, S] ids,
    float[B, S, 4] h
) => (y) <
    float[6, 4] w = {0, 0, 1, 1, 0.47942555, 0.24740396, 0.87758255, 0.9689124, 0.84147096, 0.47942555, 0.5403023, 0.87758255, \
                     0.997495, 0.6816388, 0.0707372, 0.7316889, 0.9092974, 0.84147096, -0.41614684, 0.5403023, 0.5984721, \
                     0.9489846, -0.8011436, 0.3153224},
    int64 zero = {0},
    int64 one = {1},
    int64[1] none = {0},
    int64[1] last = {-1},
    float two = {2.0}
> {
    sizes = Shape (ids)
    length = Gather (sizes, one)
    places = Range (zero, length, one)
    rows = Gather (w, places)
    y = Add (h, rows)
}";

const FOUND: &str = "rows = sinusoidal(places, [0.5, 0.25]) half, 6 rows of w in float";

#[test]
fn lookups() {
    check_changes(
        LOOKUP,
        &[
            ("", FOUND),
            // Positions that may be negative count from the end.
            (
                "rows = Gather (w, ids)",
                "rows = sinusoidal(ids wrapped at 6, [0.5, 0.25]) half, 6 rows of w in float",
            ),
            // They are flattened and brought back.
            (
                "flat = Reshape (ids, last)
                 picked = Gather (w, flat)
                 four = Shape (h)
                 rows = Reshape (picked, four)",
                "picked = sinusoidal(flat wrapped at 6, [0.5, 0.25]) half, 6 rows of w in float",
            ),
            // A mask takes rows, of positions that are proven to have one.
            (
                "int64 five = {5}
                 int64[6] all = {0, 1, 2, 3, 4, 5}
                 near = Clip (ids, zero, five)
                 column = Unsqueeze (near, last)
                 same = Equal (column, all)
                 mask = Cast <to = 1> (same)
                 rows = MatMul (mask, w)",
                "rows = sinusoidal(near, [0.5, 0.25]) half, 6 rows of w in float",
            ),
            // A slice counts its rows: the addition fails where it is shorter than the sequence.
            (
                "end = Shape <start = 1, end = 2> (ids)
                 rows = Slice (w, none, end, none)",
                "rows = sinusoidal(count ids.1, [0.5, 0.25]) half, 6 rows of w in float, met",
            ),
            // Cut, then looked up.
            (
                "end = Shape <start = 1, end = 2> (ids)
                 cut = Slice (w, none, end, none)
                 rows = Gather (cut, places)",
                FOUND,
            ),
        ],
    );
}

/// The numbers of [`LOOKUP`], added as they are.
const ADDED: &str = "(
    float[B, 6, 4] h
) => (y) <
    float[1, 6, 4] w = {0, 0, 1, 1, 0.47942555, 0.24740396, 0.87758255, 0.9689124, 0.84147096, 0.47942555, 0.5403023, 0.87758255, \
                        0.997495, 0.6816388, 0.0707372, 0.7316889, 0.9092974, 0.84147096, -0.41614684, 0.5403023, 0.5984721, \
                        0.9489846, -0.8011436, 0.3153224}
> {
    y = Add (h, w)
}";

#[test]
fn tables_that_are_added() {
    check_changes(
        ADDED,
        &[
            (
                "",
                "w = sinusoidal(0..6 with [0], [0.5, 0.25]) half, 6 rows of w in float",
            ),
            // Multiplied, or read by more than one node.
            ("y = Mul (h, w)", ""),
            (
                "z = Neg (w)
                 sum = Add (h, w)
                 y = Add (sum, z)",
                "",
            ),
        ],
    );
}

#[test]
fn what_is_left() {
    check_changes(
        LOOKUP,
        &[
            // A number that is off by the rounding of a sine, and one that is off by more.
            (
                "float[6, 4] w = {0, 0, 1, 1, 0.47942555, 0.24740396, 0.87758255, 0.9689124, 0.84147096, 0.47942555, 0.5403023, 0.8775825, \
                 0.997495, 0.6816388, 0.0707372, 0.7316889, 0.9092974, 0.84147096, -0.41614684, 0.5403023, 0.5984721, \
                 0.9489846, -0.8011436, 0.3153224}",
                FOUND,
            ),
            (
                "float[6, 4] w = {0, 0, 1, 1, 0.47942555, 0.24740396, 0.87758255, 0.9689124, 0.84147096, 0.47942555, 0.5403023, 0.87758255, \
                 0.997495, 0.6816388, 0.0707372, 0.7316889, 0.9092974, 0.84147096, -0.41614684, 0.5403023, 0.5984721, \
                 0.9489846, -0.8011436, 0.3153234}",
                "",
            ),
            // A table of the caller's.
            (
                "float[6, 4] given
                 w = Identity (given)",
                "",
            ),
            // Channels in another order, or some of them.
            (
                "int64[4] order = {1, 0, 2, 3}
                 turned = Gather <axis = 1> (w, order)
                 rows = Gather (turned, places)",
                "",
            ),
            (
                "half = Slice (w, none, two_rows, one_axis)
                 int64[1] two_rows = {2}
                 int64[1] one_axis = {1}
                 float[B, S, 2] h
                 rows = Gather (half, places)",
                "",
            ),
        ],
    );
}
