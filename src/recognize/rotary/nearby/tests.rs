//! Near misses that the operators alone show.

use crate::recognize::testing::{ROTATION, check_changes};

#[test]
fn candidates() {
    check_changes(
        ROTATION,
        &[
            // What was lost on the way.
            (
                "turned0 = Concat <axis = -1> (minus, low)
                 turned = Erf (turned0)",
                "angles at y: the analysis does not follow `turned`, on the way from the angles, or from the tensor, to their \
                 products; UnknownOperator at turned",
            ),
            (
                "y = Concat <axis = -1> (left, right)",
                "angles at y: cosine and sine are multiplied into `x`, but the products stand side by side: no channel is a sum \
                 of two",
            ),
            (
                "float[S, 4] z
                 right = Mul (z, sin)",
                "angles at y: the products that are added are of two tensors, `x` and `z`, and not of the channels of one",
            ),
            // The halves lie along another axis.
            (
                "float[4, S] x
                 float[2, 1] freq = {1.0, 0.25}
                 angle = Mul (p, freq)
                 angles = Concat <axis = 0> (angle, angle)
                 low, high = Split <axis = 0, num_outputs = 2> (x)
                 turned = Concat <axis = 0> (minus, low)",
                "angles at y: the halves that are exchanged lie along axis 0 of the tensor, in pieces of shape [2, S], and not \
                 along its last axis",
            ),
        ],
    );
}

#[test]
fn no_candidates() {
    check_changes(
        ROTATION,
        &[
            // An encoding that is added, a gate, a sine as an activation.
            ("y = Add (x, cos)", ""),
            ("y = Mul (left, x)", ""),
            (
                "wave = Sin (x)
                 y = Add (x, wave)",
                "",
            ),
            // Contracted in a product of matrices.
            (
                "columns = Transpose (cos)
                 y = MatMul (x, columns)",
                "",
            ),
        ],
    );
}

#[test]
fn what_follows_a_site() {
    check_changes(
        ROTATION,
        &[(
            "sum = Add (left, right)
             doubled = Mul (sum, two)
             y = Concat <axis = -1> (doubled, doubled)",
            "sum = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
        )],
    );
}
