//! What stops any operator.

use crate::symbolic::Stop;
use crate::symbolic::testing::check_stops;

#[test]
fn operators_that_are_not_followed() {
    check_stops(&[
        (
            "(float[N, 4] x) => (y) { y = Softmax (x) }",
            Stop::UnknownOperator,
        ),
        (
            r#"<ir_version: 8, opset_import: ["": 18, "com.microsoft": 1]>
               g (float[N, 4] x) => (y) { y = com.microsoft.FastGelu (x) }"#,
            Stop::ForeignDomain,
        ),
    ]);
}

// `AbsentInput`, `AxisOutOfRange` and `Unsound`: no valid model leaves out a required input or names an axis that is not there, and no
// transfer function gives a value that does not fit together.
#[test]
fn inputs_that_are_not_known() {
    check_stops(&[
        ("(float[] x) => (y) { y = Neg (x) }", Stop::UnknownRank),
        (
            "(int64[2] axes) => (y) <float[1, 1] x = {3.0}> { y = ReduceMax (x, axes) }",
            Stop::DynamicAxes,
        ),
    ]);
}

#[test]
fn expressions_that_grow() {
    check_stops(&[
        // 13 terms: more than 12.
        (
            "(float[1, 13] x) => (y) <int64[13] three = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, int64[1] last = {1}> {
                 a, b, c, d, e, f, g, h, i, j, k, l, m = Split <axis = 1> (x, three)
                 y = Sum (a, b, c, d, e, f, g, h, i, j, k, l, m)
             }",
            Stop::LongSum,
        ),
        // 4 terms times 4.
        (
            "(float[N, 4] x) => (y) {
                 a, b, c, d = Split <axis = 1, num_outputs = 4> (x)
                 s = Sum (a, b, c, d)
                 y = Mul (s, s)
             }",
            Stop::LongProduct,
        ),
        (
            "(float[N, 1] x) => (y) { a = Mul (x, x)  b = Mul (a, a)  c = Mul (b, b)  y = Mul (c, x) }",
            Stop::HighDegree,
        ),
    ]);
}
