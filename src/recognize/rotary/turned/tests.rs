//! The angles of a proven rotation, for a table that is computed.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

#[test]
fn one_angle_a_pair() {
    check_changes(
        ROTATION,
        &[
            ("", FOUND),
            (
                "each = Unsqueeze (angle, last)
                 twice = Concat <axis = -1> (each, each)
                 angles = Flatten (twice)",
                "y = rotary(x, cos, sin) half 0..4 of 4, linear, computed",
            ),
        ],
    );
}

#[test]
fn one_amplitude() {
    check_changes(
        ROTATION,
        &[
            (
                "float[4] scales = {2.0, 1.0, 2.0, 1.0}
                 c = Cos (angles)
                 s = Sin (angles)
                 cos = Mul (c, scales)
                 sin = Mul (s, scales)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed",
            ),
            // The sines of one pair are negated.
            (
                "float[4] signs = {1.0, -1.0, 1.0, -1.0}
                 s = Sin (angles)
                 sin = Mul (s, signs)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed",
            ),
            // The product of the two is no number of `float`.
            (
                "float a = {1.1}
                 float b = {1.3}
                 c = Cos (angles)
                 s = Sin (angles)
                 c1 = Mul (c, a)
                 s1 = Mul (s, a)
                 cos = Mul (c1, b)
                 sin = Mul (s1, b)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed times 1.4299999785423267",
            ),
        ],
    );
}
