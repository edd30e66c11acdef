//! Arithmetic in the types of ONNX: what wraps, what is rounded and what vanishes.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_caveats, check_stops, check_values};

#[test]
fn integers_stay_in_their_type() {
    check_values(&[
        ("(float[N, M] x) => (y) { y = Size (x) }", "int64 {N*M}"),
        (
            "(float[N, M] x) => (y) <int64 k = {128}> { s = Size (x)  y = Mul (s, k) }",
            "int64 {128*N*M}",
        ),
        (
            "(int32 a) => (y) <int64 one = {1}> { w = Cast <to = 7> (a)  y = Add (w, one) }",
            "int64 {a + 1}",
        ),
    ]);
    check_stops(&[
        (
            "(int64 a) => (y) <int64 one = {1}> { y = Add (a, one) }",
            Stop::IntegerOverflow,
        ),
        ("(int32 a) => (y) { y = Mul (a, a) }", Stop::IntegerOverflow),
        ("(int8 a) => (y) { y = Neg (a) }", Stop::IntegerOverflow),
        (
            "(int64 a) => (y) { y = Cast <to = 6> (a) }",
            Stop::IntegerOverflow,
        ),
    ]);
}

#[test]
fn floats_are_rounded() {
    check_caveats(&[
        ("(float[N, 2] x) => (y) { y = Identity (x) }", ""),
        (
            "(float[N, 2] x) => (y) <float k = {0.1}> { y = Mul (x, k) }",
            "rounded",
        ),
        // Sizes and their products with small integers are exact in float.
        (
            "(float[N, 2] x) => (y) { s = Shape (x)  y = Cast <to = 1> (s) }",
            "",
        ),
        (
            "(float[N, 2] x) => (y) { s = Shape (x)  y = Cast <to = 10> (s) }",
            "rounded overflows",
        ),
    ]);
    check_stops(&[
        (
            "(float[N, 2] x) => (y) <float k = {0.1}> { a = Mul (x, k)  y = Floor (a) }",
            Stop::RoundedDecision,
        ),
        (
            "(float[N, 2] x) => (y) <float k = {0.1}> { a = Mul (x, k)  y = Less (a, k) }",
            Stop::RoundedDecision,
        ),
        (
            "(float[N, 2] x) => (y) <float k = {0.1}> { a = Mul (x, k)  y = Cast <to = 7> (a) }",
            Stop::RoundedDecision,
        ),
        (
            "(float[N, 2] x) => (y) <float k = {0.1}> { a = Mul (x, k)  y = Mod <fmod = 1> (a, k) }",
            Stop::RoundedDecision,
        ),
    ]);
}

#[test]
fn terms_that_vanish_are_noted() {
    check_caveats(&[
        ("(float[N, 2] x) => (y) { y = Sub (x, x) }", "loses"),
        (
            "(float[N, 2] x) => (y) <float[2] w = {1.0, 0.0}> { y = Mul (x, w) }",
            "rounded loses",
        ),
        (
            "(float[N, 2] x) => (y) <float[2] w = {1.0, -1.0}> { y = Mul (x, w) }",
            "rounded",
        ),
    ]);
}
