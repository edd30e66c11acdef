//! One attempt: each condition, broken alone.

use crate::recognize::testing::{ROTATION, check_changes};

#[test]
fn types() {
    check_changes(
        ROTATION,
        &[(
            "left0 = Mul (x, cos)
             left = Cast <to = 10> (left0)
             right0 = Mul (turned, sin)
             right = Cast <to = 10> (right0)",
            "pairs at y: the tensor before the rotation and the rotated one differ in type",
        )],
    );
}

#[test]
fn numbers_lost_on_the_way() {
    check_changes(
        ROTATION,
        &[
            (
                "left0 = Mul (x, cos)
                 left1 = Cast <to = 10> (left0)
                 left = Cast <to = 1> (left1)",
                "pairs at y: numbers are lost between the tensor before the rotation and the rotated one: they are rounded to a \
                 narrower type, or cancel",
            ),
            (
                "float[S, 4] w
                 x1 = Add (x, w)
                 x2 = Sub (x1, w)
                 low, high = Split <axis = -1, num_outputs = 2> (x2)
                 left = Mul (x2, cos)",
                "y = rotary(x2, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
        ],
    );
}

#[test]
fn tables() {
    check_changes(
        ROTATION,
        &[(
            "left0 = Mul (x, cos)
             right0 = Mul (turned, sin)
             left = Mul (left0, two)
             right = Mul (right0, two)",
            "cos_scaled = Mul (cos, cos_scaled_factor)\n\
             sin_scaled = Mul (sin, sin_scaled_factor)\n\
             y = rotary(x, cos_scaled, sin_scaled) half 0..4 of 4, rotation, computed times 2, table of pos * freq",
        )],
    );
}

/// The rotated tensor exists with its axes in another order only, as where an exporter merges transposes.
#[test]
fn axes_in_another_order() {
    check_changes(
        ROTATION,
        &[(
            "float[A, S, 4] x
             left0 = Mul (x, cos)
             right0 = Mul (turned, sin)
             left = Transpose <perm = [1, 0, 2]> (left0)
             right = Transpose <perm = [1, 0, 2]> (right0)",
            "x_transposed = Transpose (x)\n\
             y = rotary(x_transposed, cos[1], sin[1]) half 0..4 of 4, rotation, computed, table of pos * freq at [1]",
        )],
    );
}

/// Tables over the rows and the columns of an image.
#[test]
fn tables_over_a_grid() {
    check_changes(
        ROTATION,
        &[(
            "float[A, 2, 2, 4] x
             float[2, 2, 4] c = {1.0, 0.6, 1.0, 0.6, 0.8, 1.0, 0.8, 1.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.8, 0.6, 0.8}
             float[2, 2, 4] s = {0.0, 0.8, 0.0, 0.8, 0.6, 0.0, 0.6, 0.0, 0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.8, 0.6}
             left = Mul (x, c)
             right = Mul (turned, s)",
            "y = rotary(x, c, s) half 0..4 of 4, rotation, table",
        )],
    );
}

/// Powers of the position, as in xPos.
#[test]
fn factors_beside_the_tables() {
    check_changes(
        ROTATION,
        &[
            (
                "float[2] bases = {0.5, 0.8}
             each = Pow (bases, column)
                 powers = Concat <axis = -1> (each, each)
                 left0 = Mul (x, cos)
                 right0 = Mul (turned, sin)
                 left = Mul (left0, powers)
                 right = Mul (right0, powers)",
                "cos_product = Mul (cos, powers)\n\
             sin_product = Mul (sin, powers)\n\
             y = rotary(x, cos_product, sin_product) half 0..4 of 4, rotation, computed",
            ),
            // A factor that may be of any size.
            (
                "float[S, 2] each
             powers = Concat <axis = -1> (each, each)
             left0 = Mul (x, cos)
             right0 = Mul (turned, sin)
             left = Mul (left0, powers)
             right = Mul (right0, powers)",
                "tables at y: channel 0 is `x0*cos(a)*u - x2*sin(a)*u`, where u is an element of `each`: no tensor holds the cosines and sines with \
                 that factor in a form that broadcasts against the rotated one\n\
                 pairs at y: no tensor of its layout, [S, 4], holds the channels before the rotation; they come from `each` of \
                 shape [S, 2]",
            ),
        ],
    );
}

#[test]
fn sizes() {
    check_changes(
        ROTATION,
        &[(
            "float[A, S, 4] x
             float[B, S, 4] z
             left0 = Mul (x, cos)
             shape = Shape (z)
             left = Expand (left0, shape)",
            "tables at y: the sizes of the rotated tensor are not those that the tensor before the rotation and the tables \
             broadcast to",
        )],
    );
}

#[test]
fn numbers_of_their_size() {
    check_changes(
        ROTATION,
        &[(
            "left0 = Mul (x, cos)
             left1 = Mul (left0, two)
             left = Mul (left1, half)",
            "pairs at y: what is rotated is scaled or shifted and put back: numbers may overflow or vanish in between, and \
             do not in the operator",
        )],
    );
}

#[test]
fn channels_times_0() {
    check_changes(ROTATION, &[
        (
            "float[4, 4] matrix = {0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0}
                 turned = MatMul (x, matrix)",
            "proof at y: a channel is multiplied by 0 or subtracted from itself: where it is infinite or NaN, the graph \
                 makes NaN of more channels than the operator",
        ),
        // A dense layer before it has spread infinities already.
        (
            "float[4, 4] matrix = {0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0}
                 float[S, 3] t
                 float[3, 4] w
                 x = MatMul (t, w)
                 turned = MatMul (x, matrix)",
            "y = rotary(x, cos, sin) half 0..4 of 4, rotation of finite x, computed, table of pos * freq",
        ),
    ]);
}

#[test]
fn coefficients_of_the_tensor_itself() {
    check_changes(
        ROTATION,
        &[(
            "cos = Softmax (x)
             sin = LogSoftmax (x)",
            "proof at y: the coefficients are computed from the tensor that they are multiplied with, so they encode no \
             positions",
        )],
    );
}

#[test]
fn a_node_of_one_output() {
    check_changes(
        ROTATION,
        &[(
            "int64[2] parts = {4, 2}
             left4 = Mul (x, cos)
             right4 = Mul (turned, sin)
             left = Concat <axis = -1> (left4, low)
             right = Concat <axis = -1> (right4, high)
             sum = Add (left, right)
             y, z = Split <axis = -1> (sum, parts)",
            "pairs at y: the node of the rotated tensor has other outputs",
        )],
    );
}

// "Search": the budget has run out, as in the tests of growth. "Confirmation" and "target" come after recognition. "Too many
// values": more than 4000. "Not computed by a node": no group has such a tensor. The conditions of `readoff` and `proof` are in
// their own tables.
