//! Tensors that share rotated channels: one of them becomes the site.

use crate::recognize::testing::{FOUND, ROTATION, check_changes};

#[test]
fn one_site_of_a_group() {
    check_changes(
        ROTATION,
        &[
            // The widest, of the narrowest type, the earliest.
            (
                "float[S, 6] x
                 int64[2] parts = {4, 2}
                 part, rest = Split <axis = -1> (x, parts)
                 low, high = Split <axis = -1, num_outputs = 2> (part)
                 left = Mul (part, cos)
                 sum = Add (left, right)
                 y = Concat <axis = -1> (sum, rest)",
                "y = rotary(x, cos, sin) half 0..4 of 6, rotation, computed, table of pos * freq",
            ),
            (
                "float16[S, 4] x16
                 x = Cast <to = 1> (x16)
                 wide = Add (left, right)
                 y = Cast <to = 10> (wide)",
                "y = rotary(x16, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            (
                "sum = Add (left, right)
                 y = Mul (sum, two)",
                "sum = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
            (
                "sum = Add (left, right)
                 y = Transpose (sum)",
                "sum = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
            ),
        ],
    );
}

#[test]
fn both_factors_of_a_product() {
    check_changes(
        ROTATION,
        &[(
            "float[S, 4] gate
             float[S, 4] value
             x = Mul (gate, value)",
            FOUND,
        )],
    );
}

#[test]
fn no_group() {
    check_changes(
        ROTATION,
        &[
            // Three summands.
            (
                "more = Add (cos, half)
                 left = Mul (x, more)",
                "angles at y: no channel is proven to be a sum of two channels of one tensor",
            ),
            // No channel has one factor of `x` alone.
            (
                "squared = Mul (x, x)
                 left = Mul (squared, cos)",
                "angles at y: the products that are added are of two tensors, `squared` and `x`, and not of the channels of one",
            ),
        ],
    );
}
