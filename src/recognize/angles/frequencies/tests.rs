//! Frequencies, as a tensor or as numbers.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

#[test]
fn held_by_a_tensor() {
    check_changes(
        ROTATION,
        &[
            ("", FOUND),
            // With unit axes.
            (
                "float[1, 2] freq = {1.0, 0.25}",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * [1.0, 0.25]",
            ),
            (
                "float[2] freqs
                 angle = Mul (column, freqs)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freqs",
            ),
            (
                "float[1, 2] freqs
                 angle = Mul (column, freqs)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * flat(freqs)",
            ),
            (
                "double[2] freq = {1.0, 0.3}
                 p = Cast <to = 11> (pos)
                 cos64 = Cos (angles)
                 cos = Cast <to = 1> (cos64)
                 sin64 = Sin (angles)
                 sin = Cast <to = 1> (sin64)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq in double",
            ),
            // As the graph computes them.
            (
                "float[2] bases
                 freqs = Reciprocal (bases)
                 angle = Mul (column, freqs)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freqs",
            ),
        ],
    );
}

#[test]
fn numbers() {
    check_changes(
        ROTATION,
        &[
            // A power of two times the frequency is exact.
            (
                "float[2] freq = {1.0, 0.3}
                 column0 = Unsqueeze (p, last)
                 column = Mul (column0, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * [0.5, 0.15000000596046448]",
            ),
            // Another product is rounded: the positions are read after it.
            (
                "float third = {0.33333334}
                 float[2] freq = {1.0, 0.3}
                 p0 = Cast <to = 1> (pos)
                 p = Mul (p0, third)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
        ],
    );
}

#[test]
fn a_phase_ends_the_reading() {
    check_changes(
        ROTATION,
        &[
            (
                "angle0 = Mul (column, freq)
                 angle = Add (angle0, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed",
            ),
            // Added to the positions, it is part of them.
            (
                "p0 = Cast <to = 1> (pos)
                 p = Add (p0, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of p * freq",
            ),
        ],
    );
}
