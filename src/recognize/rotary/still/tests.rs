//! What the graph does to the channels of a pair that is turned by angle 0.

use crate::recognize::testing::check_changes;

/// Four channels by themselves, of which the pair (0, 2) has angle 0.
const CHANNELS: &str = "(
    float[S, 4] x,
    int64[S] pos
) => (y) <
    float[2] freq = {0.0, 0.25},
    int64[1] last = {-1}
> {
    p = Cast <to = 1> (pos)
    column = Unsqueeze (p, last)
    angle = Mul (column, freq)
    cos = Cos (angle)
    sin = Sin (angle)
    x0, x1, x2, x3 = Split <axis = -1, num_outputs = 4> (x)
    c0, c1 = Split <axis = -1, num_outputs = 2> (cos)
    s0, s1 = Split <axis = -1, num_outputs = 2> (sin)
    a0 = Mul (x0, c0)
    b0 = Mul (x2, s0)
    y0 = Sub (a0, b0)
    a1 = Mul (x1, c1)
    b1 = Mul (x3, s1)
    y1 = Sub (a1, b1)
    a2 = Mul (x2, c0)
    b2 = Mul (x0, s0)
    y2 = Add (a2, b2)
    a3 = Mul (x3, c1)
    b3 = Mul (x1, s1)
    y3 = Add (a3, b3)
    y = Concat <axis = -1> (y0, y1, y2, y3)
}";

const COPIED: &str = "proof at y: channel 0 is turned by angle 0: the operator adds 0 times its partner, which is NaN where that is infinite, and \
     the graph does not";

#[test]
fn products_with_0() {
    check_changes(
        CHANNELS,
        &[
            (
                "",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            // One channel is copied, multiplied by 1 alone, by 0 itself, or its product with 0 goes elsewhere.
            ("y0 = Identity (x0)", COPIED),
            ("y0 = Identity (a0)", COPIED),
            ("b0 = Mul (x0, s0)", COPIED),
            ("y0 = Sub (a0, b2)", COPIED),
        ],
    );
}
