//! Shapes of convolutions and pools.

use crate::symbolic::testing::check_shapes;

#[test]
fn convolutions() {
    check_shapes(&[
        (
            "(float[N, 3, L] x, float[16, 3, 5] w) => (y) { y = Conv (x, w) }",
            "float[N, 16, L - 4]",
        ),
        (
            "(float[N, 3, L] x, float[16, 3, 5] w) => (y) { y = Conv <pads = [2, 2]> (x, w) }",
            "float[N, 16, L]",
        ),
        (
            "(float[N, 3, 32, 32] x, float[16, 3, 3, 3] w) => (y)
             { y = Conv <strides = [2, 2], pads = [1, 1, 1, 1]> (x, w) }",
            "float[N, 16, 16, 16]",
        ),
        (
            "(float[N, 3, L] x, float[16, 3, 3] w) => (y) { y = Conv <dilations = [2], strides = [2]> (x, w) }",
            "float[N, 16, integerdiv(L + 1, 2) - 2]",
        ),
        // Padding that is left to the runtime.
        (
            r#"(float[N, 3, L] x, float[16, 3, 5] w) => (y) { y = Conv <auto_pad = "SAME_UPPER"> (x, w) }"#,
            "unknown",
        ),
    ]);
}

#[test]
fn pools() {
    check_shapes(&[
        (
            "(float[N, 3, 9] x) => (y) { y = MaxPool <kernel_shape = [2], strides = [2]> (x) }",
            "float[N, 3, 4]",
        ),
        (
            "(float[N, 3, L] x) => (y) { y = AveragePool <kernel_shape = [2], strides = [2]> (x) }",
            "float[N, 3, integerdiv(L - 2, 2) + 1]",
        ),
        (
            "(float[N, 3, L] x) => (y) { y = MaxPool <kernel_shape = [2], strides = [2], ceil_mode = 1> (x) }",
            "float[N, 3, ?]",
        ),
        (
            "(float[N, 3, 9] x) => (y, i) { y, i = MaxPool <kernel_shape = [3]> (x) }",
            "float[N, 3, 7]; int64[N, 3, 7]",
        ),
    ]);
}

// `ConvolutionOverflow` ends the inference of a shape and stops no node.
#[test]
fn sizes_that_overflow() {
    check_shapes(&[(
        "(float[N, 3, L] x, float[16, 3, 1] w) => (y)
         { y = Conv <strides = [9223372036854775807], pads = [9223372036854775807, 0]> (x, w) }",
        "unknown",
    )]);
}
