//! Gather, GatherElements and GatherND.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn constant_indices_pick_channels() {
    check_values(&[
        (
            "(float[N, 4] x) => (y) <int64[2] i = {3, -4}> { y = Gather <axis = 1> (x, i) }",
            "float[(N), 2] {x.3, x.0}",
        ),
        (
            "(float[N, 4] x) => (y) <int64 i = {2}> { y = Gather <axis = -1> (x, i) }",
            "float[(N)] {x.2}",
        ),
        (
            "(float[N, 4] x) => (y) <int64[2, 2] i = {0, 1, 2, 3}> { y = Gather <axis = 1> (x, i) }",
            "float[(N), 2, 2] {x.0, x.1, x.2, x.3}",
        ),
        (
            "(float[N, M] x) => (y) <int64 i = {1}> { s = Shape (x)  y = Gather (s, i) }",
            "int64 {M}",
        ),
    ]);
}

#[test]
fn constant_indices_take_rows() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) <int64 i = {0}> { y = Gather (x, i) }",
            "float[2] {index(x).0, index(x).1}",
        ),
        (
            "(float[N, 2] x) => (y) <int64[2] i = {1, 0}> { y = Gather (x, i) }",
            "float[(2), 2] {index(x).0, index(x).1}",
        ),
        (
            "(float[N] z) => (y) <int64 zero = {0}, int64 one = {1}, int64 i = {7}> {
              s = Size (z)
              r = Range (zero, s, one)
              y = Gather (r, i)
          }",
            "int64 {7}",
        ),
    ]);
}

/// A dynamic index is put in the place of the position.
#[test]
fn dynamic_indices_look_up() {
    check_values(&[
        (
            "(uint8[N] u) => (y) <float[3] x = {5.0, 1.0, 4.0}> { i = Cast <to = 7> (u)  y = Gather (x, i) }",
            "float[(N)] {[5, 1, 4](u)}",
        ),
        (
            "(uint8[N] u) => (y)
             <float[3, 2] x = {1.0, 0.5, 2.0, 0.25, 4.0, 0.75}> { i = Cast <to = 7> (u)  y = Gather (x, i) }",
            "float[(N), 2] {[1, 2, 4](u), [0.5, 0.25, 0.75](u)}",
        ),
        // A negative index is counted from the end.
        (
            "(int64[N] i) => (y) <float[3] x = {5.0, 1.0, 4.0}> { y = Gather (x, i) }",
            "float[(N)] {[5, 1, 4](wrapped(i, 3))}",
        ),
        (
            "(int64[N, M] i) => (y) <float[3] x = {5.0, 1.0, 4.0}> { y = Gather (x, i) }",
            "float[(N), (M)] {[5, 1, 4](wrapped(i, 3))}",
        ),
    ]);
}

#[test]
fn elements_by_index() {
    check_values(&[
        (
            "(float[2, 2] x) => (y)
             <int64[2, 2] i = {1, 0, 0, 0}> { d = Add (x, x)  y = GatherElements <axis = 1> (d, i) }",
            "float[2, 2] {2*x.1, 2*x.0, 2*x.2, 2*x.2}",
        ),
        (
            "() => (y)
             <float[2, 2] x = {1.0, 2.0, 3.0, 4.0}, int64[2, 1] i = {1, 0}> { y = GatherElements <axis = 1> (x, i) }",
            "float[2, 1] {2, 3}",
        ),
        (
            "(int64[N] i) => (y) <float[3] x = {5.0, 1.0, 4.0}> { y = GatherElements (x, i) }",
            "float[(N)] {[5, 1, 4](wrapped(i, 3))}",
        ),
    ]);
}

#[test]
fn tuples_of_indices() {
    check_values(&[
        (
            "() => (y) <float[2, 2] x = {1.0, 2.0, 3.0, 4.0}, int64[2, 2] i = {0, 1, 1, 0}> { y = GatherND (x, i) }",
            "float[2] {2, 3}",
        ),
        (
            "() => (y) <float[2, 2] x = {1.0, 2.0, 3.0, 4.0}, int64[1, 1] i = {1}> { y = GatherND (x, i) }",
            "float[1, 2] {3, 4}",
        ),
        (
            "(int64[N, 1] i) => (y) <float[3] x = {5.0, 1.0, 4.0}> { y = GatherND (x, i) }",
            "float[(N)] {[5, 1, 4](wrapped(i, 3))}",
        ),
    ]);
}

// `IndexIntoScalar`, `IndexOutOfRange`, `IndexRank`, `IndexScalar` and `IndexWidth`: no valid model has such an index, or does not run.
// `IndexNotConstant` and `IndexOfUnknownWidth`: whether all are constant is asked before. `SeveralConstantRows`: several rows of a table
// are looked up.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            "(float[N] z) => (y)
             <int64 zero = {0}, int64 one = {1}, int64 forty = {40}, int64[2] column = {-1, 1}, int64[2] wide = {1, 512}> {
                 n = Size (z)
                 r = Range (zero, n, one)
                 c = Reshape (r, column)
                 x = Expand (c, wide)
                 i = Range (zero, forty, one)
                 y = Gather (x, i)
             }",
            Stop::LookupTooWide,
        ),
        ("(float[N, 4] x, int64[M] i) => (y) { y = Gather (x, i) }", Stop::IndexIntoActivation),
        (
            "(float[N] z) => (y) <int64 zero = {0}, int64 one = {1}, int64 i = {-1}> {
                 s = Size (z)
                 r = Range (zero, s, one)
                 y = Gather (r, i)
             }",
            Stop::RowFromUnknownEnd,
        ),
        ("(float[N, 4] x, int64[M, 4] i) => (y) { y = GatherElements <axis = 1> (x, i) }", Stop::IndexSmaller),
        ("(float[N, 2, 4] x) => (y)
          <int64[1, 1] i = {1}> { y = GatherND <batch_dims = 1> (x, i) }", Stop::IndexBatched),
        ("(float[N, 4] x, int64[M, 2] i) => (y) { y = GatherND (x, i) }", Stop::SeveralDynamicIndices),
        ("(float[N, 4] x) => (y) <int64[1, 2] i = {0, 1}> { y = GatherND (x, i) }", Stop::IndexIntoOpaqueAxes),
    ]);
}
