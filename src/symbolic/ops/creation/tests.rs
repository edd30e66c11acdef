//! Constants, ranges and shapes.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn constants() {
    check_values(&[
        (
            "() => (y) { y = Constant <value = float16[2] {15360, 49152}> () }",
            "float16[2] {1, -2}",
        ),
        ("() => (y) { y = Constant <value_int = 3> () }", "int64 {3}"),
        (
            "() => (y) { y = Constant <value_floats = [0.5, 2.0]> () }",
            "float[2] {0.5, 2}",
        ),
        (
            "() => (y) { y = Constant <value_ints = [9007199254740993]> () }",
            "int64[1] {9007199254740993}",
        ),
        (
            "() => (y) <int64[2] s = {2, 2}> { y = ConstantOfShape <value = int64[1] {7}> (s) }",
            "int64[2, 2] {7, 7, 7, 7}",
        ),
        (
            "(float[N] x) => (y) { s = Shape (x)  y = ConstantOfShape (s) }",
            "float[(N)] {0}",
        ),
    ]);
}

#[test]
fn ranges() {
    check_values(&[
        (
            "() => (y) <int64 a = {1}, int64 b = {8}, int64 c = {3}> { y = Range (a, b, c) }",
            "int64[3] {1, 4, 7}",
        ),
        (
            "() => (y) <int64 a = {3}, int64 b = {0}, int64 c = {-1}> { y = Range (a, b, c) }",
            "int64[3] {3, 2, 1}",
        ),
        (
            "(float[N] x) => (y) <int64 a = {0}, int64 c = {1}> { n = Size (x)  y = Range (a, n, c) }",
            "int64[(N)] {i0}",
        ),
        (
            "(float[N] x) => (y) <int64 a = {0}, int64 c = {2}> { n = Size (x)  y = Range (a, n, c) }",
            "int64[(integerdiv(N + 1, 2))] {2*i0}",
        ),
        (
            "(float[N] x) => (y) <int64 c = {1}, int64 k = {5}> { n = Size (x)  b = Add (n, k)  y = Range (n, b, c) }",
            "int64[(5)] {N + i0}",
        ),
        (
            "() => (y) <int64 a = {2}, int64 b = {1000}, int64 c = {1}> { y = Range (a, b, c) }",
            "int64[(998)] {i0 + 2}",
        ),
        (
            "(int64 a, int64 b) => (y) <int64 c = {1}> { y = Range (a, b, c) }",
            "int64[(max(0, -a + b))] {a + i0}",
        ),
    ]);
}

#[test]
fn shapes() {
    check_values(&[
        (
            "(float[N, M, 4] x) => (y) { y = Shape (x) }",
            "int64[3] {N, M, 4}",
        ),
        (
            "(float[N, M, 4] x) => (y) { y = Shape <start = -2, end = 2> (x) }",
            "int64[1] {M}",
        ),
        (
            "(float[N, M, 4] x) => (y) { y = Size (x) }",
            "int64 {4*N*M}",
        ),
    ]);
}

// `ConstantWithoutName`, `ConstantOfUnknownType`, `FillUnreadable`, `FillEmpty`, `RangeOfUnknownBounds` and `RangeNotScalar`: no valid
// model has such constants or bounds.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            "() => (y) { y = Constant <value_float = inf> () }",
            Stop::ConstantNotFinite,
        ),
        (
            r#"() => (y) { y = Constant <value_string = "x"> () }"#,
            Stop::ConstantNotNumeric,
        ),
        (
            "(int64[K] s) => (y) { y = ConstantOfShape (s) }",
            Stop::UnknownShape,
        ),
        (
            "() => (y) <int64[1] s = {2}> { y = ConstantOfShape <value = float[1] {-inf}> (s) }",
            Stop::FillNotFinite,
        ),
        (
            "(int64 c) => (y) <int64 a = {0}, int64 b = {9}> { y = Range (a, b, c) }",
            Stop::RangeOfUnknownStep,
        ),
        (
            "(float b) => (y) <float a = {0.0}, float c = {0.5}> { y = Range (a, b, c) }",
            Stop::RangeOfUnknownLength,
        ),
        (
            "(float[N] x) => (y)
             <float a = {0.0}, float c = {0.1}> { n = Size (x)  f = Cast <to = 1> (n)  b = Mul (f, c)  y = Range (a, b, c) }",
            Stop::RoundedDecision,
        ),
    ]);
}
