//! Extremes, products and searches of known numbers.

use crate::symbolic::Stop;
use crate::symbolic::testing::{check_stops, check_values};

#[test]
fn reductions() {
    check_values(&[
        (
            "() => (y) <float[2, 2] x = {1.0, 5.0, 3.0, 2.0}, int64[1] axes = {1}> { y = ReduceMax (x, axes) }",
            "float[2, 1] {5, 3}",
        ),
        (
            "() => (y)
             <float[2, 2] x = {1.0, 5.0, 3.0, 2.0}, int64[1] axes = {-2}> { y = ReduceMin <keepdims = 0> (x, axes) }",
            "float[2] {1, 2}",
        ),
        (
            "() => (y) <float[2, 2] x = {1.0, 5.0, 3.0, 2.0}> { y = ReduceMax (x) }",
            "float[1, 1] {5}",
        ),
        (
            "() => (y) <int64[2] x = {2, 3}> { y = ReduceMin <noop_with_empty_axes = 1> (x) }",
            "int64[2] {2, 3}",
        ),
        (
            "(float[3, 4] x) => (y) { s = Shape (x)  y = ReduceProd <keepdims = 0> (s) }",
            "int64 {12}",
        ),
    ]);
}

#[test]
fn places_of_what_is_not_zero() {
    check_values(&[
        (
            "() => (y) <bool[4] x = {0, 1, 0, 1}> { y = NonZero (x) }",
            "int64[1, 2] {1, 3}",
        ),
        (
            "() => (y) <float[2, 2] x = {0.0, 1.5, 2.0, 0.0}> { y = NonZero (x) }",
            "int64[2, 2] {0, 1, 1, 0}",
        ),
        (
            "() => (y) <bool[2] x = {0, 0}> { y = NonZero (x) }",
            "int64[1, 0] {}",
        ),
    ]);
}

#[test]
fn what_is_not_known() {
    check_stops(&[
        (
            "(float[N, 4] x) => (y) { y = ReduceMax (x) }",
            Stop::NotToldApart,
        ),
        (
            "(float[4] x) => (y) { y = ReduceMax (x) }",
            Stop::ElementsNotConstant,
        ),
        (
            "() => (y) <float[2, 0] x = {}, int64[1] axes = {1}> { y = ReduceMax (x, axes) }",
            Stop::EmptyAxisReduced,
        ),
        (
            "() => (y) <float x = {1.0}> { y = NonZero (x) }",
            Stop::TooManyToSearch,
        ),
        (
            "() => (y) <float[1] x = {0.1}> { c = Cos (x)  y = NonZero (c) }",
            Stop::RoundedDecision,
        ),
    ]);
}
