//! Numbers that keep their size.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

#[test]
fn what_cancels_across_the_rotation() {
    check_changes(
        ROTATION,
        &[
            (
                "left0 = Mul (x, cos)
                 left1 = Mul (left0, two)
                 left = Mul (left1, half)",
                "pairs at y: what is rotated is scaled or shifted and put back: numbers may overflow or vanish in between, and \
                 do not in the operator",
            ),
            (
                "x1 = Mul (x, two)
                 left0 = Mul (x1, cos)
                 left = Mul (left0, half)",
                "pairs at y: what is rotated is scaled or shifted and put back: numbers may overflow or vanish in between, and \
                 do not in the operator",
            ),
            (
                "c = Mul (cos, two)
                 left0 = Mul (x, c)
                 left = Mul (left0, half)",
                "pairs at y: what is rotated is scaled or shifted and put back: numbers may overflow or vanish in between, and \
                 do not in the operator",
            ),
            // A factor before the rotation or behind it does not cancel.
            (
                "float[S, 4] z
                 x = Mul (z, two)",
                FOUND,
            ),
            (
                "sum = Add (left, right)
                 y = Mul (sum, half)",
                "sum = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            // -1 changes no size.
            (
                "left0 = Neg (x)
                 left1 = Mul (left0, cos)
                 left = Neg (left1)",
                FOUND,
            ),
            (
                "x1 = Add (x, x)
                 x2 = Sub (x1, x)
                 left = Mul (x2, cos)",
                "pairs at y: what is rotated is scaled or shifted and put back: numbers may overflow or vanish in between, and \
                 do not in the operator",
            ),
        ],
    );
}
