//! Rewritten graphs compute what the original ones do, by kernels, by function bodies and unfused, for sizes from 0.

use crate::engine::random::Random;
use crate::engine::tract::{Tract, TractBodies};
use crate::engine::{Engine, Source};
use crate::facts::Facts;
use crate::onnx::{DataType, ModelFile};
use crate::recognize::relative_testing::{
    alibi, bias, claimed, counted, gather, graphs, held, products,
};
use crate::recognize::{BiasAxis, Kind, Lut, Rows, Selection};
use crate::rewrite::testing::{self, inputs, operators};
use crate::rewrite::{self, Subject, Target};

/// The graph with these tensors rewritten.
fn rewritten(text: &str, sites: Vec<(&str, Kind)>) -> (ModelFile, ModelFile) {
    let (file, analysis) = claimed(text, sites);
    let new = testing::rewritten(&file, &Facts::stated(&file), &analysis);
    (file, new)
}

/// Runs a graph before and after, in every way, at these sizes of its symbols; `by` is how far results may be apart.
#[track_caller]
fn agree(text: &str, sites: Vec<(&str, Kind)>, sizes: &[&[(&str, usize)]], by: f64) -> ModelFile {
    let (old, new) = rewritten(text, sites);
    testing::agree(&old, &new, sizes, by);
    new
}

/// Sizes of queries and keys, with none and with one of them.
const PLANE: [&[(&str, usize)]; 5] = [
    &[("Q", 4), ("K", 7)],
    &[("Q", 1), ("K", 1)],
    &[("Q", 0), ("K", 3)],
    &[("Q", 3), ("K", 0)],
    &[("Q", 0), ("K", 0)],
];

#[test]
fn a_bias_in_the_operators_layout_is_one_node() {
    let new = agree(
        graphs::CLIPPED,
        vec![("y", graphs::clipped(&[0, 1, 2, 3, 4]))],
        &PLANE,
        0.0,
    );
    assert_eq!(operators(&new), "RelativePositionBias");
    assert_eq!(new.graph().node[0].output, ["y"]);
    assert_eq!(new.graph().node[0].input[0], "table");
    // Steps of the old graph and their constants are gone.
    assert_eq!(new.graph().initializer.len(), 1);
}

#[test]
fn counted_positions_are_made_once() {
    let sizes: [&[(&str, usize)]; 4] = [&[("N", 30)], &[("N", 3)], &[("N", 1)], &[("N", 0)]];
    let sites = vec![("y", graphs::bucketed(graphs::buckets()))];
    let new = agree(graphs::BUCKETS, sites, &sizes, 0.0);
    let wanted = "Shape Gather Range RelativePositionBias Squeeze Transpose";
    assert_eq!(operators(&new), wanted);
}

/// Fixed sizes are counted beforehand, and equal tables and positions serve all sites.
#[test]
fn sites_share_their_helpers() {
    let text = "(
        float[3, 2] table,
        float[4, 2] other,
        float16[1, 4] q,
        float[N, 6] x
    ) => (y, z) <int64[1] one = {1}, int64[1] zero = {0}, int64 low = {-1}, int64 high = {1}, int64[6] k = {0, 1, 2, 3, 4, 5}> {
        wide = Cast <to = 7> (q)
        row = Squeeze (wide, zero)
        i = Unsqueeze (row, one)
        j = Unsqueeze (k, zero)
        d = Sub (j, i)
        near = Clip (d, low, high)
        index = Add (near, high)
        y = Gather (table, index)
        z = Gather (other, index)
    }";
    use BiasAxis::{Head, Key, Query};
    let site = |table| {
        let axes = [held("q", DataType::F16, &[1], 2), counted("x", 1)];
        bias(
            (table, 2),
            Lut::Known(vec![0, 1, 2]),
            axes,
            &[Query, Key, Head],
        )
    };
    let sites = vec![("y", site("table")), ("z", site("other"))];
    let new = agree(text, sites, &[&[("N", 2)]], 0.0);
    let wanted = "Squeeze Cast RelativePositionBias Squeeze Transpose RelativePositionBias Squeeze Transpose";
    assert_eq!(operators(&new), wanted);
    let lookup = |at: usize| &new.graph().node[at].input[1..];
    assert_eq!(lookup(2), lookup(5));
}

#[test]
fn scores_are_gathered_by_query_and_by_key() {
    let new = agree(
        graphs::BY_QUERY,
        vec![("y", graphs::by_query(false))],
        &PLANE,
        0.0,
    );
    assert_eq!(operators(&new), "Squeeze Cast Cast RelativeGather");
    let sites = vec![("y", graphs::by_key(&[4, 3, 2, 1, 0]))];
    let new = agree(graphs::BY_KEY, sites, &PLANE, 0.0);
    assert_eq!(operators(&new), "RelativeGather");
    assert_eq!(new.graph().node[0].int("by_key"), Some(1));
}

#[test]
fn columns_are_counted_when_the_model_runs() {
    let sizes: [&[(&str, usize)]; 3] = [&[("T", 5)], &[("T", 2)], &[("T", 1)]];
    let new = agree(
        graphs::SHIFT,
        vec![("y", graphs::shifted(false))],
        &sizes,
        0.0,
    );
    let wanted = "Slice Concat Shape Gather Div Mul Add Range Gather Range RelativeGather";
    assert_eq!(operators(&new), wanted);
    let sites = vec![("y", graphs::shifted(true))];
    let new = agree(graphs::EVEN_SHIFT, sites, &sizes, 0.0);
    let wanted = "Concat Shape Gather Div Mul Add Sub Range Min Gather Range RelativeGather";
    assert_eq!(operators(&new), wanted);
}

#[test]
fn slopes_become_a_vector_with_their_sign() {
    let new = agree(
        graphs::SLOPES,
        vec![("y", graphs::sloped(true, true))],
        &PLANE,
        1e-6,
    );
    assert_eq!(operators(&new), "Reshape Neg AlibiBias Squeeze");
    assert_eq!(new.graph().node[2].int("absolute"), Some(1));
    let sizes: [&[(&str, usize)]; 4] = [
        &[("B", 2), ("K", 5)],
        &[("B", 1), ("K", 1)],
        &[("B", 0), ("K", 3)],
        &[("B", 2), ("K", 0)],
    ];
    let new = agree(graphs::MASKED, vec![("y", graphs::masked(0))], &sizes, 1e-6);
    let wanted = "CumSum Sub Mul Unsqueeze Cast Reshape Squeeze Cast AlibiBias Squeeze";
    assert_eq!(operators(&new), wanted);
}

/// A query that a scalar holds, in a graph whose opset knows neither `allowzero` nor 0 as a size.
#[test]
fn a_scalar_is_one_position() {
    let text = r#"<ir_version: 8, opset_import: ["": 13]> graph (
        float[2] slopes,
        int64 q,
        int64[K] k
    ) => (y) <int64[1] one = {1}> {
        d = Sub (k, q)
        distance = Cast <to = 1> (d)
        column = Unsqueeze (slopes, one)
        y = Mul (column, distance)
    }"#;
    use BiasAxis::{Head, Key};
    let axes = [
        held("q", DataType::I64, &[], 0),
        held("k", DataType::I64, &[0], 1),
    ];
    let sites = vec![(
        "y",
        alibi(("slopes", 1, 2), [false, false], axes, &[Head, Key]),
    )];
    let sizes: [&[(&str, usize)]; 3] = [&[("K", 5)], &[("K", 1)], &[("K", 0)]];
    let new = agree(text, sites, &sizes, 1e-6);
    assert_eq!(operators(&new), "Reshape AlibiBias Squeeze");
}

/// Two operators of a kind with different attributes and ranks share one function body.
#[test]
fn one_body_serves_sites_that_differ() {
    let text = "(
        float[2, 3, L, 5] scores,
        float[L, 5] more,
        int64[L] p
    ) => (y, z) <int64[1] one = {1}, int64[1] zero = {0}, int64 low = {-2}, int64 high = {2}, int64[2] lead = {2, 3}> {
        row = Unsqueeze (p, one)
        column = Unsqueeze (p, zero)
        d = Sub (column, row)
        near = Clip (d, low, high)
        index = Add (near, high)
        plane = Shape (index)
        shape = Concat <axis = 0> (lead, plane)
        all = Expand (index, shape)
        y = GatherElements <axis = -1> (scores, all)
        turned = Transpose <perm = [1, 0]> (index)
        picked = GatherElements <axis = -1> (more, turned)
        z = Transpose <perm = [1, 0]> (picked)
    }";
    let site = |scores, by_key| {
        let axes = || held("p", DataType::I64, &[0], 1);
        let lut = Lut::Known(vec![0, 1, 2, 3, 4]);
        gather(scores, lut, [axes(), axes()], by_key)
    };
    let sites = vec![("y", site("scores", false)), ("z", site("more", true))];
    let sizes: [&[(&str, usize)]; 3] = [&[("L", 6)], &[("L", 1)], &[("L", 0)]];
    let new = agree(text, sites, &sizes, 0.0);
    assert_eq!(operators(&new), "RelativeGather RelativeGather");
    assert_eq!(new.model().functions.len(), 1);
}

/// Numbers of batches and of vectors, with none and one of them, up to what the table has rows for.
const VECTORS: [&[(&str, usize)]; 6] = [
    &[("B", 2), ("L", 3)],
    &[("B", 1), ("L", 5)],
    &[("B", 2), ("L", 2)],
    &[("B", 1), ("L", 1)],
    &[("B", 2), ("L", 0)],
    &[("B", 0), ("L", 4)],
];

#[test]
fn rows_in_reach_are_sliced_when_the_model_runs() {
    let by_key = products::KEYS.replace("bhld,lrd", "bhrd,lrd");
    for (text, is_key) in [(products::KEYS, false), (&by_key, true)] {
        let sites = vec![("y", products::keys(is_key))];
        let new = agree(text, sites, &VECTORS, 1e-6);
        let wanted = "Shape Gather Max Sub Add Unsqueeze Unsqueeze Slice Sub Div Mul Range Transpose MatMul Range RelativeGather";
        assert_eq!(operators(&new), wanted);
        // More distances than the table has rows: the graph fails, and so does what replaces it.
        let sites = vec![("y", products::keys(is_key))];
        let (old, new) = rewritten(text, sites);
        let given = inputs(&old, &[("B", 1), ("L", 6)], &mut Random::new(0, "long"));
        let engines: [&dyn Engine; 2] = [&Tract, &TractBodies];
        for file in [&old, &new] {
            for engine in engines {
                let names = ["y".to_owned()];
                let result = engine.run(Source::Proto(file.model(), None), &given, &names);
                assert!(result.is_err(), "{}", operators(file));
            }
        }
    }
}

#[test]
fn vectors_are_brought_to_the_axes_of_the_scores() {
    let text = products::KEYS.replace("[B, 2, L, 4]", "[B, L, 2, 4]");
    let text = text
        .replace("axis = {2}", "axis = {1}")
        .replace("bhld,", "blhd,");
    let sites = vec![("y", products::turned(&[0, 2, 1, 3]))];
    let new = agree(&text, sites, &VECTORS, 1e-6);
    let wanted = "Shape Gather Max Sub Add Unsqueeze Unsqueeze Slice Sub Div Mul Range Transpose Transpose MatMul Range RelativeGather";
    assert_eq!(operators(&new), wanted);
}

#[test]
fn rows_that_are_known_are_sliced_beforehand() {
    let text = products::KEYS.replace(
        "int64 middle",
        "int64 low = {-2}, int64 high = {3}, int64 middle",
    );
    let text = text.replace(
        "index = Add (d,",
        "near = Clip (d, low, high)\n index = Add (near,",
    );
    let longer = [VECTORS[0], VECTORS[3], VECTORS[4], &[("B", 1), ("L", 12)]];
    let new = agree(&text, vec![("y", products::clipped())], &longer, 1e-6);
    let wanted = "Slice Transpose MatMul Shape Gather Range RelativeGather";
    assert_eq!(operators(&new), wanted);
}

/// Terms of queries and of keys multiply the same rows, and a narrower table is widened.
#[test]
fn terms_of_queries_and_keys_share_the_rows() {
    let text = products::KEYS.replace("float[9", "float16[9");
    let text = text.replace("rows = Gather", "narrow = Gather");
    let text = text.replace("=> (y)", "=> (y, z)");
    let text = text.replace(
        " y = ",
        r#" rows = Cast <to = 1> (narrow)
        z = Einsum <equation = "bhrd,lrd->bhlr"> (x, rows)
        y = "#,
    );
    let site = |by_key| {
        let rows = (Rows::Around { middle: 4 }, DataType::F16);
        products::typed(rows, products::columns(true), by_key)
    };
    let sites = vec![("z", site(true)), ("y", site(false))];
    let new = agree(&text, sites, &VECTORS, 1e-6);
    let wanted = "Shape Gather Max Sub Add Unsqueeze Unsqueeze Slice Sub Div Mul Range Cast Transpose MatMul Range RelativeGather RelativeGather";
    assert_eq!(operators(&new), wanted);
}

/// What other targets say.
#[test]
fn other_targets_refuse_with_words() {
    let (file, analysis) = claimed(graphs::SLOPES, vec![("y", graphs::sloped(true, true))]);
    let (facts, rules) = (Facts::stated(&file), Selection::default());
    for target in [Target::Contrib, Target::Onnx] {
        let subject = Subject {
            file: &file,
            facts: &facts,
            shapes: &analysis.shapes,
            rules: &rules,
            tables: &[],
            writing: target.into(),
        };
        let plan = rewrite::plan(&subject, &analysis.sites);
        assert!(plan.edit.is_empty());
        let [(0, refusal)] = &plan.unsupported[..] else {
            panic!("{:?}", plan.unsupported);
        };
        assert!(
            refusal.reason.contains("distance between positions"),
            "{}",
            refusal.reason
        );
    }
}
