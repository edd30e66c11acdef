//! Elementwise operators: sums, products, comparisons, choices and casts.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn sums_and_products() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) { y = Add (x, x) }",
            "float[(N), 2] {2*x.0, 2*x.1}",
        ),
        (
            "(float[N, 2] x) => (y) { y = Sum (x, x, x) }",
            "float[(N), 2] {3*x.0, 3*x.1}",
        ),
        (
            "(float[N, 2] x) => (y) { d = Add (x, x)  y = Sub (d, x) }",
            "float[(N), 2] {x.0, x.1}",
        ),
        (
            "(float[N, 2] x) => (y) <float[2] w = {2.0, 0.0}> { y = Mul (x, w) }",
            "float[(N), 2] {2*x.0, 0}",
        ),
        (
            "(float[N, 2] x) => (y) { y = Neg (x) }",
            "float[(N), 2] {-x.0, -x.1}",
        ),
        (
            "(float[N, 2] x) => (y) <float two = {2.0}> { y = Div (x, two) }",
            "float[(N), 2] {0.5*x.0, 0.5*x.1}",
        ),
        (
            "(float[N, 2] x) => (y) { y = Div (x, x) }",
            "float[(N), 2] {x.0*reciprocal(x.0), x.1*reciprocal(x.1)}",
        ),
        (
            "(float[N, M, 6] x) => (y) <int64 two = {2}> { s = Shape (x)  y = Div (s, two) }",
            "int64[3] {integerdiv(N, 2), integerdiv(M, 2), 3}",
        ),
        (
            "(float[N, 6] x) => (y) <int64[2] four = {4, 4}> { s = Shape (x)  y = Mod (s, four) }",
            "int64[2] {mod(N, 4), 2}",
        ),
    ]);
}

/// Sizes are from 0 to 2^24, and so a comparison of them may be decided.
#[test]
fn comparisons() {
    check_values(&[
        (
            "(float[N, 6] x) => (y) <int64 k = {-1}> { s = Shape (x)  y = Equal (s, k) }",
            "bool[2] {0, 0}",
        ),
        (
            "(float[N, 6] x) => (y) <int64 k = {3}> { s = Shape (x)  y = Greater (s, k) }",
            "bool[2] {less(3, N), 1}",
        ),
        (
            "(float[N, 6] x) => (y) <int64 k = {0}> { s = Shape (x)  y = GreaterOrEqual (s, k) }",
            "bool[2] {1, 1}",
        ),
        (
            "(float[N, 6] x) => (y) <int64 k = {0}> { s = Shape (x)  y = Less (s, k) }",
            "bool[2] {0, 0}",
        ),
        (
            "(float[N, 6] x) => (y) <int64 k = {6}> { s = Shape (x)  y = LessOrEqual (s, k) }",
            "bool[2] {lessorequal(N, 6), 1}",
        ),
        (
            "(float[N, 6] x) => (y) <int64 k = {4}> { s = Shape (x)  y = Max (s, k) }",
            "int64[2] {max(4, N), 6}",
        ),
        (
            "(float[N, 6] x) => (y) <int64 k = {-4}> { s = Shape (x)  y = Min (s, k) }",
            "int64[2] {-4, -4}",
        ),
        ("(bool p) => (y) { y = And (p, p) }", "bool {p}"),
        (
            "(bool p, bool q) => (y) { n = Not (q)  o = Or (p, n)  y = Xor (o, q) }",
            "bool {xor(or(p, not(q)), q)}",
        ),
    ]);
}

#[test]
fn known_functions() {
    check_values(&[
        (
            "(float[N, 1] x) => (y) { c = Cos (x)  s = Sin (x)  y = Mul (c, s) }",
            "float[(N), 1] {cos(x)*sin(x)}",
        ),
        (
            "(float[N, 1] x) => (y) { a = Exp (x)  b = Log (a)  c = Sqrt (b)  y = Reciprocal (c) }",
            "float[(N), 1] {reciprocal(sqrt(log(exp(x))))}",
        ),
        (
            "(float[N, 1] x) => (y) { a = Floor (x)  b = Ceil (x)  y = Mul (a, b) }",
            "float[(N), 1] {floor(x)*ceil(x)}",
        ),
        (
            "(float[N, 1] x) => (y) { a = Abs (x)  b = Sign (x)  y = Mul (a, b) }",
            "float[(N), 1] {abs(x)*sign(x)}",
        ),
        (
            "(float[N, 1] x) => (y) <float two = {2.0}> { y = Pow (x, two) }",
            "float[(N), 1] {pow(x, 2)}",
        ),
        (
            "() => (y) <float[4] x = {0.5, 1.5, -2.5, 2.4}> { y = Round (x) }",
            "float[4] {0, 2, -2, 2}",
        ),
        // Sizes are whole.
        (
            "(float[N, 6] x) => (y) { s = Shape (x)  f = Cast <to = 1> (s)  y = Floor (f) }",
            "float[2] {N, 6}",
        ),
    ]);
}

#[test]
fn choices() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) <bool[2] c = {1, 0}, float zero = {0.0}> { y = Where (c, x, zero) }",
            "float[(N), 2] {x.0, 0}",
        ),
        (
            "(bool[N] c, float[N] x) => (y) { n = Neg (x)  y = Where (c, x, n) }",
            "float[(N)] {where(c, x, -x)}",
        ),
        (
            "(bool[N] c, float[N] x) => (y) { y = Where (c, x, x) }",
            "float[(N)] {x}",
        ),
    ]);
}

#[test]
fn casts() {
    check_values(&[
        (
            "(float[N, 6] x) => (y) { s = Shape (x)  f = Cast <to = 1> (s)  y = Cast <to = 7> (f) }",
            "int64[2] {N, 6}",
        ),
        (
            "(float[N, 1] x) => (y) { y = Cast <to = 9> (x) }",
            "bool[(N), 1] {istrue(x)}",
        ),
        (
            "(float[N, 1] x) => (y) { h = Cast <to = 10> (x)  y = Cast <to = 1> (h) }",
            "float[(N), 1] {x}",
        ),
        (
            "(float[N, 6] x) => (y) { s = Shape (x)  y = Cast <to = 6> (s) }",
            "int32[2] {N, 6}",
        ),
        (
            "(float[N, 1] x, double z) => (y) { y = CastLike (x, z) }",
            "double[(N), 1] {x}",
        ),
    ]);
}

// `NoOperand`, `NotThreeOperands` and `NoBroadcast`: no valid model has a sum of nothing or a choice with another number of operands, and
// none in which sizes do not broadcast runs.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            "(float[N, 4] x) => (y) { y = Max (x, x, x) }",
            Stop::NotTwoOperands,
        ),
        // Functions of channels that are not linear.
        ("(float[N, 2] x) => (y) { y = Mul (x, x) }", Stop::NotLinear),
        ("(float[N, 2] x) => (y) { y = Abs (x) }", Stop::NotLinear),
        (
            "(float[N, 2] x, bool[N, 2] mask) => (y) <float one = {1.0}> { y = Where (mask, x, one) }",
            Stop::NotLinear,
        ),
        (
            "(float[N, 2] x) => (y) <float two = {2.0}> { y = Pow (x, two) }",
            Stop::NotLinear,
        ),
        // A bias, and a residual connection.
        (
            "(float[N, 2] x) => (y) <float[2] w = {1.0, 2.0}> { y = Add (x, w) }",
            Stop::UnrelatedSum,
        ),
        (
            "(float[N, 2] x, float[N, 2] z) => (y) { y = Add (x, z) }",
            Stop::UnrelatedSum,
        ),
        // Equal over the reals, and computed apart.
        (
            "(bool c, float[N, 2] x) => (y) <float k = {0.1}> { a = Mul (x, k)  b = Mul (k, x)  y = Where (c, a, b) }",
            Stop::RoundedChoice,
        ),
        (
            "(float[N, 2] x, float[] like) => (y) { y = CastLike (x, like) }",
            Stop::CastToUnknown,
        ),
        (
            "(float[N, 2] x) => (y) { y = Cast <to = 8> (x) }",
            Stop::CastNotNumeric,
        ),
    ]);
}
