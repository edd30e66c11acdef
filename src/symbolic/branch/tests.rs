//! `If`.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn a_branch_that_is_taken() {
    check_values(&[
        (
            "(float[N, 2] x) => (y) <bool c = {1}> {
                 y = If <then_branch = t () => (a) { a = Add (x, x) }, else_branch = e () => (b) { b = Neg (x) }> (c)
             }",
            "float[(N), 2] {2*x.0, 2*x.1}",
        ),
        (
            "(float[N, 2] x) => (y) <int64 k = {-1}> {
                 s = Size (x)
                 c = Less (s, k)
                 y = If <then_branch = t () => (a) { a = Add (x, x) }, else_branch = e () => (b) { b = Neg (x) }> (c)
             }",
            "float[(N), 2] {-x.0, -x.1}",
        ),
    ]);
}

/// Where the condition is not known, the result is new, of the shape in which both branches agree.
#[test]
fn either_branch() {
    check_values(&[
        (
            "(float[N, 2] x, bool c) => (y) {
                 y = If <then_branch = t () => (a) { a = Add (x, x) }, else_branch = e () => (b) { b = Neg (x) }> (c)
             }",
            "float[(N), 2] {y.0, y.1}",
        ),
        (
            "(float[N, 2] x, float[M, 2] z, bool c) => (y) {
                 y = If <then_branch = t () => (a) { a = Neg (x) }, else_branch = e () => (b) { b = Neg (z) }> (c)
             }",
            "float[(?), 2] {y.0, y.1}",
        ),
    ]);
}

// `AbsentBranch` and `BranchNoGraph`: no valid model lacks a branch or has one with a cycle.
#[test]
fn branches_too_long_to_run_both() {
    let nodes: String = (0..257)
        .map(|k| format!("v{} = Neg (v{k}) ", k + 1))
        .collect();
    let model = format!(
        "(float[N, 2] v0, bool c) => (y) {{
             y = If <then_branch = t () => (v257) {{ {nodes} }}, else_branch = e () => (b) {{ b = Neg (v0) }}> (c)
         }}"
    );
    check_stops(&[(&model, Stop::UnknownCondition)]);
}
