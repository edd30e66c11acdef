//! Tables put together from parts.

use crate::recognize::testing::{check, check_changes};

/// A rotation of halves by rows of a table that holds cosines and sines side by side.
const JOINT: &str = "(
    float[S, 4] x,
    int64[S] pos,
    int64[S] pos2
) => (y) <
    float[2, 2, 2] table = {1.0, 0.0, 1.0, 0.0, 0.6, 0.8, 0.8, 0.6},
    int64 zero = {0},
    int64 one = {1},
    int64[1] last = {-1}
> {
    rows = Gather (table, pos)
    cos = Gather <axis = -1> (rows, zero)
    sin = Gather <axis = -1> (rows, one)
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
fn tables_of_the_graph_come_first() {
    check_changes(
        JOINT,
        &[(
            "",
            "y = rotary(x, cos, sin) half 0..4 of 4, rotation, table",
        )],
    );
}

#[test]
fn slices() {
    check_changes(
        JOINT,
        &[
            // The products are taken apart, and not the rows; those of a constant are gathered from its parts.
            (
                "low1 = Unsqueeze (low, last)
                 high1 = Unsqueeze (high, last)
                 p = Mul (low1, rows)
                 q = Mul (high1, rows)
                 a = Gather <axis = -1> (p, zero)
                 b = Gather <axis = -1> (q, one)
                 c = Gather <axis = -1> (q, zero)
                 d = Gather <axis = -1> (p, one)",
                "rows_part = Gather (rows_part_table, pos)\n\
                 rows_part_part = Gather (rows_part_part_table, pos)\n\
                 rows_part_2 = Gather (rows_part_2_table, pos)\n\
                 rows_part_2_part = Gather (rows_part_2_part_table, pos)\n\
                 y = rotary(x, rows_part_part, rows_part_2_part) half 0..4 of 4, rotation, table",
            ),
            (
                "rows = Gather <axis = -3> (table, pos)
                 low1 = Unsqueeze (low, last)
                 high1 = Unsqueeze (high, last)
                 p = Mul (low1, rows)
                 q = Mul (high1, rows)
                 a = Gather <axis = -1> (p, zero)
                 b = Gather <axis = -1> (q, one)
                 c = Gather <axis = -1> (q, zero)
                 d = Gather <axis = -1> (p, one)",
                "rows_part = Slice (rows, [0], [1], [2], [1])\n\
                 rows_part_rows = Squeeze (rows_part, [2])\n\
                 rows_part_2 = Slice (rows, [1], [2], [2], [1])\n\
                 rows_part_2_rows = Squeeze (rows_part_2, [2])\n\
                 y = rotary(x, rows_part_rows, rows_part_2_rows) half 0..4 of 4, rotation, table",
            ),
        ],
    );
}

#[test]
fn sections() {
    check_changes(
        JOINT,
        &[
            // Each pair by the coordinate along an axis of its own.
            (
                "float[S, 8] x
                 float[2, 2] cosines = {1.0, 1.0, 0.6, 0.8}
                 float[2, 2] sines = {0.0, 0.0, 0.8, 0.6}
                 c1 = Gather (cosines, pos)
                 s1 = Gather (sines, pos)
                 c2 = Gather (cosines, pos2)
                 s2 = Gather (sines, pos2)
                 low1, low2 = Split <axis = -1, num_outputs = 2> (low)
                 high1, high2 = Split <axis = -1, num_outputs = 2> (high)
                 a1 = Mul (low1, c1)
                 a2 = Mul (low2, c2)
                 b1 = Mul (high1, s1)
                 b2 = Mul (high2, s2)
                 d1 = Mul (high1, c1)
                 d2 = Mul (high2, c2)
                 e1 = Mul (low1, s1)
                 e2 = Mul (low2, s2)
                 a = Concat <axis = -1> (a1, a2)
                 b = Concat <axis = -1> (b1, b2)
                 c = Concat <axis = -1> (d1, d2)
                 d = Concat <axis = -1> (e1, e2)",
                "c1_joined = Concat (c1, c2)\n\
                 s1_joined = Concat (s1, s2)\n\
                 y = rotary(x, c1_joined, s1_joined) half 0..8 of 8, rotation, table",
            ),
        ],
    );
}

#[test]
fn complex_numbers() {
    check(&[
        // Channels along two axes are merged.
        (
            "(float[S, 2, 2] x, float[S, 2] cos, float[S, 2] sin) => (y)
            <int64 zero = {0}, int64 one = {1}, int64[1] last = {-1}, int64[2] flat = {0, 4}> {
                re = Gather <axis = -1> (x, zero)
                im = Gather <axis = -1> (x, one)
                a = Mul (re, cos)
                b = Mul (im, sin)
                c = Mul (im, cos)
                d = Mul (re, sin)
                first = Sub (a, b)
                second = Add (c, d)
                first1 = Unsqueeze (first, last)
                second1 = Unsqueeze (second, last)
                both = Concat <axis = -1> (first1, second1)
                y = Reshape (both, flat)
            }",
            "x_channels = Reshape (x, [0, 4])\n\
             y = rotary(x_channels, cos, sin) interleaved 0..4 of 4, linear, given",
        ),
    ]);
}

/// Each layer reads the tables that it computes itself, however many layers before compute equal ones.
#[test]
fn equal_tables_of_many_layers() {
    const LAYERS: usize = 12;
    let layer = |k: usize| {
        format!(
            "c{k}a = Gather (cosines, pos)
             c{k}b = Gather (cosines, pos2)
             s{k}a = Gather (sines, pos)
             s{k}b = Gather (sines, pos2)
             low{k}a, low{k}b, high{k}a, high{k}b = Split <axis = -1, num_outputs = 4> (x{k})
             p{k} = Mul (low{k}a, c{k}a)
             q{k} = Mul (high{k}a, s{k}a)
             r{k} = Mul (low{k}b, c{k}b)
             t{k} = Mul (high{k}b, s{k}b)
             pc{k} = Mul (high{k}a, c{k}a)
             qs{k} = Mul (low{k}a, s{k}a)
             rc{k} = Mul (high{k}b, c{k}b)
             ts{k} = Mul (low{k}b, s{k}b)
             a{k} = Sub (p{k}, q{k})
             b{k} = Sub (r{k}, t{k})
             d{k} = Add (pc{k}, qs{k})
             e{k} = Add (rc{k}, ts{k})
             y{k} = Concat <axis = -1> (a{k}, b{k}, d{k}, e{k})
             x{next} = Softmax (y{k})
             ",
            next = k + 1
        )
    };
    let layers: String = (0..LAYERS).map(layer).collect();
    let graph = format!(
        "(float[S, 8] x0, int64[S] pos, int64[S] pos2) => (x{LAYERS}) <
             float[2, 2] cosines = {{1.0, 1.0, 0.6, 0.8}},
             float[2, 2] sines = {{0.0, 0.0, 0.8, 0.6}}
         > {{
             {layers}
         }}"
    );
    let each = |line: fn(usize) -> String| (0..LAYERS).map(line).collect::<Vec<_>>().join("\n");
    let joined = each(|k| {
        format!(
            "c{k}a_joined = Concat (c{k}a, c{k}b)\n\
             s{k}a_joined = Concat (s{k}a, s{k}b)"
        )
    });
    let sites = each(|k| {
        format!("y{k} = rotary(x{k}, c{k}a_joined, s{k}a_joined) half 0..8 of 8, rotation, table")
    });
    check(&[(&graph, &format!("{joined}\n{sites}"))]);
}
