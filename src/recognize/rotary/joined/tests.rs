//! Halves of a rotation that are computed apart and joined wrongly.

use crate::recognize::testing::check_changes;

/// A rotation whose halves are tensors of their own.
const HALVES: &str = "(
    float[S, 4] x,
    int64[S] pos
) => (y) <
    float[2] freq = {1.0, 0.25},
    int64[1] last = {-1},
    float[1, 1] zero = {0.0},
    int64[2] size = {1, 1}
> {
    p = Cast <to = 1> (pos)
    column = Unsqueeze (p, last)
    angle = Mul (column, freq)
    cos = Cos (angle)
    sin = Sin (angle)
    low, high = Split <axis = -1, num_outputs = 2> (x)
    lc = Mul (low, cos)
    hs = Mul (high, sin)
    hc = Mul (high, cos)
    ls = Mul (low, sin)
    first = Sub (lc, hs)
    second = Add (hc, ls)
    y = Concat <axis = -1> (first, second)
}";

#[test]
fn parts_joined_wrongly() {
    check_changes(
        HALVES,
        &[
            (
                "y = Concat <axis = -1> (first, first)",
                "proof at y: channels 0 and 2 are both `x0*cos(a) - x2*sin(a)`\n\
                 pairs at second: `second` has 2 channels, and `x`, of which they are made, has 4: no tensor holds both rotated channels of every \
                 pair",
            ),
            (
                "nothing = Sub (second, second)
                 y = Concat <axis = -1> (first, nothing)",
                "pairs at y: channel 2 of `y` is 0 where a rotated channel should be\n\
                 pairs at second: `second` has 2 channels, and `x`, of which they are made, has 4: no tensor holds both rotated channels of every \
                 pair",
            ),
            (
                "y = Concat <axis = -1> (first, cos)",
                "pairs at y: channel 2 of `y` is made of other things than channels of `x`\n\
                 pairs at second: `second` has 2 channels, and `x`, of which they are made, has 4: no tensor holds both rotated channels of every \
                 pair",
            ),
            (
                "int64[2] parts = {1, 1}
                 one, other = Split <axis = -1> (second, parts)
                 y = Concat <axis = -1> (first, one)",
                "pairs at y: `y` has 3 channels, and `x`, of which they are made, has 4: no tensor holds both rotated channels of every pair",
            ),
            (
                "y = Unheard <domain = \"elsewhere\"> (first, second)",
                "pairs at y: the analysis does not follow `y`, which reads rotated channels before they are joined; UnknownOperator at y",
            ),
        ],
    );
}
