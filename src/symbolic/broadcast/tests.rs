//! Operands brought to one shape, one set of axes that are told apart, and one place for every root.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn shapes_broadcast() {
    check_values(&[
        (
            "(float[N, 1, 2] x, float[M, 1] z) => (y) { y = Mul (x, z) }",
            "float[(N), (M), 2] {x.0*z, x.1*z} x@0 z@1",
        ),
        (
            "(float[N, 2] x) => (y) <float[1, 1, 1] w = {3.0}> { y = Mul (x, w) }",
            "float[1, (N), 2] {3*x.0, 3*x.1}",
        ),
        // Either size may be 1.
        (
            "(float[N] x, float[M] z) => (y) { y = Mul (x, z) }",
            "float[(broadcast(N, M))] {x*z}",
        ),
    ]);
}

/// Where one operand does not tell an axis apart, none does: numbers become functions of the position.
#[test]
fn numbers_become_functions_of_the_position() {
    check_values(&[
        (
            "(float[N, 1] x) => (y) <float[4, 1] w = {0.0, 2.0, 4.0, 6.0}> { y = Mul (x, w) }",
            "float[(4), 1] {2*x*i0}",
        ),
        (
            "(float[N, 1] x) => (y) <float[3, 1] w = {3.0, 1.0, 4.0}> { y = Mul (x, w) }",
            "float[(3), 1] {x*[3, 1, 4](i0)}",
        ),
        (
            "(float[N, 1] x) => (y) <float[3, 1] w = {3.0, 1.0, 4.0}> { c = Cos (w)  y = Mul (x, c) }",
            "float[(3), 1] {-x*[0.9899924966004454, -0.5403023058681398, 0.6536436208636119](i0)}",
        ),
        (
            "(float[N, 1] x, float[3] z) => (y) <int64[1] axes = {1}> { c = Unsqueeze (z, axes)  y = Mul (x, c) }",
            "float[(3), 1] {x*opened(z)}",
        ),
    ]);
}

/// Positions of queries against positions of keys.
#[test]
fn positions_along_two_axes() {
    check_values(&[(
        "(float[N] z) => (y) <int64 zero = {0}, int64 one = {1}, int64[1] axes = {1}> {
             n = Size (z)
             r = Range (zero, n, one)
             q = Unsqueeze (r, axes)
             y = Sub (q, r)
         }",
        "int64[(N), (N)] {i0 - i1}",
    )]);
}

/// Numbers along several axes at once are known by their numbers, up to a sign of all.
#[test]
fn numbers_over_a_grid() {
    check_values(&[
        (
            "(float[N, M, 1] x) => (y)
             <float[2, 2, 3] w = {1.0, -1.0, 7.0, 2.0, -2.0, 7.0, 3.0, -3.0, 7.0, 5.0, -5.0, 7.0}> { y = Mul (x, w) }",
            "float[(2), (2), 3] {x*[1, 2, 3, 5], -x*[1, 2, 3, 5], 7*x}",
        ),
        (
            "(float[N, M] x) => (y) <float[2, 2] w = {3.0, 3.0, 3.0, 3.0}> { y = Mul (x, w) }",
            "float[(2), (2)] {3*x}",
        ),
    ]);
}

// `OtherPosition` keeps a root from being opened, and stops no node. `NoBroadcast`: a graph in which sizes do not broadcast does not run.
#[test]
fn what_has_no_place() {
    check_stops(&[
        (
            "(float[N, 1] x, float[1, 1] a, float[1, 1] b, float[1, 1] c) => (y)
             { w = Concat <axis = 0> (a, b, c)  y = Mul (x, w) }",
            Stop::NoRule,
        ),
        (
            "(float[N, 1] x, float[1, 1] a) => (y)
             <float k = {0.1}> { b = Mul (a, k)  w = Concat <axis = 0> (b, b)  y = Mul (x, w) }",
            Stop::EqualUpToRounding,
        ),
        (
            "(float[N] x) => (y) <float[0] w = {}> { y = Mul (x, w) }",
            Stop::EmptyAxis,
        ),
        (
            "(float[N, M, 1] x, float[1, 1, 1] a) => (y)
             <float[2, 2, 1] w = {1.0, 2.0, 3.0, 5.0}> { v = Mul (a, w)  y = Mul (x, v) }",
            Stop::TwoPositionAxes,
        ),
        (
            "(float[N] z) => (y) <int64 zero = {0}, int64 one = {1}, int64[1] a = {1}> {
                 n = Size (z)
                 k = Range (zero, n, one)
                 q = Unsqueeze (k, a)
                 d = Sub (q, k)
                 t = Transpose (d)
                 y = Add (d, t)
             }",
            Stop::RootOnThreeAxes,
        ),
        (
            "(float[N] z) => (y) <int64 zero = {0}, int64 one = {1}, int64[1] a = {0}> {
                 n = Size (z)
                 r = Range (zero, n, one)
                 s = Unsqueeze (r, a)
                 y = Gather <axis = 0> (s, r)
             }",
            Stop::RootOnTwoAxes,
        ),
    ]);
}
