//! Relative keys, as they are spelled, and graphs that break one condition each.

use crate::recognize::relative_testing::products::{BY_KEY, CLIPPED, KEYS, TURNED};
use crate::recognize::testing::check_changes;

/// What is found in [`KEYS`].
const FOUND: &str =
    "y = gather(x * table[around 4] over 4) by reversed columns, q at p, k at p, reassociated";

#[test]
fn spellings() {
    check_changes(
        KEYS,
        &[
            ("", FOUND),
            (
                "d = Sub (j, i)",
                "y = gather(x * table[around 4] over 4) by columns, q at p, k at p, reassociated",
            ),
            (
                BY_KEY,
                "y = gather(x * table[around 4] over 4) by key by reversed columns, q at p, k at p, reassociated",
            ),
            // The factors change places.
            (
                r#"y = Einsum <equation = "l r d, b h l d -> b h l r"> (rows, x)"#,
                FOUND,
            ),
            // A product of matrices for each query, as in SpeechT5.
            (
                "float[2, L, 4] x
                 int64 axis = {1}
                 turned = Transpose <perm = [1, 0, 2]> (x)
                 columns = Transpose <perm = [0, 2, 1]> (rows)
                 product = MatMul (turned, columns)
                 y = Transpose <perm = [1, 0, 2]> (product)",
                FOUND,
            ),
            // The same with batches and heads as one axis, and with the rows in front.
            (
                "int64[3] folded = {0, -1, 4}
                 int64[4] opened = {0, 0, -1, 2}
                 turned = Transpose <perm = [2, 0, 1, 3]> (x)
                 flat = Reshape (turned, folded)
                 across = Transpose <perm = [0, 2, 1]> (flat)
                 product = MatMul (rows, across)
                 plane = Reshape (product, opened)
                 y = Transpose <perm = [2, 3, 0, 1]> (plane)",
                FOUND,
            ),
            (
                TURNED,
                "y = gather(x[0, 2, 1, 3] * table[around 4] over 4) by reversed columns, q at p, k at p, reassociated",
            ),
            // A half table in a graph of floats.
            (
                "float16[9, 4] table
                 narrow = Gather (table, index)
                 rows = Cast <to = 1> (narrow)",
                FOUND,
            ),
        ],
    );
}

#[test]
fn rows_in_reach() {
    check_changes(
        KEYS,
        &[
            (
                CLIPPED,
                "y = gather(x * table[2..8] over 4) by 5 4 3 2 1 0*2, q at p, k at p, reassociated",
            ),
            (
                "float[B, 2, 3, 4] x",
                "y = gather(x * table[2..7] over 4) by 4 3 2 1 0, q at 0 1 2, k at 0 1 2, reassociated",
            ),
            (
                "float[B, 2, 5, 4] x",
                "y = gather(x * table over 4) by 8 7 6 5 4 3 2 1 0, q at 0 1 2 3 4, k at 0 1 2 3 4, reassociated",
            ),
            // An index below 0 counts from the end: with more rows after the middle than before the graph runs with such.
            (
                "int64 middle = {2}",
                "y = gather(x * table over 4) by 8*6 7 6 5 4 3 2 1 0 8 7 6 5 4 3 2 1 0, q at p, k at p, reassociated",
            ),
            (
                "int64 middle = {6}",
                "y = gather(x * table[around 6] over 4) by reversed columns, q at p, k at p, reassociated",
            ),
            // As many keys as another input has.
            (
                "float[K] other
                 counts = Shape (other)
                 m = Gather (counts, none)
                 of_keys = Range (none, m, one)
                 j = Unsqueeze (of_keys, first)",
                "y = gather(x * table over 4) by 8*10 7 6 5 4 3 2 1 0 8 7 6 5 4 3 2 1 0, q at p, k at of_keys, reassociated",
            ),
            // Positions from outside may be so large that their difference overflows.
            (
                "int64[L] given
                 i = Unsqueeze (given, second)
                 j = Unsqueeze (given, first)",
                "relative-gather distance at y: the row of the table depends on more than the distance between query and key",
            ),
        ],
    );
}

#[test]
fn broken() {
    check_changes(
        KEYS,
        &[
            // A gate on the rows, by query and key.
            (
                "float[L, L, 1] gate
                 picked = Gather (table, index)
                 rows = Mul (picked, gate)",
                "picked = bias(table) [q, k, n] by 8*10 7 6 5 4 3 2 1 0 8 7 6 5 4 3 2 1 0, q at p, k at p, exact",
            ),
            (
                "float[L, L, 4] other
                 rows = Identity (other)",
                "",
            ),
            (
                "start = Equal (i, none)
                 sum = Add (d, middle)
                 index = Where (start, middle, sum)",
                "relative-gather distance at y: the row of the table depends on more than the distance between query and key",
            ),
            (
                r#"float[L, L, 4] x
                 int64 axis = {0}
                 y = Einsum <equation = "lrd,lrd->lr"> (x, rows)"#,
                "relative-gather proof at y: what the table's rows are multiplied by depends on both query and key",
            ),
            // The channels of the vectors are not those of the rows.
            (
                r#"float[9, L] table
                 float[B, 2, L, L] x
                 y = Einsum <equation = "bhld,lrd->bhld"> (x, rows)"#,
                "",
            ),
            // Sums over keys, as of relative values.
            (
                r#"float[B, 2, L, L] x
                 y = Einsum <equation = "bhlr,lrd->bhld"> (x, rows)"#,
                "",
            ),
            (
                "int64 two = {2}
                 half = Div (n, two)
                 bounded = Max (d, half)
                 index = Add (bounded, middle)",
                "relative-gather lut at y: the index depends on the size `L`",
            ),
        ],
    );
}

/// The graph is cheaper where few of many rows are used, and it is not known which.
#[test]
fn costs() {
    let refused = |count: usize, few: &str| {
        format!(
            "relative-gather lut at y: products with {count} rows of the table cost more than {few}"
        )
    };
    check_changes(
        KEYS,
        &[
            (
                "float[1023, 4] table
                 int64 middle = {511}",
                "y = gather(x * table[around 511] over 4) by reversed columns, q at p, k at p, reassociated",
            ),
            (
                "float[1023, 4] table
                 int64 middle = {511}
                 float[K] other
                 counts = Shape (other)
                 m = Gather (counts, none)
                 of_keys = Range (none, m, one)
                 j = Unsqueeze (of_keys, first)",
                &refused(1023, "the graph does for few keys"),
            ),
            (
                "float[1023, 4] table
                 float[B, 12, L, 4] x
                 int64 middle = {511}
                 float[64] other
                 counts = Shape (other)
                 m = Gather (counts, none)
                 of_keys = Range (none, m, one)
                 j = Unsqueeze (of_keys, first)",
                &refused(575, "those with 64 that the graph takes for a query"),
            ),
        ],
    );
}
