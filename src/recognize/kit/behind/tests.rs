//! The values that a tensor is computed from.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

/// A rotation by a matrix of zeros, which is permitted where a dense layer has spread infinities before.
const MATRIX: &str = "(
    float[S, 3] t,
    float[3, 4] w,
    int64[S] pos
) => (y) <
    float[2] freq = {1.0, 0.25},
    float[4] bias = {0.5, 0.25, 0.125, 0.0625},
    int64[1] last = {-1},
    float[4, 4] matrix = {0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0}
> {
    x = MatMul (t, w)
    p = Cast <to = 1> (pos)
    column = Unsqueeze (p, last)
    angle = Mul (column, freq)
    angles = Concat <axis = -1> (angle, angle)
    cos = Cos (angles)
    sin = Sin (angles)
    turned = MatMul (x, matrix)
    left = Mul (x, cos)
    right = Mul (turned, sin)
    y = Add (left, right)
}";

#[test]
fn dense_layers() {
    check_changes(
        MATRIX,
        &[
            (
                "",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation of finite x, computed, table of pos * freq",
            ),
            (
                "x = Gemm (t, w, bias)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation of finite x, computed, table of pos * freq",
            ),
            (
                "product = MatMul (t, w)
                 x = Add (product, bias)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation of finite x, computed, table of pos * freq",
            ),
            // What else is added may be infinite in one channel.
            (
                "float[S, 4] u
                 product = MatMul (t, w)
                 x = Add (product, u)",
                "proof at y: a channel is multiplied by 0 or subtracted from itself: where it is infinite or NaN, the graph \
                 makes NaN of more channels than the operator",
            ),
            (
                "product = MatMul (t, w)
                 x = Relu (product)",
                "proof at y: a channel is multiplied by 0 or subtracted from itself: where it is infinite or NaN, the graph \
                 makes NaN of more channels than the operator",
            ),
        ],
    );
}

// A concatenation is no dense layer. No small graph shows it: what is joined has channels of two roots, or is a tensor of the graph
// already.
#[test]
fn what_is_lost() {
    check_changes(
        ROTATION,
        &[
            // A narrower type between the tensors, or a sum whose terms cancel.
            (
                "left0 = Mul (x, cos)
                 left1 = Cast <to = 10> (left0)
                 left = Cast <to = 1> (left1)",
                "pairs at y: numbers are lost between the tensor before the rotation and the rotated one: they are rounded to a \
                 narrower type, or cancel",
            ),
            // Cosines that are rounded on the way.
            (
                "left0 = Cast <to = 10> (cos)
                 left1 = Cast <to = 1> (left0)
                 left = Mul (x, left1)",
                "y = rotary(x, left1, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            (
                "float[S, 4] w
                 x1 = Add (x, w)
                 x2 = Sub (x1, w)
                 low, high = Split <axis = -1, num_outputs = 2> (x2)
                 left = Mul (x2, cos)",
                "y = rotary(x2, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            // Neither the type before nor the cancelled sum matters if the rotation begins after it.
            (
                "float[S, 4] z
                 x1 = Add (z, half)
                 x = Sub (x1, half)",
                FOUND,
            ),
        ],
    );
}

#[test]
fn computed_from_the_tensor() {
    check_changes(
        ROTATION,
        &[
            (
                "cos = Softmax (x)
                 sin = LogSoftmax (x)",
                "proof at y: the coefficients are computed from the tensor that they are multiplied with, so they encode no \
                 positions",
            ),
            // A shape tells nothing of the numbers.
            (
                "size = Shape <start = 0, end = 1> (x)
                 scalar = Squeeze (size)
                 int64 zero = {0}
                 int64 one = {1}
                 range = Range (zero, scalar, one)
                 p = Cast <to = 1> (range)",
                "y = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of range * freq",
            ),
        ],
    );
}
