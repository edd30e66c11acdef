//! Reshape and Flatten: groups of axes of equal volume.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn axes_that_stay() {
    check_values(&[
        (
            "(float[N, M, 2] x) => (y) <int64[3] s = {0, 0, -1}> { y = Reshape (x, s) }",
            "float[(N), (M), 2] {x.0, x.1}",
        ),
        (
            "(float[N, M, 2] x) => (y) <int64[4] s = {0, 1, -1, 2}> { y = Reshape (x, s) }",
            "float[(N), 1, (M), 2] {x.0, x.1}",
        ),
        (
            "(float[N, 2] x, float[1, N, 2] z) => (y) { s = Shape (z)  y = Reshape (x, s) }",
            "float[1, (N), 2] {x.0, x.1}",
        ),
    ]);
}

#[test]
fn channels_that_are_regrouped() {
    check_values(&[
        (
            "(float[N, 4] x) => (y) { d = Add (x, x)  s = Constant <value_ints = [0, 2, 2]> ()  y = Reshape (d, s) }",
            "float[(N), 2, 2] {2*x.0, 2*x.1, 2*x.2, 2*x.3}",
        ),
        (
            "(float[N, 2, 2] x) => (y) <int64[2] s = {0, 4}> { y = Reshape (x, s) }",
            "float[(N), 4] {x.0, x.1, x.2, x.3}",
        ),
        (
            "() => (y) <float[4] x = {1.0, 2.0, 3.0, 4.0}, int64[2] s = {2, -1}> { y = Reshape (x, s) }",
            "float[2, 2] {1, 2, 3, 4}",
        ),
    ]);
}

#[test]
fn opaque_axes_that_merge_or_split() {
    check_values(&[
        (
            "(float[N, M, 2] x) => (y) <int64[2] s = {-1, 2}> { y = Reshape (x, s) }",
            "float[(N*M), 2] {reshape(x).0, reshape(x).1}",
        ),
        (
            "(float[N, M, 2] x) => (y) { y = Flatten <axis = 2> (x) }",
            "float[(N*M), 2] {reshape(x).0, reshape(x).1}",
        ),
        // What does not vary along the axes that merge lies where it lay.
        (
            "(float[N, M, 2] x, float[1, 1, 2] c) => (y) <int64[2] s = {-1, 2}> { p = Mul (x, c)  y = Reshape (p, s) }",
            "float[(N*M), 2] {c.0*reshape(x).0, c.1*reshape(x).1} c@",
        ),
    ]);
}

/// What may be -1 stands for what the others leave, where it is a size of the input in a graph that runs.
#[test]
fn sizes_that_are_computed() {
    check_values(&[(
        "(float[N, 2] x, float[M] z) => (y) <int64 one = {1}, int64[1] two = {2}> {
             m = Shape (z)
             k = Sub (m, one)
             s = Concat <axis = 0> (k, two)
             y = Reshape (x, s)
         }",
        "float[(N), 2] {x.0, x.1}",
    )]);
}

// `CopiedAxisAbsent`: no valid model copies an axis that is not there.
#[test]
fn what_does_not_match() {
    check_stops(&[
        (
            "(float[N, 4] x, int64[K] s) => (y) { y = Reshape (x, s) }",
            Stop::ReshapeToUnknown,
        ),
        (
            "(float[N, 2] x, int64[1] k) => (y)
             <int64[1] two = {2}> { s = Concat <axis = 0> (k, two)  y = Reshape (x, s) }",
            Stop::ReshapeWithoutMatch,
        ),
        (
            "(float[N, 4] x, float[M, K] z) => (y) { s = Shape (z)  y = Reshape (x, s) }",
            Stop::ReshapeWithoutMatch,
        ),
        (
            "(float[N, 8] x) => (y) <int64[3] s = {0, 2, 4}> { y = Reshape (x, s) }",
            Stop::SplitIntoHeads,
        ),
        (
            "(float[N, 1024] x) => (y) <int64[3] s = {0, 16, 64}> { y = Reshape (x, s) }",
            Stop::SplitIntoHeads,
        ),
        (
            "(float[N, 4] x) => (y) <int64[1] s = {-1}> { y = Reshape (x, s) }",
            Stop::ReshapeMixesChannels,
        ),
    ]);
}
