//! Constants too large to be told apart.

use crate::symbolic::testing::check_values;

/// The first numbers of a sequence, as elements of a tensor.
fn first(count: usize, number: fn(usize) -> usize) -> String {
    let numbers: Vec<String> = (0..count).map(|k| number(k).to_string()).collect();
    format!("{{{}}}", numbers.join(", "))
}

#[test]
fn rows_become_functions_of_the_position() {
    let run =
        |kind: &str, data: String| format!("() => (y) <{kind} w = {data}> {{ y = Identity (w) }}");
    let (even, sevens) = (first(600, |k| 2 * k), first(600, |_| 7));
    // Two columns: the row, and one more than twice the row.
    let columns = first(1200, |k| if k % 2 == 0 { k / 2 } else { k });
    // A table of two numbers, one of them in the last row alone.
    let table = run("int64[1, 600]", first(600, |k| k / 599));
    check_values(&[
        (&run("int64[600]", even), "int64[(600)] {2*i0}"),
        (&run("float[600, 1]", sevens), "float[(600), 1] {7}"),
        (
            &run("float[600, 2]", columns),
            "float[(600), 2] {i0, 2*i0 + 1}",
        ),
        (
            &table,
            &format!("int64[1, (600)] {{[{}1](i1)}}", "0, ".repeat(599)),
        ),
    ]);
}

#[test]
fn small_constants_are_told_apart() {
    check_values(&[
        (
            "() => (y) <float[2, 1] w = {0.5, nan}> { y = Identity (w) }",
            "float[(2), 1] {w}",
        ),
        (
            "() => (y) <uint64 w = {18446744073709551615}> { y = Identity (w) }",
            "uint64 {w}",
        ),
    ]);
}
