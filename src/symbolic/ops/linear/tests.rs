//! MatMul, Einsum and ReduceSum.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_caveats, check_stops, check_values};

#[test]
fn products_of_matrices() {
    check_values(&[
        // Positions and frequencies.
        ("(float[N, 1] p) => (y)
          <float[1, 3] f = {1.0, 0.5, 0.25}> { y = MatMul (p, f) }", "float[(N), 3] {p, 0.5*p, 0.25*p}"),
        // A signed permutation.
        (
            "(float[N, 4] x) => (y)
             <float[4, 4] w = {0.0, 1.0, 0.0, 0.0,  -1.0, 0.0, 0.0, 0.0,  0.0, 0.0, 0.0, 1.0,  0.0, 0.0, -1.0, 0.0}> {
                 y = MatMul (x, w)
             }",
            "float[(N), 4] {-x.1, x.0, -x.3, x.2}",
        ),
        ("(float[N, 2] x) => (y)
          <float[2, 2] w = {0.5, 2.0, 0.25, 4.0}> { y = MatMul (x, w) }", "float[(N), 2] {0.5*x.0 + 0.25*x.1, 2*x.0 + 4*x.1}"),
        ("(float[N, 2] x) => (y) <float[2, 1] w = {0.0, 0.0}> { y = MatMul (x, w) }", "float[(N), 1] {0}"),
    ]);
    check_caveats(&[(
        "(float[N, 2] x) => (y) <float[2, 1] w = {1.0, 0.0}> { y = MatMul (x, w) }",
        "rounded loses",
    )]);
}

#[test]
fn einsums() {
    check_values(&[
        (
            r#"(float[N] p) => (y) <float[2] f = {1.0, 0.5}> { y = Einsum <equation = "i,j->ij"> (p, f) }"#,
            "float[(N), 2] {p, 0.5*p}",
        ),
        (
            r#"(float[N, 2] x) => (y)
               <float[2, 2] w = {1.0, 2.0, 3.0, 4.0}> { y = Einsum <equation = "nc,dc->nd"> (x, w) }"#,
            "float[(N), 2] {x.0 + 2*x.1, 3*x.0 + 4*x.1}",
        ),
        (
            r#"(float[N, 2] x) => (y) <float[2] w = {1.0, 2.0}> { y = Einsum <equation = "nc,c->cn"> (x, w) }"#,
            "float[2, (N)] {x.0, 2*x.1}",
        ),
        // An ellipsis of one axis, of none and one, and in front of others.
        (
            r#"(float[N] p) => (y) <float[2] f = {1.0, 0.5}> { y = Einsum <equation = "...,j->...j"> (p, f) }"#,
            "float[(N), 2] {p, 0.5*p}",
        ),
        (
            r#"(float[N, 2] x) => (y) <float[1, 2] w = {1.0, 2.0}> { y = Einsum <equation = "...c,...c->...c"> (x, w) }"#,
            "float[(N), 2] {x.0, 2*x.1}",
        ),
        (
            r#"(float[N, 2] x) => (y) <float[2] w = {1.0, 2.0}> { y = Einsum <equation = "...c,c->c..."> (x, w) }"#,
            "float[2, (N)] {x.0, 2*x.1}",
        ),
    ]);
}

#[test]
fn sums() {
    check_values(&[
        (
            "(float[N, 3] x) => (y) <int64[1] axes = {1}> { y = ReduceSum (x, axes) }",
            "float[(N), 1] {x.0 + x.1 + x.2}",
        ),
        (
            "(float[N, 3] x) => (y) <int64[1] axes = {-1}> { y = ReduceSum <keepdims = 0> (x, axes) }",
            "float[(N)] {x.0 + x.1 + x.2}",
        ),
        (
            r#"<ir_version: 7, opset_import: ["": 12]> g (float[N, 2] x) => (y) { y = ReduceSum <axes = [1]> (x) }"#,
            "float[(N), 1] {x.0 + x.1}",
        ),
    ]);
}

// `EinsumWithoutEquation` and `EinsumRank`: no valid model has such an einsum.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            "(float[N, 8] x, float[8, 8] w) => (y) { y = MatMul (x, w) }",
            Stop::DenseLayer,
        ),
        // ONNX lets an ellipsis stand for the same number of axes wherever it occurs.
        (
            r#"(float[N, 2] x) => (y) <float[2] w = {1.0, 2.0}> { y = Einsum <equation = "...c,...c->...c"> (x, w) }"#,
            Stop::EinsumEllipses,
        ),
        (
            "(float[N, 4] x, float[4] w) => (y) { y = MatMul (x, w) }",
            Stop::VectorProduct,
        ),
        (
            "(float[N, K] x, float[K, 4] w) => (y) { y = MatMul (x, w) }",
            Stop::SumOfUnknownLength,
        ),
        (
            "(float[N, 0] x) => (y) <float[0, 4] w = {}> { y = MatMul (x, w) }",
            Stop::EmptySum,
        ),
        (
            r#"(float[N, 4] x, float[4, 4] w) => (y) { y = Einsum <equation = "ij,jk"> (x, w) }"#,
            Stop::EinsumImplicit,
        ),
        (
            r#"(float[N, 4] x) => (y) { y = Einsum <equation = "ij->ji"> (x) }"#,
            Stop::EinsumNotOfTwo,
        ),
        (
            r#"(float[N, 4] x) => (y) { y = Einsum <equation = "...i...,...i->..."> (x, x) }"#,
            Stop::EinsumEllipsis,
        ),
        (
            r#"(float[2, 2] x) => (y) { y = Einsum <equation = "ii,ij->j"> (x, x) }"#,
            Stop::EinsumDiagonal,
        ),
        (
            r#"(float[N, 4] x) => (y) { y = Einsum <equation = "ij,ij->"> (x, x) }"#,
            Stop::EinsumOverSeveralAxes,
        ),
        (
            r#"(float[N, 4] x) => (y) { y = Einsum <equation = "ij,ik->jk"> (x, x) }"#,
            Stop::SumOverOpaqueAxis,
        ),
        (
            r#"(float[N, 8] x) => (y) { y = Einsum <equation = "ij,kj->ik"> (x, x) }"#,
            Stop::DenseLayer,
        ),
        (
            "(float[N, 4] x) => (y) { y = ReduceSum (x) }",
            Stop::SumOverEverything,
        ),
        (
            "(float[N, 2, 2] x) => (y) <int64[2] axes = {1, 2}> { y = ReduceSum (x, axes) }",
            Stop::SumOverSeveralAxes,
        ),
        (
            "(float[N, 8] x) => (y) <int64[1] axes = {1}> { y = ReduceSum (x, axes) }",
            Stop::SumOverMany,
        ),
    ]);
}
