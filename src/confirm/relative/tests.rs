//! Claims that are true are confirmed, and claims that differ in one thing are not.

use std::collections::BTreeMap;

use crate::confirm::{Confirmed, Runs, confirm};
use crate::onnx::DataType;
use crate::recognize::relative_testing::{bias, claimed, counted, gather, graphs, held, products};
use crate::recognize::{BiasAxis, Kind, Lut, Rows, Stage};
use crate::symbolic::Budget;

/// Runs a claim of `y`.
fn run(text: &str, kind: Kind) -> Result<Confirmed, String> {
    let (file, analysis) = claimed(text, vec![("y", kind)]);
    let sizes = BTreeMap::new();
    let mut runs = Runs::default();
    let mut results = confirm(&file, &analysis, &sizes, &Budget::default(), &mut runs);
    results.remove(0).map_err(|refusal| {
        assert_eq!(refusal.stage, Stage::Confirmation);
        refusal.reason
    })
}

#[track_caller]
fn holds(text: &str, kind: Kind) {
    let confirmed = run(text, kind).expect("a confirmed site");
    assert!(confirmed.probes > 3, "{confirmed:?}");
    assert!(confirmed.max_diff < 3e-7, "{confirmed:?}");
}

#[track_caller]
fn fails(text: &str, kind: Kind, words: &str) {
    let reason = run(text, kind).expect_err("a claim that is wrong");
    assert!(reason.contains(words), "{reason}");
}

#[test]
fn a_bias_is_that_of_its_lookup_table() {
    let text = graphs::CLIPPED;
    holds(text, graphs::clipped(&[0, 1, 2, 3, 4]));
    // Beyond its reach a table repeats its ends.
    holds(text, graphs::clipped(&[0, 0, 1, 2, 3, 4, 4]));
    for wrong in [
        &[0, 1, 2, 4, 3][..],
        &[4, 3, 2, 1, 0],
        &[1, 2, 3],
        &[0, 1, 2, 3, 4, 4, 4],
        &[0, 0, 1, 2, 3, 4, 0],
    ] {
        fails(text, graphs::clipped(wrong), "it differs from the operator");
    }
    fails(text, graphs::clipped(&[0, 1, 2, 3, 5]), "lut[4] is 5");
}

#[test]
fn queries_are_no_keys() {
    let text = graphs::CLIPPED;
    let claim = |query: &str, key: &str, layout: &[BiasAxis]| {
        let axes = [query, key].map(|name| held(name, DataType::I64, &[0], 1));
        bias(("table", 3), Lut::Known(vec![0, 1, 2, 3, 4]), axes, layout)
    };
    use BiasAxis::{Head, Key, Query, Unit};
    fails(text, claim("k", "q", &[Unit, Head, Query, Key]), "shape");
    fails(
        text,
        claim("k", "q", &[Unit, Head, Key, Query]),
        "it differs",
    );
    fails(text, claim("q", "k", &[Head, Query, Key]), "shape");
    fails(
        text,
        claim("q", "k", &[Unit, Head, Unit, Key]),
        "it has one query",
    );
    let claim = |key| {
        let axes = [held("q", DataType::I64, &[0], 1), key];
        let lut = Lut::Known(vec![0, 1, 2, 3, 4]);
        bias(("table", 3), lut, axes, &[Unit, Head, Query, Key])
    };
    fails(text, claim(counted("k", 0)), "it differs");
}

/// Distances are looked at that no small size has.
#[test]
fn every_distance_of_a_long_lookup_table_counts() {
    let right = graphs::buckets();
    holds(graphs::BUCKETS, graphs::bucketed(right.clone()));
    for at in [0, 9, 10, 11, 29, 30, 40] {
        let mut wrong = right.clone();
        wrong[at] = (wrong[at] + 1) % 12;
        fails(graphs::BUCKETS, graphs::bucketed(wrong), "it differs");
    }
    // A table that ends where the last bucket has not begun.
    let short = right[11..30].to_vec();
    fails(graphs::BUCKETS, graphs::bucketed(short), "it differs");
}

/// A decoder's last query, after which there is no key: with random positions the graph computes something else, or fails.
#[test]
fn positions_of_the_graph_are_run_where_it_relies_on_them() {
    let text = "(
        float[4, 3] table,
        float[1, K, 4] x
    ) => (y) <int64 none = {0}, int64 one = {1}, int64 last = {3}, int64[1] first = {0}> {
        shape = Shape (x)
        n = Gather (shape, one)
        before = Sub (n, one)
        q = Range (before, n, one)
        k = Range (none, n, one)
        d = Sub (q, k)
        index = Min (d, last)
        picked = Gather (table, index)
        moved = Transpose <perm = [1, 0]> (picked)
        y = Unsqueeze (moved, first)
    }";
    use BiasAxis::{Head, Key, Unit};
    let claim = |lut: &[i64]| {
        let axes = [
            held("q", DataType::I64, &[0], 1),
            held("k", DataType::I64, &[0], 1),
        ];
        bias(
            ("table", 3),
            Lut::Known(lut.to_vec()),
            axes,
            &[Unit, Head, Key],
        )
    };
    holds(text, claim(&[3, 2, 1, 0, 0, 0, 0]));
    fails(text, claim(&[3, 2, 2, 0, 0, 0, 0]), "it differs");
    fails(text, claim(&[2, 2, 1, 0, 0, 0, 0]), "it differs");
}

#[test]
fn rows_of_scores_are_queries_or_keys() {
    holds(graphs::BY_QUERY, graphs::by_query(false));
    fails(graphs::BY_QUERY, graphs::by_query(true), "scores");
    holds(graphs::BY_KEY, graphs::by_key(&[4, 3, 2, 1, 0]));
    fails(
        graphs::BY_KEY,
        graphs::by_key(&[0, 1, 2, 3, 4]),
        "it differs",
    );
    let axes = || {
        [
            held("q", DataType::I64, &[0], 1),
            held("k", DataType::I64, &[0], 1),
        ]
    };
    let lut = Lut::Known(vec![4, 3, 2, 1, 0]);
    fails(
        graphs::BY_KEY,
        gather("scores", lut, axes(), false),
        "scores",
    );
}

#[test]
fn shifts_take_columns_in_order() {
    holds(graphs::SHIFT, graphs::shifted(false));
    holds(graphs::EVEN_SHIFT, graphs::shifted(true));
    fails(
        graphs::SHIFT,
        graphs::shifted(true),
        "expected an odd number",
    );
    fails(
        graphs::EVEN_SHIFT,
        graphs::shifted(false),
        "expected an odd number",
    );
    // The look-alike that pads at the end reads its padding.
    let behind = graphs::SHIFT.replace("(padding, scores)", "(scores, padding)");
    assert_ne!(behind, graphs::SHIFT);
    fails(&behind, graphs::shifted(false), "it differs");
}

#[test]
fn slopes_and_distances_have_signs() {
    holds(graphs::SLOPES, graphs::sloped(true, true));
    for (negated, absolute) in [(true, false), (false, true), (false, false)] {
        fails(
            graphs::SLOPES,
            graphs::sloped(negated, absolute),
            "it differs",
        );
    }
    holds(graphs::MASKED, graphs::masked(0));
    fails(graphs::MASKED, graphs::masked(1), "it differs");
}

/// The slopes are a part of the constant. It has no more than four queries and keys, and all of them where the graph asks for none.
#[test]
fn constants_are_only_so_long() {
    holds(graphs::CUT, graphs::cut(true));
    fails(graphs::CUT, graphs::cut(false), "it gives shape");
    let wrong = graphs::CUT.replace("unit = {0, 1}", "unit = {0, 2}");
    let wrong = wrong.replace("after = {1, 2}", "after = {1, 3}");
    fails(&wrong, graphs::cut(true), "it differs");
}

/// Narrow types round distances and products, and no more is let pass.
#[test]
fn linear_biases_agree_in_every_type() {
    for (name, number) in [("float16", 10), ("bfloat16", 16), ("double", 11)] {
        let text = graphs::SLOPES.replace("float[", &format!("{name}["));
        let text = text.replace("to = 1>", &format!("to = {number}>"));
        let confirmed = run(&text, graphs::sloped(true, true)).expect("a confirmed site");
        assert!(confirmed.max_diff < 8e-3, "{name}: {confirmed:?}");
        fails(&text, graphs::sloped(true, false), "it differs");
    }
}

#[test]
fn products_are_those_of_the_rows_in_reach() {
    use products::{KEYS, clipped, columns, keys, scores};
    let by_key = KEYS.replace("bhld,lrd", "bhrd,lrd");
    let near = KEYS.replace(
        "int64 middle",
        "int64 low = {-2}, int64 high = {3}, int64 middle",
    );
    let near = near.replace(
        "index = Add (d,",
        "near = Clip (d, low, high)\n index = Add (near,",
    );
    holds(KEYS, keys(false));
    holds(&by_key, keys(true));
    holds(&near, clipped());
    fails(KEYS, keys(true), "it differs");
    fails(&by_key, keys(false), "it differs");
    let around = |middle| Rows::Around { middle };
    fails(KEYS, scores(around(4), columns(false), false), "it differs");
    fails(
        KEYS,
        scores(around(3), products::columns(true), false),
        "it differs",
    );
    let part = |first, lut: &[i64]| {
        let rows = Rows::Part { first, count: 6 };
        scores(rows, Lut::Known(lut.to_vec()), false)
    };
    fails(&near, part(1, &[5, 4, 3, 2, 1, 0, 0]), "it differs");
    fails(&near, part(2, &[5, 4, 3, 2, 1, 0, 1]), "it differs");
    fails(&near, part(2, &[6, 4, 3, 2, 1, 0, 0]), "lut[0] is 6");
    let turned = KEYS.replace("[B, 2, L, 4]", "[B, L, 2, 4]");
    let turned = turned
        .replace("axis = {2}", "axis = {1}")
        .replace("bhld,", "blhd,");
    holds(&turned, products::turned(&[0, 2, 1, 3]));
    fails(&turned, products::turned(&[]), "scores");
    // Another factor beside the rows.
    let gated = KEYS.replace("(x, rows)", "(x, gated)");
    let gated = gated.replace(" y = ", " gated = Mul (rows, rows)\n y = ");
    fails(&gated, keys(false), "it differs");
}

/// Sums of narrow types are rounded, and no more is let pass.
#[test]
fn products_agree_in_every_type() {
    for (name, largest) in [("float16", 4e-3), ("bfloat16", 4e-2), ("double", 1e-15)] {
        let text = products::KEYS.replace("float[", &format!("{name}["));
        let dtype = match name {
            "float16" => DataType::F16,
            "bfloat16" => DataType::BF16,
            _ => DataType::F64,
        };
        let claim = |lut| {
            let rows = Rows::Around { middle: 4 };
            products::typed((rows, dtype), lut, false)
        };
        let confirmed = run(&text, claim(products::columns(true))).expect("a confirmed site");
        assert!(confirmed.max_diff < largest, "{name}: {confirmed:?}");
        fails(&text, claim(products::columns(false)), "it differs");
    }
}
