//! The near miss of a group that gives no site.

use crate::recognize::testing::{ROTATION, check_changes};

#[test]
fn modulated_channels() {
    check_changes(
        ROTATION,
        &[
            // The channels of no pair, one of them times a number.
            ("y = Add (left, x)", ""),
            // A number in the place of the cosine.
            (
                "y = Add (x, right)",
                "proof at y: cosine and sine do not share their other factors: channel 0 is `x0 - x2*sin(a)`",
            ),
        ],
    );
}

#[test]
fn one_sine_of_two() {
    check_changes(
        ROTATION,
        &[
            // The second half is multiplied by the cosine alone.
            (
                "float[1, 4] first_half = {1.0, 1.0, 0.0, 0.0}
                 part = Mul (turned, first_half)
                 right = Mul (part, sin)",
                "proof at y: one channel of a pair has a sine and the other has none: channel 2 is `x2*cos(a)`",
            ),
        ],
    );
}

#[test]
fn unknown_coefficients() {
    check_changes(
        ROTATION,
        &[(
            "sin0 = Sin (angles)
             sin = Softmax (sin0)",
            "proof at y: cosine and sine are not of one kind: channel 0 is `x0*cos(a) - x2*u`, where u is an element of `sin` (Softmax); UnknownOperator at sin",
        )],
    );
}
