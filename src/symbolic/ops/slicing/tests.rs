//! Slice and Split.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn channels_are_picked() {
    check_values(&[
        (
            "(float[N, 4] x) => (y) <int64[1] s = {1}, int64[1] e = {3}, int64[1] a = {1}> { y = Slice (x, s, e, a) }",
            "float[(N), 2] {x.1, x.2}",
        ),
        (
            "(float[N, 4] x) => (y)
             <int64[1] s = {-2}, int64[1] e = {9}, int64[1] a = {-1}> { y = Slice (x, s, e, a) }",
            "float[(N), 2] {x.2, x.3}",
        ),
        (
            "(float[N, 4] x) => (y)
             <int64[1] s = {0}, int64[1] e = {4}, int64[1] a = {1}, int64[1] t = {2}> { y = Slice (x, s, e, a, t) }",
            "float[(N), 2] {x.0, x.2}",
        ),
        (
            "(float[N, 4] x) => (y)
             <int64[1] s = {-1}, int64[1] e = {-9}, int64[1] a = {1}, int64[1] t = {-1}> { y = Slice (x, s, e, a, t) }",
            "float[(N), 4] {x.3, x.2, x.1, x.0}",
        ),
        (
            "(float[N, 4] x) => (y) <int64[1] s = {3}, int64[1] e = {1}, int64[1] a = {1}> { y = Slice (x, s, e, a) }",
            "float[(N), 0] {}",
        ),
        (
            r#"<ir_version: 7, opset_import: ["": 9]> g (float[N, 4] x) => (y)
               { y = Slice <starts = [1], ends = [2], axes = [1]> (x) }"#,
            "float[(N), 1] {x.1}",
        ),
    ]);
}

#[test]
fn opaque_axes_are_cut() {
    check_values(&[
        ("(float[N, 2] x) => (y)
          <int64[1] s = {1}, int64[1] e = {9223372036854775807}>
          { y = Slice (x, s, e) }", "float[(max(0, N - 1)), 2] {slice(x).0, slice(x).1}"),
        ("(float[N, 2] x) => (y)
          <int64[1] s = {0}, int64[1] e = {9223372036854775807}> { y = Slice (x, s, e) }", "float[(N), 2] {x.0, x.1}"),
        ("(float[N, 2] x) => (y)
          <int64[1] s = {0}, int64[1] e = {5}> { y = Slice (x, s, e) }", "float[(min(5, N)), 2] {slice(x).0, slice(x).1}"),
        ("(float[N, 2] x) => (y)
          <int64[1] s = {-3}, int64[1] e = {9223372036854775807}>
          { y = Slice (x, s, e) }", "float[(min(3, N)), 2] {slice(x).0, slice(x).1}"),
        ("(float[600] x) => (y)
          <int64[1] s = {600}, int64[1] e = {-601}, int64[1] a = {0}, int64[1] t = {-2}>
          { y = Slice (x, s, e, a, t) }", "float[(300)] {slice(x)}"),
        // Positions are counted on.
        ("(float[N] x) => (y)
          <int64 zero = {0}, int64 one = {1}, int64[1] n = {2}, int64[1] e = {99}, int64[1] a = {0}, int64[1] t = {3}> {
              s = Size (x)
              r = Range (zero, s, one)
              y = Slice (r, n, e, a, t)
          }", "int64[(integerdiv(max(0, min(99, N) - 2) + 2, 3))] {3*i0 + 2}"),
    ]);
}

/// Numbers that are told apart become a function of the position where the bounds are not constant.
#[test]
fn bounds_that_are_sizes() {
    check_values(&[
        (
            "(float[N] z) => (y)
             <float[5] x = {3.0, 1.0, 4.0, 1.0, 5.0}, int64[1] s = {0}> { e = Shape (z)  y = Slice (x, s, e) }",
            "float[(min(5, N))] {[3, 1, 4, 1, 5](i0)}",
        ),
        (
            "(float[5] x, float[N] z) => (y) <int64[1] e = {5}> { s = Shape (z)  y = Slice (x, s, e) }",
            "float[(max(0, -N + 5))] {slice(opened(x))}",
        ),
    ]);
}

#[test]
fn parts() {
    check_values(&[
        (
            "(float[N, 4] x) => (a, b) { a, b = Split <axis = 1, num_outputs = 2> (x) }",
            "float[(N), 2] {x.0, x.1}; float[(N), 2] {x.2, x.3}",
        ),
        (
            "(float[N, 4] x) => (a, b) <int64[2] s = {1, 3}> { a, b = Split <axis = 1> (x, s) }",
            "float[(N), 1] {x.0}; float[(N), 3] {x.1, x.2, x.3}",
        ),
        (
            "(float[N, 5] x) => (a, b) { a, b = Split <axis = 1, num_outputs = 2> (x) }",
            "float[(N), 3] {x.0, x.1, x.2}; float[(N), 2] {x.3, x.4}",
        ),
        (
            "(float[600, 2] x) => (a, b) { a, b = Split <num_outputs = 2> (x) }",
            "float[(300), 2] {slice(x).0, slice(x).1}; float[(300), 2] {slice(x).0, slice(x).1}",
        ),
        (
            "(float[N, 1024] x) => (a, b) <int64[2] s = {1023, 1}> { a, b = Split <axis = 1> (x, s) }",
            "float[(N), (1023)] {a#1}; float[(N), 1] {b#2}",
        ),
        (
            "(float[N, 2] x, float[M] z) => (a, b) {
                 n = Shape <end = 1> (x)
                 m = Shape (z)
                 k = Sub (n, m)
                 s = Concat <axis = 0> (m, k)
                 a, b = Split (x, s)
             }",
            "float[(M), 2] {slice(x).0, slice(x).1}; float[(N - M), 2] {slice(x).0, slice(x).1}",
        ),
    ]);
}

// `BoundsLength`, `NegativeSize`, `StepZero` and `ImpossibleParts`: no valid model has bounds that are not as many, an axis or a part of
// negative size, or a step of 0. `PastTheEnd`: positions are checked or clamped before.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            "(float[N, 4] x, int64[K] s) => (y) <int64[1] e = {9}> { y = Slice (x, s, e) }",
            Stop::UnknownBounds,
        ),
        (
            "(float[N, 4] x, int64[1] s) => (y) <int64[1] e = {9}> { y = Slice (x, s, e) }",
            Stop::BoundOfUnknownSign,
        ),
        (
            "(float[N, 4] x) => (y)
             <int64[1] s = {-1}, int64[1] e = {-9}, int64[1] a = {0}, int64[1] t = {-1}> { y = Slice (x, s, e, a, t) }",
            Stop::ReversedUnknownSize,
        ),
        (
            "(float[1, 4] x, float[N] z) => (y) <int64[1] s = {0}> { e = Shape (z)  y = Slice (x, s, e) }",
            Stop::UnitAxisCut,
        ),
        (
            "(float[N, 4] x) => (a, b) { a, b = Split <axis = 0, num_outputs = 2> (x) }",
            Stop::UnknownSizeSplit,
        ),
        (
            "(float[N, 1024] x) => (b) <int64[2] s = {1023, 1}> { , b = Split <axis = 1> (x, s) }",
            Stop::OutputWithoutName,
        ),
        (
            "(float[N, 4] x, int64[2] s) => (a, b) { a, b = Split <axis = 1> (x, s) }",
            Stop::ToldApartSplit,
        ),
    ]);
}
