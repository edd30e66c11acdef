//! What changes a position on its way to the angles.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

#[test]
fn nothing_does() {
    check_changes(
        ROTATION,
        &[
            ("", FOUND),
            // Integers may be cast to a wider type, and rearranged.
            (
                "int32[S] pos
                 wide = Cast <to = 7> (pos)
                 p = Cast <to = 1> (wide)",
                FOUND,
            ),
            (
                "column0 = Unsqueeze (p, last)
                 column = Identity (column0)",
                FOUND,
            ),
            // A power of two changes exponents only.
            (
                "p0 = Cast <to = 1> (pos)
                 p = Mul (p0, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * [0.5, 0.125]",
            ),
            // What is added is no multiple of the position, so the positions are read behind the sum.
            (
                "p0 = Cast <to = 1> (pos)
                 p = Add (p0, two)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
        ],
    );
}

#[test]
fn casts() {
    check_changes(
        ROTATION,
        &[
            (
                "p0 = Cast <to = 10> (pos)
                 p = Cast <to = 1> (p0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            (
                "p0 = Cast <to = 16> (pos)
                 p = Cast <to = 1> (p0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            (
                "p0 = Cast <to = 6> (pos)
                 p = Cast <to = 1> (p0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p0 * freq",
            ),
            // All numbers of `uint8` are exact in `float16`.
            (
                "uint8[S] pos
                 wide = Cast <to = 7> (pos)
                 p0 = Cast <to = 10> (wide)
                 p = Cast <to = 1> (p0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of wide * freq",
            ),
        ],
    );
}

#[test]
fn other_operators() {
    check_changes(
        ROTATION,
        &[
            (
                "p0 = Cast <to = 1> (pos)
                 p = Floor (p0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            (
                "p0 = Cast <to = 1> (pos)
                 p = Abs (p0)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            (
                "bool[S] masked
                 p0 = Cast <to = 1> (pos)
                 p = Where (masked, p0, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            // Terms that cancel have rounded the position.
            (
                "p0 = Cast <to = 1> (pos)
                 p1 = Add (p0, half)
                 p = Sub (p1, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            // A lookup counts negative positions from the end.
            (
                "float[4] list = {0.0, 1.0, 2.0, 3.0}
                 p = Gather (list, pos)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
        ],
    );
}

#[test]
fn two_products() {
    check_changes(
        ROTATION,
        &[
            (
                "float third = {0.33333334}
                 float[2] freq = {1.0, 0.3}
                 p0 = Cast <to = 1> (pos)
                 p = Mul (p0, third)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            (
                "float three = {3.0}
                 p0 = Cast <to = 1> (pos)
                 p1 = Mul (p0, three)
                 p = Div (p1, three)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
            // A float that is not bounded may leave the type in between.
            (
                "float[S] pos
                 p = Mul (pos, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
        ],
    );
}

#[test]
fn near_misses() {
    check_changes(
        ROTATION,
        &[
            // What is behind the change is no tensor of positions: the graph keeps its own tables.
            (
                "float16[2] freq = {15360, 13312}
                 p = Cast <to = 10> (pos)
                 angles16 = Concat <axis = -1> (angle, angle)
                 angles = Cast <to = 1> (angles16)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed\n\
                 rotary-table proof at pos: the angles are positions times frequencies, but the graph computes them in another \
                 order or type: it casts, rounds or looks up these positions first, so it keeps its own tables",
            ),
        ],
    );
}
