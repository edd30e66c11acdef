//! What proves the coefficients of a channel, and which are refused.

use crate::recognize::testing::{FOUND, ROTATION, check, check_changes};

/// A rotation of halves by rows of two tables. Its index is never negative: one that is counts from the end of its table.
const TABLES: &str = "(
    float[S, 4] x,
    uint8[S] pos
) => (y) <
    float[2, 2] cosines = {1.0, 1.0, 0.6, 0.8},
    float[2, 2] sines = {0.0, 0.0, 0.8, 0.6}
> {
    row = Cast <to = 7> (pos)
    cos = Gather (cosines, row)
    sin = Gather (sines, row)
    low, high = Split <axis = -1, num_outputs = 2> (x)
    a = Mul (low, cos)
    b = Mul (high, sin)
    c = Mul (high, cos)
    d = Mul (low, sin)
    first = Sub (a, b)
    second = Add (c, d)
    y = Concat <axis = -1> (first, second)
}";

#[test]
fn computed() {
    check_changes(
        ROTATION,
        &[
            ("", FOUND),
            // A common factor is the amplitude.
            (
                "c = Cos (angles)
                 s = Sin (angles)
                 cos = Mul (c, two)
                 sin = Mul (s, two)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed times 2, table of pos * freq",
            ),
            // The sign of the sine is that of the angle.
            (
                "s = Sin (angles)
                 sin = Neg (s)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, inverse table of pos * freq",
            ),
            // A quarter turn makes a cosine of a sine.
            (
                "float quarter = {1.5707963267948966}
                 later = Add (angles, quarter)
                 cos = Sin (later)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed",
            ),
            (
                "float[S, 1] w
                 sin0 = Sin (angles)
                 sin = Mul (sin0, w)",
                "proof at y: cosine and sine do not share their other factors: channel 0 is `x0*cos(a) - x2*sin(a)*u`, where u is an element of `w`",
            ),
            (
                "later = Add (angles, half)
                 sin = Sin (later)",
                "proof at y: cosine and sine are of different angles: channel 0 is `x0*cos(a) - x2*sin(b)`, where b = a + 0.5",
            ),
            (
                "later = Mul (angles, half)
                 sin = Sin (later)",
                "proof at y: cosine and sine are of different angles: channel 0 is `x0*cos(a) - x2*sin(b)`, where b = 0.5*a",
            ),
            (
                "sin = Cos (angles)",
                "proof at y: the same function stands for cosine and for sine: channel 0 is `x0*cos(a) - x2*cos(a)`",
            ),
            (
                "later = Add (angles, half)
                 cos = Sin (later)",
                "proof at y: the coefficients of a pair are not cosine and sine of one angle: channel 0 is `x0*sin(a) - \
                 x2*sin(b)`, where b = a - 0.5",
            ),
            (
                "s = Sin (angles)
                 sin = Mul (s, half)",
                "proof at y: cosine and sine are scaled differently: channel 0 is `x0*cos(a) - 0.5*x2*sin(a)`",
            ),
            (
                "c = Cos (angles)
                 cos = Neg (c)",
                "proof at y: the cosine is negated: channel 0 is `-x0*cos(a) - x2*sin(a)`",
            ),
        ],
    );
}

#[test]
fn channels_of_an_angle_each() {
    check_changes(
        ROTATION,
        &[(
            "each = Unsqueeze (angle, last)
             twice = Concat <axis = -1> (each, each)
             angles = Flatten (twice)",
            "y = rotary(x, cos, sin) half 0..4 of 4, linear, computed",
        )],
    );
}

#[test]
fn given() {
    check_changes(
        ROTATION,
        &[
            (
                "float[S, 4] cos0
                 float[S, 4] sin0
                 cos = Identity (cos0)
                 sin = Identity (sin0)",
                "y = rotary(x, cos0, sin0) half 0..4 of 4, linear, given",
            ),
            (
                "bool[S, 1] masked
                 c = Cos (angles)
                 s = Sin (angles)
                 cos = Where (masked, c, two)
                 sin = Where (masked, s, half)",
                "y = rotary(x, cos, sin) half 0..4 of 4, linear, given",
            ),
            (
                "float[S, 4] sin0
                 sin = Identity (sin0)",
                "proof at y: cosine and sine are not of one kind: channel 0 is `x0*cos(a) - x2*u`, where u is an element of `sin0`",
            ),
            // Of one kind, and scaled differently.
            (
                "float[S, 4] cos0
                 float[S, 4] sin0
                 cos = Identity (cos0)
                 sin = Mul (sin0, half)",
                "proof at y: cosine and sine are not of one kind: channel 0 is `x0*u - 0.5*x2*v`, where u is an element of `cos0`, and v is an element of `sin0`",
            ),
            (
                "bool[S, 1] masked
                 c = Cos (angles)
                 cos = Where (masked, c, two)",
                "proof at y: the coefficients of a pair are not cosine and sine of one angle: channel 0 is `x0*u - x2*sin(a)`, where u is where(v, cos(a), 2), and v is an element of `masked`",
            ),
        ],
    );
}

#[test]
fn tables() {
    check_changes(
        TABLES,
        &[
            (
                "",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, table",
            ),
            // Rows of different norm are no cosines and sines.
            (
                "float[2, 2] cosines = {1.0, 1.0, 2.0, 2.0}",
                "y = rotary(x, cos, sin) half 0..4 of 4, linear, table",
            ),
            (
                "float[2, 2] cosines = {-1.0, -1.0, 0.6, 0.8}",
                "proof at y: the cosine is negated: channel 0 is `-x0*T[a] - x2*U[a]`",
            ),
            (
                "uint8[S] pos2
                 other = Cast <to = 7> (pos2)
                 sin = Gather (sines, other)",
                "proof at y: cosine and sine are read from different rows: channel 0 is `x0*T[a] - x2*U[b]`",
            ),
            (
                "float[3, 2] sines = {0.0, 0.0, 0.8, 0.6, 1.0, 1.0}",
                "proof at y: the tables of cosine and sine differ in length: channel 0 is `x0*T[a] - x2*U[a]`",
            ),
            (
                "float[S, 2] angle
                 sin = Sin (angle)",
                "proof at y: the coefficients of a pair are not cosine and sine of one angle: channel 0 is `x0*T[a] - x2*sin(b)`",
            ),
        ],
    );
}

#[test]
fn numbers() {
    check(&[(
        "(float[S, 2] x) => (y) <float[1] c = {0.6}, float[1] s = {0.8}> {
            low, high = Split <axis = -1, num_outputs = 2> (x)
            a = Mul (low, c)
            b = Mul (high, s)
            d = Mul (high, c)
            e = Mul (low, s)
            first = Sub (a, b)
            second = Add (d, e)
            y = Concat <axis = -1> (first, second)
        }",
        "y = rotary(x, c, s) half 0..2 of 2, rotation, table times 1.000000023841858",
    )]);
}

// "A coefficient is a sum": a channel with a third summand is in no group. "No pair is rotated": a group has sums of two.
