//! Shapes of ONNX Runtime's fused and quantised operators.

use crate::symbolic::testing::check_shapes;

#[test]
fn products_of_matrices() {
    check_shapes(&[
        (
            &contrib(
                "(float[N, 8] x, float[6, 8] w) => (y) { y = com.microsoft.FusedMatMul <transB = 1> (x, w) }",
            ),
            "float[N, 6]",
        ),
        (
            &contrib(
                "(float[M, B, 8] x, float[B, 8, 6] w) => (y)
                 { y = com.microsoft.FusedMatMul <transBatchA = 1> (x, w) }",
            ),
            "float[B, M, 6]",
        ),
        (
            &contrib(
                "(float[N, M, 8] x, uint8[6, 1, 4] w, float[6] s) => (y)
                 { y = com.microsoft.MatMulNBits <K = 8, N = 6, block_size = 16> (x, w, s) }",
            ),
            "float[N, M, 6]",
        ),
        (
            &contrib(
                "(float[N, 8] x, int8[8, 6] w, float s) => (y) { y = com.microsoft.DynamicQuantizeMatMul (x, w, s) }",
            ),
            "float[N, 6]",
        ),
        (
            &contrib(
                "(uint8[N, 8] x, uint8[8, 6] w, float16 s, float16 t) => (y)
                 { y = com.microsoft.MatMulIntegerToFloat (x, w, s, t) }",
            ),
            "float16[N, 6]",
        ),
    ]);
}

#[test]
fn layers() {
    check_shapes(&[
        (
            &contrib(
                "(float[N, M, 8] x, float[8] g) => (y) { y = com.microsoft.SkipLayerNormalization (x, x, g) }",
            ),
            "float[N, M, 8]",
        ),
        (
            &contrib(
                "(int32[N, M] i, float[100, 8] w) => (y)
                 { y = com.microsoft.EmbedLayerNormalization (i, \"\", w, w, \"\", w, w) }",
            ),
            "float[N, M, 8]",
        ),
        (
            &contrib(
                "(float[N, M, 8] q, float[N, M, 8] k, float[N, M, 6] v) => (y)
                 { y = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v) }",
            ),
            "float[N, M, 6]",
        ),
        (
            &contrib(
                "(float[N, M, 8] q) => (y) { y = com.microsoft.MultiHeadAttention <num_heads = 2> (q) }",
            ),
            "unknown",
        ),
    ]);
}

fn contrib(graph: &str) -> String {
    format!(r#"<ir_version: 8, opset_import: ["": 18, "com.microsoft": 1]> g {graph}"#)
}
