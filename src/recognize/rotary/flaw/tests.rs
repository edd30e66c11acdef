//! The first channel that does not fit.

use crate::recognize::testing::{ROTATION, check_changes};

/// The first four of five channels are turned, by tables of all of them.
const FIRST: &str = "(
    float[S, 5] x,
    float[S, 1] column
) => (y) <
    float[5] freq = {1.0, 0.25, 1.0, 0.25, 0.0},
    float[5] scales = {1.0, 1.0, 1.0, 1.0, 1.0},
    float[5] signs = {-1.0, -1.0, 1.0, 1.0, 1.0},
    int64[5] swap = {2, 3, 0, 1, 4}
> {
    angles = Mul (column, freq)
    cosines = Cos (angles)
    cos = Mul (cosines, scales)
    sin = Sin (angles)
    swapped = Gather <axis = -1> (x, swap)
    turned = Mul (swapped, signs)
    left = Mul (x, cos)
    right = Mul (turned, sin)
    y = Add (left, right)
}";

#[test]
fn one_channel_twice() {
    check_changes(
        ROTATION,
        &[(
            "turned = Concat <axis = -1> (low, minus)",
            "pairs at y: channel 0 is `x0*cos(a) + x0*sin(a)`: both terms are of one channel, where a rotation takes the two \
             channels of a pair",
        )],
    );
}

#[test]
fn ranges() {
    check_changes(
        ROTATION,
        &[
            // The pairs (0, 3) and (1, 4) of five channels.
            (
                "float[S, 5] x
                 float[5] freq = {1.0, 0.5, 0.0, 1.0, 0.5}
                 float[5] signs = {-1.0, -1.0, 1.0, 1.0, 1.0}
                 int64[5] swap = {3, 4, 2, 0, 1}
                 angles = Mul (column, freq)
                 swapped = Gather <axis = -1> (x, swap)
                 turned = Mul (swapped, signs)",
                "pairs at y: the rotated channels are 0..2 and 3..5, which is not one contiguous range",
            ),
            // Three channels.
            (
                "float[S, 3] x
                 int64[3] next = {1, 2, 0}
                 float[3] freq = {1.0, 0.5, 0.25}
                 angles = Mul (column, freq)
                 turned = Gather <axis = -1> (x, next)",
                "pairs at y: the number of rotated channels is odd: 3",
            ),
        ],
    );
}

#[test]
fn channels_outside() {
    check_changes(
        FIRST,
        &[(
            "float[5] scales = {1.0, 1.0, 1.0, 1.0, 0.5}",
            "pairs at y: channel 4 outside the rotated range 0..4 is `0.5*x4` where it should be unchanged",
        )],
    );
}

#[test]
fn partners() {
    check_changes(
        ROTATION,
        &[
            (
                "int64[4] swap = {3, 2, 1, 0}
                 float[4] signs = {-1.0, -1.0, 1.0, 1.0}
                 swapped = Gather <axis = -1> (x, swap)
                 turned = Mul (swapped, signs)",
                "pairs at y: channel 0 is made of channels 0 and 3, which are no pair of the half layout (j, j + 2) nor of the \
                 interleaved one (2j, 2j + 1)",
            ),
            // The halves overlap.
            (
                "int64[1] one = {1}
                 int64[1] three = {3}
                 later = Slice (x, one, three, last)
                 minus = Neg (later)",
                "pairs at y: channel 0 is made of channels 0 and 1, but channel 1 of 1 and 2: the two are not a pair",
            ),
        ],
    );
}

#[test]
fn coefficients() {
    check_changes(
        ROTATION,
        &[
            (
                "minus = Identity (high)",
                "proof at y: channel 0 is `x0*cos(a) + x2*sin(a)` and channel 2 is `x2*cos(a) + x0*sin(a)`: the two cross terms \
                 have one sign, so the pair is reflected and not rotated",
            ),
            // Different angles for the two channels of a pair, in the sines only.
            (
                "float[4] freqs = {1.0, 0.25, 0.5, 0.125}
                 others = Mul (column, freqs)
                 sin = Sin (others)",
                "proof at y: cosine and sine are of different angles: channel 2 is `x2*cos(a) + x0*sin(b)`, where b = 0.5*a",
            ),
            // Angles of neighbours for channels of halves, and the reverse.
            (
                "each = Unsqueeze (angle, last)
                 twice = Concat <axis = -1> (each, each)
                 angles = Flatten (twice)
                 minus = Identity (high)",
                "proof at y: channel 0 is `x0*cos(a) + x2*sin(a)` and channel 2 is `x2*cos(b) + x0*sin(b)`, where b = 0.25*a: \
                 the angles are laid out for pairs (2j, 2j + 1), the channels for pairs (j, j + 2)",
            ),
            (
                "int64[4] swap = {1, 0, 3, 2}
                 turned = Gather <axis = -1> (x, swap)",
                "proof at y: channel 0 is `x0*cos(a) + x1*sin(a)` and channel 1 is `x1*cos(b) + x0*sin(b)`, where b = 0.25*a: \
                 the angles are laid out for pairs (j, j + 2), the channels for pairs (2j, 2j + 1)",
            ),
        ],
    );
}
