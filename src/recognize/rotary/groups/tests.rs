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

/// What no rotation's channels can be parts of is rotated itself.
#[test]
fn functions_of_channels() {
    check_changes(
        ROTATION,
        &[
            (
                "float[S, 4] given
                 x = Abs (given)",
                FOUND,
            ),
            (
                "float[S, 4] given
                 x = Mul (given, given)",
                FOUND,
            ),
            (
                "int8[S, 4] stored
                 x = Cast <to = 1> (stored)",
                FOUND,
            ),
            (
                "float[S, 4] given
                 bool[S, 1] mask
                 float nothing = {0.0}
                 x = Where (mask, given, nothing)",
                FOUND,
            ),
        ],
    );
}

#[test]
fn two_rotations_of_one_head() {
    check_changes(
        ROTATION,
        &[(
            "float[S, 8] head
             x, other = Split <axis = -1, num_outputs = 2> (head)
             low2, high2 = Split <axis = -1, num_outputs = 2> (other)
             minus2 = Neg (high2)
             turned2 = Concat <axis = -1> (minus2, low2)
             left2 = Mul (other, cos)
             right2 = Mul (turned2, sin)
             sum = Add (left, right)
             sum2 = Add (left2, right2)
             y = Concat <axis = -1> (sum, sum2)",
            "sum = rotary(x, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq\n\
             sum2 = rotary(other, cos, sin) half 0..4 of 4, rotation, computed, table of pos * freq",
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
                "angles at y: the analysis does not follow `squared`, on the way from the angles, or from the tensor, to their products; NotLinear at squared",
            ),
        ],
    );
}
