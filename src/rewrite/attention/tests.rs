//! Attention over keys that are cached, and what asks for the shape of keys, computes what it did before.

use rustc_hash::FxHashSet;

use crate::facts::Facts;
use crate::onnx::ModelFile;
use crate::recognize;
use crate::rewrite::testing::{self, operators};
use crate::symbolic::Budget;
use crate::symbolic::testing::file;

/// Two heads of queries share a head of keys, which are put behind those of a cache. `mask` is cut to the number of keys.
fn cached(keys: &str, asked: &str) -> String {
    format!(
        "(
            float[B, 4, S, 8] q,
            float[B, 2, P, 8] past_k,
            float[B, 2, P, 8] past_v,
            float[B, 2, S, 8] new_k,
            float[B, 2, S, 8] new_v,
            float[B, 1, S, M] mask
        ) => (y, k, v) <
            float scale = {{0.35}},
            int64 second = {{2}},
            int64[1] zero = {{0}},
            int64[1] third = {{2}},
            int64[1] last = {{3}},
            int64[1] one = {{1}},
            int64[1] four = {{4}},
            int64[1] eight = {{8}},
            int64[5] twice = {{1, 1, 2, 1, 1}}
        > {{
            {keys}
            size = Shape (k)
            batch = Gather <axis = 0> (size, zero)
            count = Gather <axis = 0> (size, third)
            whole = Concat <axis = 0> (batch, four, count, eight)
            k_pairs = Unsqueeze (k, third)
            k_twice = Expand (k_pairs, twice)
            k_all = Reshape (k_twice, whole)
            v_pairs = Unsqueeze (v, third)
            v_twice = Expand (v_pairs, twice)
            v_all = Reshape (v_twice, whole)
            {asked}
            cut = Slice (mask, zero, keys, last, one)
            k_turned = Transpose <perm = [0, 1, 3, 2]> (k_all)
            products = MatMul (q, k_turned)
            scores = Mul (products, scale)
            masked = Add (scores, cut)
            p = Softmax <axis = -1> (masked)
            y = MatMul (p, v_all)
        }}"
    )
}

const JOINED: &str = "k = Concat <axis = -2> (past_k, new_k)
    v = Concat <axis = 2> (past_v, new_v)";

/// The number of keys by the shape of the keys for each head.
const OF_COPIES: &str = "shape = Shape (k_all)
    keys = Gather <axis = 0> (shape, third)";

fn fused(text: &str) -> (ModelFile, ModelFile) {
    let file = file(text);
    let (facts, budget) = (Facts::of(&file), Budget::default());
    let analysis = recognize::analyse(&file, &facts, &FxHashSet::default(), &budget);
    assert_eq!(analysis.sites.len(), 1, "{:?}", analysis.refusals);
    let new = testing::rewritten(&file, &facts, &analysis);
    (file, new)
}

/// Sizes, with nothing cached and with no batch.
const SIZES: [&[(&str, usize)]; 5] = [
    &[("B", 2), ("S", 3), ("P", 4), ("M", 9)],
    &[("B", 1), ("S", 1), ("P", 6), ("M", 7)],
    &[("B", 1), ("S", 1), ("P", 0), ("M", 1)],
    &[("B", 2), ("S", 0), ("P", 3), ("M", 3)],
    &[("B", 0), ("S", 2), ("P", 1), ("M", 3)],
];

#[track_caller]
fn check(text: &str, wanted: &str) {
    let (old, new) = fused(text);
    assert_eq!(operators(&new), wanted);
    testing::agree(&old, &new, &SIZES, 1e-5);
}

#[test]
fn keys_are_cached_by_the_attention() {
    check(
        &cached(
            JOINED,
            "of_past = Shape <start = 2, end = 3> (past_k)
             of_new = Shape <start = 2, end = 3> (new_k)
             keys = Add (of_past, of_new)",
        ),
        "Shape Shape Add Slice CachedAttention",
    );
}

#[test]
fn shapes_follow_from_those_of_the_parts() {
    for asked in [
        OF_COPIES,
        "keys = Shape <start = -2, end = -1> (k_all)",
        "keys = Shape <start = -2, end = 3> (k)",
        "shape = Shape (v)
         keys = Slice (shape, third, last)",
        "shape = Shape (k_twice)
         keys = Gather <axis = 0> (shape, last)",
    ] {
        let (old, new) = fused(&cached(JOINED, asked));
        let found = operators(&new);
        assert!(found.ends_with("CachedAttention"), "{asked}: {found}");
        assert!(
            !found.contains("Expand") && !found.contains("Concat"),
            "{asked}: {found}"
        );
        testing::agree(&old, &new, &SIZES, 1e-5);
    }
}

/// Without a cache the copies for each head go as well.
#[test]
fn shapes_of_copies_follow_from_those_of_keys() {
    let keys = "k = Neg (new_k)
         v = Neg (new_v)";
    let (old, new) = fused(&cached(keys, OF_COPIES));
    assert!(!operators(&new).contains("Expand"), "{}", operators(&new));
    assert!(operators(&new).ends_with("Attention"));
    let sizes: [&[(&str, usize)]; 2] = [
        &[("B", 2), ("S", 3), ("P", 4), ("M", 9)],
        &[("B", 1), ("S", 1), ("P", 0), ("M", 1)],
    ];
    testing::agree(&old, &new, &sizes, 1e-5);
}

/// What needs the keys themselves before the attention keeps the Concat where it is.
#[test]
fn keys_that_are_needed_before_are_not_cached_by_the_attention() {
    for asked in [
        // The mask is computed from keys.
        "total = ReduceSum <keepdims = 0> (k)
         none = Sub (total, total)
         less = Cast <to = 7> (none)
         of_new = Shape <start = 2, end = 3> (k)
         keys = Add (of_new, less)",
        "cells = Size (k_all)
         of_new = Shape <start = 2, end = 3> (k)
         less = Sub (cells, cells)
         keys = Add (of_new, less)",
    ] {
        // tract does not run them: it has to know sizes before.
        let (_, new) = fused(&cached(JOINED, asked));
        let found = operators(&new);
        assert!(!found.contains("CachedAttention"), "{asked}: {found}");
    }
}

/// What nobody needs stays in the graph as it was, and before the keys it would not be.
#[test]
fn readers_that_nobody_needs_keep_the_keys_before_them() {
    for unread in ["unread = Neg (k)", "first = Neg (v)\n unread = Abs (first)"] {
        let asked = format!("{unread}\n{OF_COPIES}");
        let (old, new) = fused(&cached(JOINED, &asked));
        let found = operators(&new);
        assert!(!found.contains("CachedAttention"), "{unread}: {found}");
        testing::agree(&old, &new, &SIZES[..2], 1e-5);
    }
}

/// The list of nodes may be in another order than they depend on each other.
#[test]
fn lists_need_not_be_sorted() {
    let text = cached(JOINED, "");
    let end = text.rfind('}').expect("a graph");
    let (text, _) = text.split_at(end);
    let (old, new) = fused(&format!("{text}\n{OF_COPIES}\n}}"));
    assert!(operators(&new).contains("CachedAttention"));
    testing::agree(&old, &new, &SIZES[..2], 1e-5);
}

/// Keys put together along another axis, or of three parts, are no cache.
#[test]
fn other_concats_stay() {
    for keys in [
        "pieces = Concat <axis = 2> (past_k, new_k)
         k = Concat <axis = 2> (pieces)
         v = Concat <axis = 2> (past_v, new_v)",
        "k = Concat <axis = 2> (past_k, new_k)
         twin = Concat <axis = 2> (past_v, new_v)
         v = Neg (twin)",
    ] {
        let (old, new) = fused(&cached(keys, OF_COPIES));
        let found = operators(&new);
        assert!(!found.contains("CachedAttention"), "{found}");
        testing::agree(&old, &new, &SIZES[..3], 1e-5);
    }
}
