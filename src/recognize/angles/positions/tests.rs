//! Tensors read as positions.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

/// A rotation of halves by two coordinates, each of which has one frequency.
const STREAMS: &str = "(
    float[S, 4] x,
    int64[S, 2] pos
) => (y) <
    float f = {1.0},
    float g = {0.25},
    int64[1] zero = {0},
    int64[1] one = {1},
    int64[1] two = {2}
> {
    row = Slice (pos, zero, one, one)
    column = Slice (pos, one, two, one)
    r = Cast <to = 1> (row)
    c = Cast <to = 1> (column)
    a = Mul (r, f)
    b = Mul (c, g)
    angle = Concat <axis = -1> (a, b, a, b)
    cos = Cos (angle)
    sin = Sin (angle)
    low, high = Split <axis = -1, num_outputs = 2> (x)
    minus = Neg (high)
    turned = Concat <axis = -1> (minus, low)
    left = Mul (x, cos)
    right = Mul (turned, sin)
    y = Add (left, right)
}";

#[test]
fn one_stream() {
    check_changes(
        ROTATION,
        &[
            ("", FOUND),
            ("int32[S] pos", FOUND),
            (
                "float[S] pos
                 p = Identity (pos)",
                FOUND,
            ),
            // Positions have 32 bits or more: read where they have.
            (
                "float16[S] pos
                 p = Cast <to = 1> (pos)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            // Counted from 0.
            (
                "int64 zero = {0}
                 int64 one = {1}
                 size = Shape <start = 0, end = 1> (x)
                 scalar = Squeeze (size)
                 range = Range (zero, scalar, one)
                 p = Cast <to = 1> (range)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of range * freq",
            ),
        ],
    );
}

#[test]
fn several_streams() {
    check_changes(
        STREAMS,
        &[
            // As many streams as angles are the angles themselves.
            (
                "",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed",
            ),
            // Taken out by a slice, or by an index.
            (
                "float[S, 8] x
                 float[2] f = {1.0, 0.5}
                 float[2] g = {0.25, 0.125}",
                "y = rotary(x, cos, sin) half 0..8 of 8, rotation, computed, table of pos along 1 * [1.0, 0.5, 0.0, 0.0] and \
                 [0.0, 0.0, 0.25, 0.125]",
            ),
            (
                "float[S, 8] x
                 float[2] f = {1.0, 0.5}
                 float[2] g = {0.25, 0.125}
                 row = Gather <axis = 1> (pos, zero)
                 column = Gather <axis = 1> (pos, one)",
                "y = rotary(x, cos, sin) half 0..8 of 8, rotation, computed, table of pos along 1 * [1.0, 0.5, 0.0, 0.0] and \
                 [0.0, 0.0, 0.25, 0.125]",
            ),
            // Coordinates that are told apart.
            (
                "float[S, 2] pos
                 float[S, 8] x
                 float[2] f = {1.0, 0.5}
                 float[2] g = {0.25, 0.125}
                 r = Identity (row)
                 c = Identity (column)",
                "y = rotary(x, cos, sin) half 0..8 of 8, rotation, computed, table of pos along 1 * [1.0, 0.5, 0.0, 0.0] and \
                 [0.0, 0.0, 0.25, 0.125]",
            ),
        ],
    );
}

#[test]
fn constants_are_a_table() {
    check_changes(
        ROTATION,
        &[(
            "float[3, 4] x
             int64[3] pos0 = {0, 1, 2}
             p = Cast <to = 1> (pos0)",
            "y = rotary(x, cos, sin) half 0..4 of 4, rotation, table",
        )],
    );
}
