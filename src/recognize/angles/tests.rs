//! Tables that sites share.

use crate::recognize::testing::check_changes;

/// Two tensors turned by the same tables.
const TWO: &str = "(
    float[S, 2] q,
    float[S, 2] k,
    int64[S] pos
) => (a, b) <
    float[1] freq = {0.5},
    int64[1] last = {-1}
> {
    p = Cast <to = 1> (pos)
    column = Unsqueeze (p, last)
    angle = Mul (column, freq)
    cos = Cos (angle)
    sin = Sin (angle)
    cos2 = Identity (cos)
    sin2 = Identity (sin)
    q1, q2 = Split <axis = -1, num_outputs = 2> (q)
    q3 = Neg (q2)
    q4 = Concat <axis = -1> (q3, q1)
    q5 = Mul (q, cos)
    q6 = Mul (q4, sin)
    a = Add (q5, q6)
    k1, k2 = Split <axis = -1, num_outputs = 2> (k)
    k3 = Neg (k2)
    k4 = Concat <axis = -1> (k3, k1)
    k5 = Mul (k, cos2)
    k6 = Mul (k4, sin2)
    b = Add (k5, k6)
}";

#[test]
fn one_table_for_two_sites() {
    check_changes(
        TWO,
        &[
            (
                "",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq",
            ),
            // Computed once more, alike.
            (
                "pk = Cast <to = 1> (pos)
                 ck = Unsqueeze (pk, last)
                 ak = Mul (ck, freq)
                 cos2 = Cos (ak)
                 sin2 = Sin (ak)",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos2, sin2) half 0..2 of 2, rotation, computed, table of pos * freq",
            ),
            // Turned backwards.
            (
                "sin2 = Neg (sin)",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos, sin2) half 0..2 of 2, rotation, computed, inverse table of pos * freq",
            ),
        ],
    );
}

#[test]
fn two_tables() {
    check_changes(
        TWO,
        &[
            // Other positions, frequencies, types or amplitudes.
            (
                "int64[S] other
                 pk = Cast <to = 1> (other)
                 ck = Unsqueeze (pk, last)
                 ak = Mul (ck, freq)
                 cos2 = Cos (ak)
                 sin2 = Sin (ak)",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos2, sin2) half 0..2 of 2, rotation, computed, table 1 of other * freq",
            ),
            (
                "float[1] more = {0.25}
                 ak = Mul (column, more)
                 cos2 = Cos (ak)
                 sin2 = Sin (ak)",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos2, sin2) half 0..2 of 2, rotation, computed, table 1 of pos * more",
            ),
            (
                "float two = {2.0}
                 cos2 = Mul (cos, two)
                 sin2 = Mul (sin, two)",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos2, sin2) half 0..2 of 2, rotation, computed times 2, table 1 of pos * freq",
            ),
            // Positions that were rounded on the way to one of them.
            (
                "p0 = Cast <to = 10> (pos)
                 pk = Cast <to = 1> (p0)
                 ck = Unsqueeze (pk, last)
                 ak = Mul (ck, freq)
                 cos2 = Cos (ak)
                 sin2 = Sin (ak)",
                "a = rotary(q, cos, sin) half 0..2 of 2, rotation, computed, table of pos * freq\n\
                 b = rotary(k, cos2, sin2) half 0..2 of 2, rotation, computed, table 1 of pk * freq",
            ),
        ],
    );
}
