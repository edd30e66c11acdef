//! Rows in every spelling, and one graph for each condition that breaks it alone.

use crate::recognize::testing::{check, check_changes};

const ROW: &str = "(
    int64[S] pos
) => (y) <
    float[2] freq = {0.5, 0.1},
    float two = {2.0},
    int64[1] first = {0},
    int64[1] last = {-1}
> {
    p = Cast <to = 1> (pos)
    column = Unsqueeze (p, last)
    angle = Mul (column, freq)
    sin = Sin (angle)
    cos = Cos (angle)
    y = Concat <axis = -1> (sin, cos)
}";

const HALF: &str = "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half";

#[test]
fn layouts() {
    check_changes(
        ROW,
        &[
            ("", HALF),
            (
                "y = Concat <axis = -1> (cos, sin)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, cos first",
            ),
            (
                "int64[2] rows = {0, -1}
                 s = Unsqueeze (sin, last)
                 c = Unsqueeze (cos, last)
                 pairs = Concat <axis = -1> (s, c)
                 y = Reshape (pairs, rows)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) interleaved",
            ),
            (
                "sizes = Shape (column)
                 zeros = ConstantOfShape (sizes)
                 y = Concat <axis = -1> (sin, cos, zeros)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, 5 wide",
            ),
            (
                "int64[1] three = {3}
                 row = Concat <axis = -1> (sin, cos)
                 y = Slice (row, first, three, last)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, 3 wide",
            ),
            (
                "int64[1] middle = {2}
                 int64[1] end = {9}
                 row = Concat <axis = -1> (sin, cos)
                 a = Slice (row, middle, end, last)
                 b = Slice (row, first, middle, last)
                 y = Concat <axis = -1> (a, b)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, cos first",
            ),
            // Neither layout.
            (
                "int64[4] order = {0, 2, 3, 1}
                 row = Concat <axis = -1> (sin, cos)
                 y = Gather <axis = 1> (row, order)",
                "row = sinusoidal(pos, [0.5, 0.10000000149011612]) half",
            ),
            (
                "int64[1] one = {1}
                 a = Slice (sin, first, one, last)
                 b = Slice (sin, one, last, last)
                 y = Concat <axis = -1> (a, cos, sin)",
                "sinusoidal proof at y: channel 2, a cosine, is in neither layout: sines and cosines are neither two halves of the \
                 row nor neighbours",
            ),
        ],
    );
}

#[test]
fn factors() {
    check_changes(
        ROW,
        &[
            (
                "row = Concat <axis = -1> (sin, cos)
                 y = Mul (row, two)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, times 2",
            ),
            (
                "s = Mul (sin, two)
                 c = Mul (cos, two)
                 y = Concat <axis = -1> (s, c)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, times 2",
            ),
            // A negated sine is that of the negated angle.
            (
                "s = Neg (sin)
                 y = Concat <axis = -1> (s, cos)",
                "y = sinusoidal(pos, [-0.5, -0.10000000149011612]) half",
            ),
            (
                "row = Concat <axis = -1> (sin, cos)
                 y = Neg (row)",
                "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, times -1",
            ),
            (
                "s = Mul (sin, two)
                 y = Concat <axis = -1> (s, cos)",
                "sinusoidal proof at y: sines and cosines have different factors",
            ),
            // Two factors are rounded twice.
            (
                "row = Concat <axis = -1> (sin, cos)
                 double = Mul (row, two)
                 y = Mul (double, two)",
                "double = sinusoidal(pos, [0.5, 0.10000000149011612]) half, times 2",
            ),
        ],
    );
}

#[test]
fn products() {
    check_changes(
        ROW,
        &[
            ("angle = Mul (freq, column)", HALF),
            (
                "float[1, 2] freq = {0.5, 0.1}
                 angle = MatMul (column, freq)",
                HALF,
            ),
            (r#"angle = Einsum <equation = "i,d->id"> (p, freq)"#, HALF),
            (
                "float[S] size
                 ratio = Div (p, size)
                 column = Unsqueeze (ratio, last)
                 angle = Div (column, freq)",
                "y = sinusoidal(ratio, [2.0, 10.0]) half, divided",
            ),
            (
                "angle = Div (column, freq)",
                "sinusoidal proof at y: the graph divides whole positions by numbers, and the operator multiplies by their \
                 reciprocals: the two are rounded differently, which shows in the sines of large angles",
            ),
            // Powers of two divide exactly.
            (
                "float[2] freq = {2.0, 0.25}
                 angle = Div (column, freq)",
                "y = sinusoidal(pos, [0.5, 4.0]) half",
            ),
            (
                "negative = Neg (column)
                 angle = Mul (negative, freq)",
                "y = sinusoidal(negative without [1], [0.5, 0.10000000149011612]) half",
            ),
            (
                "float[2] given
                 angle = Mul (column, given)",
                "y = sinusoidal(pos, given) half",
            ),
            (
                "float[1, 2] given
                 angle = Mul (column, given)",
                "y = sinusoidal(pos, given) half",
            ),
            (
                "exp = Exp (freq)
                 angle = Mul (column, exp)",
                "y = sinusoidal(pos, exp) half",
            ),
            (
                "float[S, 2] given
                 angle = Mul (column, given)",
                "sinusoidal positions at y: the frequencies are neither numbers nor a tensor of the graph with one for every pair of \
                 channels",
            ),
        ],
    );
}

#[test]
fn angles_rounded_in_other_places() {
    let own = "sinusoidal proof at y: each channel has an angle of its own";
    check_changes(
        ROW,
        &[
            // Another factor beside the frequency is part of the position.
            (
                "scaled = Mul (column, two)
                 angle = Mul (scaled, freq)",
                "y = sinusoidal(scaled without [1], [0.5, 0.10000000149011612]) half",
            ),
            (
                "product = Mul (column, freq)
                 angle = Mul (product, two)",
                own,
            ),
            (
                "product = Mul (column, freq)
                 half = Cast <to = 10> (product)
                 angle = Cast <to = 1> (half)",
                own,
            ),
            (
                "float phase = {0.3}
                 product = Mul (column, freq)
                 angle = Add (product, phase)",
                "sinusoidal proof at y: the angle of channel 0 is a product of the position and a frequency, and a phase",
            ),
            (
                "double[2] freq = {0.5, 0.1}
                 p = Cast <to = 11> (pos)
                 product = Mul (column, freq)
                 angle = Cast <to = 1> (product)",
                own,
            ),
            // Positions with a phase are positions.
            (
                "float phase = {0.3}
                 moved = Add (column, phase)
                 angle = Mul (moved, freq)",
                "y = sinusoidal(moved without [1], [0.5, 0.10000000149011612]) half",
            ),
            (
                "double[2] freq = {0.5, 0.1}
                 p = Cast <to = 11> (pos)",
                "y = sinusoidal(pos, [0.5, 0.1]) half",
            ),
            (
                "p = Cast <to = 10> (pos)
                 narrow = Cast <to = 10> (freq)
                 angle = Mul (column, narrow)",
                "sinusoidal proof at y: the graph rounds angles, sines and cosines to `float16`, and the operator does not",
            ),
        ],
    );
}

#[test]
fn pairs() {
    check_changes(
        ROW,
        &[
            (
                "float[2] other = {0.5, 0.2}
                 slow = Mul (column, other)
                 cos = Cos (slow)",
                "sinusoidal proof at y: channels 1 and 3, a sine and a cosine, have different frequencies",
            ),
            (
                "float[2] phase = {0.0, 0.3}
                 moved = Add (angle, phase)
                 cos = Cos (moved)",
                "sinusoidal proof at y: the angle of channel 2 is a product of the position and a frequency, and a phase",
            ),
            ("y = Concat <axis = -1> (sin, sin)", ""),
            // One pair is any sine and cosine.
            ("float[1] freq = {0.5}", ""),
            (
                "sizes = Shape (column)
                 zeros = ConstantOfShape (sizes)
                 y = Concat <axis = -1> (sin, zeros, cos)",
                "sinusoidal proof at y: channel 2 is zero, and others follow it",
            ),
            (
                "int64[1] one = {1}
                 few = Slice (sin, first, one, last)
                 y = Concat <axis = -1> (sin, cos, few)",
                "sinusoidal proof at y: channel 4, a sine, is in neither layout: sines and cosines are neither two halves of the \
                 row nor neighbours",
            ),
            (
                "more = Concat <axis = -1> (cos, cos)
                 y = Concat <axis = -1> (sin, more)",
                "sinusoidal proof at y: there are 2 sines and 4 cosines",
            ),
        ],
    );
}

#[test]
fn positions() {
    check_changes(
        ROW,
        &[
            (
                "float[S] pos
                 column = Unsqueeze (pos, last)",
                HALF,
            ),
            ("int32[B, S] pos", HALF),
            ("double[S] pos", HALF),
            // The operator does not read them; the graph's cast does.
            (
                "int8[S] pos",
                "y = sinusoidal(p, [0.5, 0.10000000149011612]) half",
            ),
            (
                "float16[S] pos",
                "y = sinusoidal(p, [0.5, 0.10000000149011612]) half",
            ),
            // What is rounded on the way to the angle is read after that.
            (
                "narrow = Cast <to = 10> (pos)
                 p = Cast <to = 1> (narrow)",
                "y = sinusoidal(p, [0.5, 0.10000000149011612]) half",
            ),
            (
                "squared = Mul (pos, pos)
                 p = Cast <to = 1> (squared)",
                "y = sinusoidal(squared, [0.5, 0.10000000149011612]) half",
            ),
            (
                "int64 pos
                 column = Unsqueeze (p, first)",
                HALF,
            ),
            (
                "row = Concat <axis = -1> (sin, cos)
                 y = Unsqueeze (row, first)",
                "row = sinusoidal(pos, [0.5, 0.10000000149011612]) half",
            ),
            (
                "int64[3] sizes
                 row = Concat <axis = -1> (sin, cos)
                 y = Expand (row, sizes)",
                "row = sinusoidal(pos, [0.5, 0.10000000149011612]) half",
            ),
            (
                "int64[1, S] pos
                 turned = Transpose <perm = [1, 0, 2]> (angle)
                 sin = Sin (turned)
                 cos = Cos (turned)",
                "y = sinusoidal(column without [0], [0.5, 0.10000000149011612]) half",
            ),
            (
                "int64[S, T] pos
                 turned = Transpose <perm = [1, 0, 2]> (angle)
                 sin = Sin (turned)
                 cos = Cos (turned)",
                "sinusoidal positions at y: no tensor of the graph holds the position of every row, in a type that the operator reads",
            ),
        ],
    );
}

#[test]
fn who_else_reads_a_row() {
    check_changes(
        ROW,
        &[
            // Both rows are needed: the second is made of the first.
            (
                "row = Concat <axis = -1> (sin, cos)
                 other = Neg (row)
                 many = Mul (row, two)
                 y = Concat <axis = 0> (other, many)",
                "row = sinusoidal(pos, [0.5, 0.10000000149011612]) half",
            ),
            // Tables of a rotation are left to it.
            (
                "float[S, 4] x
                 both = Concat <axis = -1> (sin, cos)
                 s, c = Split <axis = -1, num_outputs = 2> (both)
                 low, high = Split <axis = -1, num_outputs = 2> (x)
                 a = Mul (low, c)
                 b = Mul (high, s)
                 d = Mul (high, c)
                 e = Mul (low, s)
                 one = Sub (a, b)
                 other = Add (d, e)
                 y = Concat <axis = -1> (one, other)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
        ],
    );
}

#[test]
fn masks_of_channels() {
    check_changes(
        ROW,
        &[(
            "float[4] freq = {0.5, 0.5, 0.1, 0.1}
             float[4] even = {1.0, 0.0, 1.0, 0.0}
             float[4] odd = {0.0, 1.0, 0.0, 1.0}
             s = Mul (sin, even)
             c = Mul (cos, odd)
             y = Add (s, c)",
            "y = sinusoidal(pos, [0.5, 0.10000000149011612]) interleaved",
        )],
    );
}

#[test]
fn zeros_that_pad() {
    check(&[(
        "(int64[S] pos) => (y) <float[2] freq = {0.5, 0.1}, int64[1] last = {-1}, int64[4] pads = {0, 0, 0, 1}> {
             p = Cast <to = 1> (pos)
             column = Unsqueeze (p, last)
             angle = Mul (column, freq)
             sin = Sin (angle)
             cos = Cos (angle)
             row = Concat <axis = -1> (sin, cos)
             y = Pad (row, pads)
         }",
        "y = sinusoidal(pos, [0.5, 0.10000000149011612]) half, 5 wide",
    )]);
}

#[test]
fn two_positions_are_two_sites() {
    check(&[(
        "(int64[H] rows, int64[W] columns) => (y) <float[2] freq = {0.5, 0.1}, int64[1] last = {-1}, int64[1] first = {0}> {
             r = Cast <to = 1> (rows)
             c = Cast <to = 1> (columns)
             r1 = Unsqueeze (r, last)
             c1 = Unsqueeze (c, last)
             a = Mul (r1, freq)
             b = Mul (c1, freq)
             sa = Sin (a)
             ca = Cos (a)
             sb = Sin (b)
             cb = Cos (b)
             e = Concat <axis = -1> (sa, ca)
             f = Concat <axis = -1> (sb, cb)
             y = Concat <axis = 0> (e, f)
         }",
        "e = sinusoidal(rows, [0.5, 0.10000000149011612]) half\n\
         f = sinusoidal(columns, [0.5, 0.10000000149011612]) half",
    )]);
}
