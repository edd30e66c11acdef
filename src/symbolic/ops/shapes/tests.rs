//! Types and shapes of values that are not interpreted further.

use crate::symbolic::testing::check_shapes;

#[test]
fn layers() {
    check_shapes(&[
        (
            "(float[N, M, 8] x, float[8, 6] w) => (y) { y = MatMul (x, w) }",
            "float[N, M, 6]",
        ),
        (
            "(float[N, 1, M, 8] x, float[H, 8, 6] w) => (y) { y = MatMul (x, w) }",
            "float[N, H, M, 6]",
        ),
        (
            "(float[N, 8] x, float[6, 8] w) => (y) { y = Gemm <transB = 1> (x, w) }",
            "float[N, 6]",
        ),
        ("(float[N, 8] x) => (y) { y = Softmax (x) }", "float[N, 8]"),
        ("(float[N, 8] x) => (y) { y = IsNaN (x) }", "bool[N, 8]"),
        (
            "(float[N, M, 8] x, int64[K, 1, 2] at) => (y) { y = GatherND (x, at) }",
            "float[K, 1, 8]",
        ),
        (
            "(float[N, M, 8] x, int64[N, K, 1] at) => (y) { y = GatherND <batch_dims = 1> (x, at) }",
            "float[N, K, 8]",
        ),
        (
            "(float[N, M, 8] x, float[N, K, 8] w) => (y) { y = Einsum <equation = \"nma,nka->kmn\"> (x, w) }",
            "float[K, M, N]",
        ),
        (
            "(float[N, 8] x, float[8] b) => (y) { y = Add (x, b) }",
            "float[N, 8]",
        ),
        (
            "(float[N, 8] x, float[M, 1] b) => (y) { y = PRelu (x, b) }",
            "float[broadcast(N, M), 8]",
        ),
    ]);
}

#[test]
fn padding() {
    check_shapes(&[
        (
            "(float[N, 8] x) => (y) <int64[4] pads = {1, 0, 0, 2}> { y = Pad (x, pads) }",
            "float[N + 1, 10]",
        ),
        (
            "(float[N, 8] x) => (y) <int64[2] pads = {1, -2}, float zero = {0.0}, int64[1] axes = {-1}>
             { y = Pad (x, pads, zero, axes) }",
            "float[N, 7]",
        ),
        (
            r#"<ir_version: 7, opset_import: ["": 9]> g (float[N, 8] x) => (y) { y = Pad <pads = [0, 1, 0, 1]> (x) }"#,
            "float[N, 10]",
        ),
    ]);
}

#[test]
fn reductions() {
    check_shapes(&[
        (
            "(float[N, M, 8] x) => (y) { y = ReduceMean (x) }",
            "float[1, 1, 1]",
        ),
        (
            "(float[N, M, 8] x) => (y) <int64[1] axes = {-1}> { y = ReduceMean <keepdims = 0> (x, axes) }",
            "float[N, M]",
        ),
        (
            "(float[N, M, 8] x) => (y) { y = ReduceMean <noop_with_empty_axes = 1> (x) }",
            "float[N, M, 8]",
        ),
    ]);
}

#[test]
fn what_moves() {
    check_shapes(&[
        (
            "(float[N, 8] x, int64[B, M] i) => (y) { y = Gather (x, i) }",
            "float[B, M, 8]",
        ),
        (
            "(float[N, 8] x, float[M, 8] z) => (y) { y = Concat <axis = 0> (x, z) }",
            "float[N + M, 8]",
        ),
        (
            "(float[N, 8] x) => (y) <int64[3] s = {0, 2, 4}> { y = Reshape (x, s) }",
            "float[N, 2, 4]",
        ),
        // A size of -1 is what the others leave, one of 0 what it was.
        (
            "(float[N, 2] x, int64[1] k) => (y)
             <int64[1] two = {2}> { s = Concat <axis = 0> (k, two)  y = Reshape (x, s) }",
            "float[where(less(k, 0), N, where(equal(k, 0), N, k)), 2]",
        ),
        ("(float[N, 8] x) => (y) { y = Squeeze (x) }", "unknown"),
    ]);
}

#[test]
fn quantisation() {
    check_shapes(&[
        (
            "(uint8[N, 8] x, float s) => (y) { y = DequantizeLinear (x, s) }",
            "float[N, 8]",
        ),
        (
            "(float[N, 8] x, float s, int8 z) => (y) { y = QuantizeLinear (x, s, z) }",
            "int8[N, 8]",
        ),
        (
            "(float[N, 8] x) => (y, s, z) { y, s, z = DynamicQuantizeLinear (x) }",
            "uint8[N, 8]; unknown; unknown",
        ),
        (
            "(uint8[N, 8] x, uint8[8, 6] w) => (y) { y = MatMulInteger (x, w) }",
            "int32[N, 6]",
        ),
    ]);
}
