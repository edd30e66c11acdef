//! Operators that move axes and touch no element.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn what_passes_on() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) { y = Identity (x) }",
            "float[(N), 2] {x.0, x.1}",
        ),
        (
            "(float[N, 2] x) => (y) { y = Dropout (x) }",
            "float[(N), 2] {x.0, x.1}",
        ),
        (
            "(float[N, 2] x) => (y) <float r = {0.5}, bool t = {0}> { y = Dropout (x, r, t) }",
            "float[(N), 2] {x.0, x.1}",
        ),
    ]);
}

#[test]
fn transposes() {
    check_values(&[
        (
            "(float[N, M, 2] x) => (y) { y = Transpose <perm = [0, 2, 1]> (x) }",
            "float[(N), 2, (M)] {x.0, x.1}",
        ),
        (
            "(float[N, M, 2] x) => (y) { y = Transpose <perm = [1, 0, 2]> (x) }",
            "float[(M), (N), 2] {x.0, x.1} x@1,0",
        ),
        (
            "(float[N, M, 2] x) => (y) { y = Transpose (x) }",
            "float[2, (M), (N)] {x.0, x.1} x@2,1",
        ),
        (
            "() => (y) <float[2, 2] x = {1.0, 2.0, 3.0, 4.0}> { y = Transpose (x) }",
            "float[2, 2] {1, 3, 2, 4}",
        ),
    ]);
}

#[test]
fn unit_axes() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) <int64[2] axes = {0, -1}> { y = Unsqueeze (x, axes) }",
            "float[1, (N), 2, 1] {x.0, x.1}",
        ),
        (
            "(float[N, 1, 2] x) => (y) <int64[1] axes = {1}> { y = Squeeze (x, axes) }",
            "float[(N), 2] {x.0, x.1}",
        ),
        (
            "(float[1, 2, 1] x) => (y) { y = Squeeze (x) }",
            "float[(2)] {x}",
        ),
        (
            r#"<ir_version: 7, opset_import: ["": 12]>
               g (float[N, 2] x) => (y) { a = Unsqueeze <axes = [1]> (x)  y = Squeeze <axes = [1]> (a) }"#,
            "float[(N), 2] {x.0, x.1}",
        ),
    ]);
}

// `PermutationRank`, `AbsentAxes` and `AxisInsertedTwice`: no valid model permutes other axes than there are, or inserts none or one
// twice.
#[test]
fn what_depends_on_numbers_or_sizes() {
    check_stops(&[
        (
            "(float[N, 2] x, bool t) => (y) <float r = {0.5}> { y = Dropout (x, r, t) }",
            Stop::DropoutInTraining,
        ),
        (
            "(float[N, 1, 2] x) => (y) { y = Squeeze (x) }",
            Stop::SqueezeOfAnyAxis,
        ),
        (
            "(float[N, 2] x) => (y) <int64[1] axes = {0}> { y = Squeeze (x, axes) }",
            Stop::SqueezeOfLongAxis,
        ),
        (
            "(float[N, 2] x, int64[1] axes) => (y) { y = Unsqueeze (x, axes) }",
            Stop::DynamicAxes,
        ),
    ]);
}
