//! Tensors that hold wanted coefficients.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

#[test]
fn widths() {
    check_changes(
        ROTATION,
        &[
            // One a pair, or one a channel.
            (
                "cos = Cos (angle)
                 sin = Sin (angle)
                 a = Mul (low, cos)
                 b = Mul (high, sin)
                 c = Mul (high, cos)
                 left = Mul (low, sin)
                 first = Sub (a, b)
                 right = Add (c, left)
                 y = Concat <axis = -1> (first, right)",
                FOUND,
            ),
            ("", FOUND),
        ],
    );
}

#[test]
fn axes_to_insert() {
    check_changes(
        ROTATION,
        &[
            // Heads after the sequence, and before it.
            (
                "float[S, H, 4] x
                 int64[1] one = {1}
                 cos0 = Cos (angles)
                 sin0 = Sin (angles)
                 cos = Unsqueeze (cos0, one)
                 sin = Unsqueeze (sin0, one)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq at [1]",
            ),
            ("float[H, S, 4] x", FOUND),
            // Of two axes of one size, the one that the graph broadcasts along.
            ("float[S, S, 4] x", FOUND),
            (
                "float[S, S, 4] x
                 int64[1] one = {1}
                 wide = Unsqueeze (angles, one)
                 cos = Cos (wide)
                 sin = Sin (wide)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq at [1]",
            ),
            // A table of flipped positions, and not of the graph's own.
            (
                "float[S, S, 4] x
                 int64[S, S] pos
                 flipped = Transpose (pos)
                 p = Cast <to = 1> (flipped)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of flipped * freq",
            ),
        ],
    );
}

#[test]
fn types() {
    check_changes(
        ROTATION,
        &[
            (
                "float16[S, 4] x
                 cos0 = Cos (angles)
                 sin0 = Sin (angles)
                 cos = Cast <to = 10> (cos0)
                 sin = Cast <to = 10> (sin0)",
                FOUND,
            ),
            // Tables of `float` serve a narrower type.
            (
                "float16[S, 4] x16
                 x = Cast <to = 1> (x16)
                 y32 = Add (left, right)
                 y = Cast <to = 10> (y32)",
                "y = rotary(x16, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            (
                "double[S, 4] x
                 cos0 = Cos (angles)
                 sin0 = Sin (angles)
                 cos = Cast <to = 11> (cos0)
                 sin = Cast <to = 11> (sin0)",
                FOUND,
            ),
        ],
    );
}

#[test]
fn negated_sines() {
    check_changes(
        ROTATION,
        &[
            (
                "sin0 = Sin (angles)
                 sin = Neg (sin0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, inverse table of pos * freq",
            ),
            // Only the sines of the negated angle are there.
            (
                "right0 = Mul (turned, sin)
                 right = Neg (right0)",
                "y = rotary(x, cos, sin) inverse half 0..4 of 4, rotation, computed, inverse table of pos * freq",
            ),
        ],
    );
}

#[test]
fn computed_from() {
    check_changes(
        ROTATION,
        &[
            // Sines that the tensor is not computed from do not serve: those it is computed from are rounded.
            (
                "s = Sin (angles)
                 s16 = Cast <to = 10> (s)
                 sin = Cast <to = 1> (s16)",
                FOUND,
            ),
        ],
    );
}
