//! Expressing one tensor in the channels of another.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

/// Two heads that the graph tells apart, so that each is read off by itself: neighbours, by angles of their own.
const HEADS: &str = "(
    float[S, 8] t,
    float p
) => (y) <
    float[2, 4] freq = {1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125},
    int64[3] heads = {0, 2, 4},
    int64[4] swap = {1, 0, 3, 2},
    float[4] signs = {-1.0, 1.0, -1.0, 1.0}
> {
    negated = Neg (t)
    x = Reshape (negated, heads)
    angles = Mul (p, freq)
    cos = Cos (angles)
    sin = Sin (angles)
    swapped = Gather <axis = -1> (x, swap)
    turned = Mul (swapped, signs)
    left = Mul (x, cos)
    right = Mul (turned, sin)
    y = Add (left, right)
}";

#[test]
fn layouts() {
    check_changes(
        ROTATION,
        &[
            ("", FOUND),
            (
                "int64[4] swap = {1, 0, 3, 2}
                 float[4] signs = {-1.0, 1.0, -1.0, 1.0}
                 each = Unsqueeze (angle, last)
                 twice = Concat <axis = -1> (each, each)
                 angles = Flatten (twice)
                 swapped = Gather <axis = -1> (x, swap)
                 turned = Mul (swapped, signs)",
                "y = rotary(x, cos, sin) interleaved 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            // Halves are rotated and end up as neighbours.
            (
                "cos = Cos (angle)
                 sin = Sin (angle)
                 a = Mul (low, cos)
                 b = Mul (high, sin)
                 c = Mul (high, cos)
                 d = Mul (low, sin)
                 first = Sub (a, b)
                 second = Add (c, d)
                 left = Unsqueeze (first, last)
                 right = Unsqueeze (second, last)
                 both = Concat <axis = -1> (left, right)
                 y = Flatten (both)",
                "y = rotary(x, cos, sin) half to interleaved 0..4 of 4, rotation, computed, table of pos * freq",
            ),
        ],
    );
}

#[test]
fn rotated_ranges() {
    check_changes(
        ROTATION,
        &[
            // The first channels, the last, and those in the middle.
            (
                "float[S, 6] x
                 int64[2] parts = {4, 2}
                 part, rest = Split <axis = -1> (x, parts)
                 low, high = Split <axis = -1, num_outputs = 2> (part)
                 left = Mul (part, cos)
                 sum = Add (left, right)
                 y = Concat <axis = -1> (sum, rest)",
                "y = rotary(x, cos, sin) half 0..4 of 6, rotation, computed, table of pos * freq",
            ),
            (
                "float[S, 6] x
                 int64[2] parts = {2, 4}
                 rest, part = Split <axis = -1> (x, parts)
                 low, high = Split <axis = -1, num_outputs = 2> (part)
                 left = Mul (part, cos)
                 sum = Add (left, right)
                 y = Concat <axis = -1> (rest, sum)",
                "y = rotary(x, cos, sin) half 2..6 of 6, rotation, computed, table of pos * freq",
            ),
            // Pairs in between, and at the ends, that are turned by angle 0.
            (
                "float[S, 6] x
                 float[3] freq = {1.0, 0.0, 0.5}",
                "y = rotary(x, cos, sin) half 0..6 of 6, rotation, computed, table of pos * freq",
            ),
            (
                "float[S, 6] x
                 float[3] freq = {0.0, 0.5, 0.0}",
                "y = rotary(x, cos, sin) half 0..6 of 6, rotation, computed, table of pos * freq",
            ),
            (
                "float[S, 6] x
                 int64[3] parts = {1, 4, 1}
                 before, part, after = Split <axis = -1> (x, parts)
                 low, high = Split <axis = -1, num_outputs = 2> (part)
                 left = Mul (part, cos)
                 sum = Add (left, right)
                 y = Concat <axis = -1> (before, sum, after)",
                "y = rotary(x, cos, sin) half 1..5 of 6, rotation, computed, table of pos * freq",
            ),
        ],
    );
}

#[test]
fn heads_told_apart() {
    check_changes(
        HEADS,
        &[
            (
                "",
                "y = rotary(x, cos, sin) interleaved 0..4 of 4, rotation, computed",
            ),
            // Each head reads the other.
            (
                "int64[2] others = {1, 0}
                 flipped = Gather <axis = 1> (x, others)
                 swapped = Gather <axis = -1> (flipped, swap)",
                "pairs at y: a channel is more than a sum of multiples of channels of one tensor",
            ),
            // Angles of 0 turn no channel.
            (
                "float[2, 4] freq = {1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.0, 0.0}",
                "y = rotary(x, cos, sin) interleaved 0..4 of 4, rotation, computed",
            ),
            (
                "float[2, 4] freq = {1.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0}",
                "y = rotary(x, cos, sin) interleaved 0..4 of 4, rotation, computed",
            ),
        ],
    );
}

#[test]
fn a_tensor_of_the_same_layout_before() {
    check_changes(
        ROTATION,
        &[
            (
                "left0 = Mul (x, cos)
                 right0 = Mul (turned, sin)
                 left = Transpose (left0)
                 right = Transpose (right0)",
                "pairs at y: no tensor of its layout, [4, S], holds the channels before the rotation; they come from `x` of \
                 shape [S, 4]",
            ),
            // Every tensor before has a channel twice.
            (
                "float[S, 3] t
                 int64[4] double = {0, 1, 2, 0}
                 x = Gather <axis = -1> (t, double)",
                "pairs at y: no tensor of its layout, [S, 4], holds the channels before the rotation; they come from `t` of \
                 shape [S, 3]",
            ),
            // A norm's weight in all channels, or in half of the products only.
            (
                "float[S, 4] w
                 c = Mul (x, w)
                 low, high = Split <axis = -1, num_outputs = 2> (c)
                 left = Mul (c, cos)",
                "y = rotary(c, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            (
                "float[S, 4] w
                 weighted = Mul (x, w)
                 low, high = Split <axis = -1, num_outputs = 2> (weighted)",
                "proof at y: cosine and sine do not share their other factors: channel 0 is `x0*cos(a) - x2*sin(a)*u`, where u is an element of `w`",
            ),
        ],
    );
}

#[test]
fn channels_along_the_last_axis() {
    check_changes(
        ROTATION,
        &[(
            "xt = Transpose (x)
             column0 = Unsqueeze (p, last)
             angle0 = Mul (column0, freq)
             angle = Transpose (angle0)
             angles = Concat <axis = 0> (angle, angle)
             low, high = Split <axis = 0, num_outputs = 2> (xt)
             turned = Concat <axis = 0> (minus, low)
             left = Mul (xt, cos)",
            "pairs at y: the last axis does not hold the channels",
        )],
    );
}

// Not reported: for a range or pairs of no layout, a report names the channel (`flaw`); without a tensor of the layout, or of one
// channel an element, the report is that of `diagnose`. "No channels": a tensor of a group has some.
