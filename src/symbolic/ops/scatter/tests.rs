//! ScatterND, and what it has in common with ScatterElements.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn elements_are_written() {
    check_values(&[
        (
            "(float[4] x, float z) => (y)
             <int64[1, 1] i = {2}, int64[1] axes = {0}> { u = Unsqueeze (z, axes)  y = ScatterND (x, i, u) }",
            "float[4] {x.0, x.1, z, x.3}",
        ),
        (
            "(float[4] x) => (y) <int64[2, 1] i = {0, -1}, float[2] u = {7.0, 8.0}> { y = ScatterND (x, i, u) }",
            "float[4] {7, x.1, x.2, 8}",
        ),
        (
            "() => (y)
             <float[2, 2] x = {1.0, 2.0, 3.0, 4.0}, int64[1, 1] i = {1}, float[1, 2] u = {7.0, 8.0}> { y = ScatterND (x, i, u) }",
            "float[2, 2] {1, 2, 7, 8}",
        ),
    ]);
}

/// Indices that name every position of an axis once, by itself, as exporters write out a whole grid of them.
#[test]
fn positions_that_are_named_by_themselves() {
    check_values(&[(
        "(float[N, 2] x, float[N, 1] u) => (y)
         <int64 zero = {0}, int64 one = {1}, int64[3] s = {-1, 1, 1}, int64[1, 1, 1] last = {1}> {
             k = Shape <end = 1> (x)
             n = Squeeze (k)
             r = Range (zero, n, one)
             i = Reshape (r, s)
             none = Sub (i, i)
             c = Add (none, last)
             t = Concat <axis = 2> (i, c)
             y = ScatterND (x, t, u)
         }",
        "float[(N), 2] {x.0, u}",
    )]);
}

// `IndexScalar`, `IndexOfUnknownWidth` and `UpdatesRank`: no valid model has such an index or such updates.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            r#"(float[4] x, float[1] u) => (y) <int64[1, 1] i = {2}> { y = ScatterND <reduction = "add"> (x, i, u) }"#,
            Stop::ScatterAccumulates,
        ),
        (
            "(float[N, 4] x, float[1, 4] u) => (y) <int64[1, 1] i = {0}> { y = ScatterND (x, i, u) }",
            Stop::ScatterIntoOpaqueAxes,
        ),
        (
            "(float[4] x, int64[M, 1] i, float[M] u) => (y) { y = ScatterND (x, i, u) }",
            Stop::ScatterNotConstant,
        ),
        // Several updates that are not told apart.
        (
            "(float[2, 4] u) => (y)
             <float[2, 4] x = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, int64[2, 1] i = {0, 1}> { y = ScatterND (x, i, u) }",
            Stop::UpdatesShape,
        ),
        // One update, along an axis that has size 1 where the graph runs.
        (
            "(float[4] x, float[N] u) => (y) <int64[1, 1] i = {2}> { y = ScatterND (x, i, u) }",
            Stop::UpdatesVary,
        ),
    ]);
}
