//! Expand, Tile and Concat.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn expansions() {
    check_values(&[
        (
            "(float[N, 1] x) => (y) <int64[2] s = {1, 3}> { y = Expand (x, s) }",
            "float[(N), 3] {x, x, x}",
        ),
        (
            "(float[1, 2] x, float[N, 5] z) => (y) <int64[1] two = {2}> {
              s = Shape <end = 1> (z)
              t = Concat <axis = 0> (s, two)
              y = Expand (x, t)
          }",
            "float[(N), 2] {x.0, x.1} x@",
        ),
        (
            "(float[2] x) => (y) <int64[3] s = {7, 1, 2}> { y = Expand (x, s) }",
            "float[(7), 1, 2] {x.0, x.1} x@",
        ),
        // Where N is 1, all positions are the first.
        (
            "(float[N, 1] x, float[M] z) => (y) <int64[1] one = {1}> {
              s = Shape (z)
              t = Concat <axis = 0> (s, one)
              y = Expand (x, t)
          }",
            "float[(broadcast(M, N)), 1] {x}",
        ),
    ]);
}

#[test]
fn repeats() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) <int64[2] r = {1, 2}> { y = Tile (x, r) }",
            "float[(N), 4] {x.0, x.1, x.0, x.1}",
        ),
        (
            "(float[1, 2] x, float[N] z) => (y) <int64[1] one = {1}> {
              s = Shape (z)
              r = Concat <axis = 0> (s, one)
              y = Tile (x, r)
          }",
            "float[(N), 2] {x.0, x.1} x@",
        ),
    ]);
}

#[test]
fn concatenations() {
    check_values(&[
        (
            "(float[N, 1] x, float[N, 2] z) => (y) { y = Concat <axis = -1> (x, z) }",
            "float[(N), 3] {x, z.0, z.1}",
        ),
        (
            "(float[N, 2] x) => (y) { c = Cos (x)  n = Neg (x)  y = Concat <axis = 1> (c, n) }",
            "float[(N), 4] {cos(x.0), cos(x.1), -x.0, -x.1}",
        ),
        (
            "(float[N, M] x) => (y) <int64[1] k = {-1}> { s = Shape (x)  y = Concat <axis = 0> (k, s) }",
            "int64[3] {-1, N, M}",
        ),
        (
            "(float[1, 2] x, float[1, 2] z) => (y) { y = Concat <axis = 0> (x, z) }",
            "float[2, 2] {x.0, x.1, z.0, z.1}",
        ),
    ]);
}

// `RepeatsRank`, `NothingToConcatenate`, `ConcatWithoutAxis`, `ConcatRank`: no valid model has repeats of other rank, or concatenates
// nothing, along no axis, or values of several ranks. `ConcatShape`: sizes that are the same are told apart alike by then.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            "(float[N, 1] x, int64[K] s) => (y) { y = Expand (x, s) }",
            Stop::ExpandToUnknown,
        ),
        (
            "(float[N, 2] x, int64[K] r) => (y) { y = Tile (x, r) }",
            Stop::UnknownRepeats,
        ),
        (
            "(float[N, 2] x) => (y) <int64[2] r = {2, 1}> { y = Tile (x, r) }",
            Stop::RepeatOfOpaqueAxis,
        ),
        (
            "(float[N, 2] x) => (y) { y = Concat <axis = 0> (x, x) }",
            Stop::ConcatAlongOpaqueAxis,
        ),
        (
            "(float[N, 2] x, float[M, 2] z) => (y) { y = Concat <axis = 1> (x, z) }",
            Stop::ConcatSizesMayDiffer,
        ),
        (
            "(float[1, 512] x) => (y) {
                 a = Concat <axis = 0> (x, x, x, x, x, x, x, x)
                 y = Concat <axis = 0> (a, a, a, a, a)
             }",
            Stop::ConcatTooWide,
        ),
    ]);
}
