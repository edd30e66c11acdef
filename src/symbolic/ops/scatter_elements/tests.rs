//! ScatterElements.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn elements_are_written() {
    check_values(&[
        (
            "(float[4] x, float[2] u) => (y) <int64[2] i = {3, -4}> { y = ScatterElements (x, i, u) }",
            "float[4] {u.1, x.1, x.2, u.0}",
        ),
        (
            "(float[N, 4] x, float[N, 1] u) => (y) <int64[1, 1] one = {1}> {
              s = Shape <end = 1> (x)
              k = Constant <value_ints = [1]> ()
              t = Concat <axis = 0> (s, k)
              i = Expand (one, t)
              y = ScatterElements <axis = 1> (x, i, u)
          }",
            "float[(N), 4] {x.0, u, x.2, x.3}",
        ),
        (
            r#"<ir_version: 6, opset_import: ["": 10]>
               g (float[4] x, float[1] u) => (y) <int64[1] i = {1}> { y = Scatter (x, i, u) }"#,
            "float[4] {x.0, u, x.2, x.3}",
        ),
    ]);
}

// `IndexRank`, `IndexOutOfRange` and `UpdatesShape`: no valid model has such an index or such updates, or does not run.
#[test]
fn what_is_not_followed() {
    check_stops(&[
        (
            r#"(float[4] x, float[1] u) => (y)
               <int64[1] i = {2}> { y = ScatterElements <reduction = "mul"> (x, i, u) }"#,
            Stop::ScatterAccumulates,
        ),
        (
            "(float[N, 4] x, float[M, 1] u, int64[M, 1] i) => (y) { y = ScatterElements <axis = 1> (x, i, u) }",
            Stop::IndexSmaller,
        ),
        (
            "(float[N] x, float[1] u) => (y) <int64[1] i = {0}> { y = ScatterElements (x, i, u) }",
            Stop::ScatterIntoOpaqueAxes,
        ),
        (
            "(float[4] x, float[1] u, int64[1] i) => (y) { y = ScatterElements (x, i, u) }",
            Stop::ScatterNotConstant,
        ),
    ]);
}
