//! Angles that are positions times frequencies become one `RotaryTable`, and only where the graph computes them so.

use phasor::onnx::{DataType, ModelFile, Tensor};
use phasor::pipeline::{self, Check, Goal, Options, Outcome, Search, Verdict};
use phasor::recognize::{AngleTable, Frequencies};
use phasor::rewrite::Target;
use phasor::verify::{self, Preference};
use prost::Message;

use super::build::{self, f32s, i64s};

/// The rotation of `x` by `cos` and `sin`, half layout.
const ROTATION: &str = "
    a, b = Split(x) axis=-1
    minus_b = Neg(b)
    turned = Concat(minus_b, a) axis=-1
    left = Mul(x, cos)
    right = Mul(turned, sin)
    y = Add(left, right)
";

/// Frequencies that no power of two relates.
const FREQUENCIES: [f32; 4] = [1.0, 0.31, 0.097, 0.0313];

/// Fuses a model of `angles` and a rotation, and holds it against the original.
fn fused(angles: &str, constants: &[(&str, Tensor)], precise_angles: bool) -> (Outcome, ModelFile) {
    let text = format!("{angles}{ROTATION}");
    let mut all = vec![
        ("frequencies", f32s(&[4], &FREQUENCIES)),
        ("first", i64s(&[1], &[1])),
        ("last", i64s(&[1], &[-1])),
    ];
    all.extend(constants.iter().cloned());
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old.onnx", "new.onnx"].map(|name| folder.path().join(name));
    std::fs::write(&old, build::model(&text, &all).encode_to_vec()).unwrap();
    let options = Options {
        goal: Goal::Write {
            path: new.clone(),
            force: false,
        },
        search: Search::default(),
        target: Target::Phasor,
        precise_angles,
        plain: Vec::new(),
        accept: Vec::new(),
        retarget: Vec::new(),
        verify: Some(verify::Options {
            engine: Preference::Tract,
            ..Default::default()
        }),
    };
    let file = ModelFile::open(&old).unwrap();
    let outcome = pipeline::fuse(&file, &options, &mut ()).unwrap();
    assert_eq!(outcome.verdict, Verdict::Fused, "{:#?}", outcome.check);
    match &outcome.check {
        Check::Done(report) => assert!(report.same(), "{report:#?}"),
        other => panic!("{other:?}"),
    }
    let written = ModelFile::open(&new).unwrap();
    (outcome, written)
}

fn count(file: &ModelFile, op: &str) -> usize {
    let nodes = file.graph().node.iter();
    nodes.filter(|node| node.op_type() == op).count()
}

/// The only table that the fused model computes.
fn one_table(angles: &str, constants: &[(&str, Tensor)]) -> (AngleTable, ModelFile) {
    let (outcome, written) = fused(angles, constants, false);
    let refusals = &outcome.findings.refusals;
    assert!(refusals.is_empty(), "{refusals:#?}");
    assert_eq!(count(&written, "RotaryTable"), 1);
    assert_eq!((count(&written, "Cos"), count(&written, "Sin")), (0, 0));
    let row = outcome.rules.iter().find(|row| row.rule == "rotary-table");
    let row = row.expect("a row of its own");
    assert_eq!(row.sites, 1);
    assert!(row.removed > row.added && row.probes >= 6);
    let [found] = &outcome.findings.scopes[0].tables[..] else {
        panic!("{} tables", outcome.findings.scopes[0].tables.len());
    };
    (found.table.clone(), written)
}

/// Nothing but the rotation is fused.
fn no_table(angles: &str, constants: &[(&str, Tensor)]) -> Outcome {
    let (outcome, written) = fused(angles, constants, false);
    assert_eq!(count(&written, "RotaryTable"), 0);
    assert_eq!(count(&written, "RotaryEmbedding"), 1);
    outcome
}

#[test]
fn integers_that_a_cast_may_change_are_no_positions() {
    for (to, kept) in [(12, true), (6, true), (7, false), (13, true)] {
        let angles = format!(
            "x: float[batch, 3, seq, 8]
            ids: int64[batch, seq]
            other = Cast(ids) to={to}
            numbers = Cast(other) to=1
            upright = Unsqueeze(numbers, last)
            angles = Mul(upright, frequencies)
            {TABLES}"
        );
        let (table, written) = one_table(&angles, &[]);
        let casts = if kept { 1 } else { 0 };
        assert!(count(&written, "Cast") >= casts, "{to}");
        assert_eq!(table.positions == "ids", !kept, "{to}: {}", table.positions);
    }
}

const POSITIONS: &str = "
    x: float[batch, 3, seq, 8]
    ids: int64[batch, seq]
    numbers = Cast(ids) to=1
";

/// Angles of both channels of a pair, their cosines and sines.
const TABLES: &str = "
    twice = Concat(angles, angles) axis=-1
    flat_cos = Cos(twice)
    flat_sin = Sin(twice)
    cos = Unsqueeze(flat_cos, first)
    sin = Unsqueeze(flat_sin, first)
";

/// Cosines and sines of positions times frequencies.
fn products() -> String {
    format!(
        "{POSITIONS}
        upright = Unsqueeze(numbers, last)
        angles = Mul(upright, frequencies)
        {TABLES}"
    )
}

#[test]
fn runs_are_counted_as_they_are_made() {
    let angles = products();
    let (outcome, _) = fused(&angles, &[], false);
    let mut rules = outcome.rules.iter();
    let row = rules.find(|row| row.rule == "rotary-table").unwrap();
    // Three for each of two sets of sizes and of five at the edges, and one for each of the two sequences that are long.
    assert_eq!(row.probes, 3 * (2 + 5) + 2);
}

#[test]
fn products_of_positions_and_constants() {
    let angles = products();
    let (table, _) = one_table(&angles, &[]);
    assert_eq!((&table.positions[..], table.axis), ("ids", None));
    assert_eq!(table.frequencies.value(), Some("frequencies"));
    assert_eq!((table.width, table.amplitude), (4, 1.0));
}

/// A position that is multiplied and divided is rounded twice, and beyond the type in between.
#[test]
fn factors_of_positions_that_cancel_stay() {
    for lines in [
        "thrice = Mul(p, three)\n back = Div(thrice, three)",
        "third = Div(p, three)\n back = Mul(third, three)",
        "large = Mul(p, two to 100)\n back = Div(large, two to 100)",
    ] {
        let angles = format!(
            "x: float[batch, seq, 8]
            p: float[batch, seq]
            {lines}
            column = Unsqueeze(back, last)
            narrow = Mul(column, frequencies)
            angle = Concat(narrow, narrow) axis=-1
            cos = Cos(angle)
            sin = Sin(angle)"
        );
        let constants = [("three", 3.0), ("two to 100", 2f32.powi(100))];
        let constants = constants.map(|(name, value)| (name, f32s(&[], &[value])));
        let (table, _) = one_table(&angles, &constants);
        assert_eq!(table.positions, "back", "{lines}");
    }
}

#[test]
fn a_factor_of_the_positions_stays_with_them() {
    // ids * (0.3 * f) is not (ids * 0.3) * f.
    let angles = format!(
        "{POSITIONS}
        scaled = Mul(numbers, factor)
        upright = Unsqueeze(scaled, last)
        angles = Mul(upright, frequencies)
        {TABLES}"
    );
    let (table, _) = one_table(&angles, &[("factor", f32s(&[], &[0.3]))]);
    assert_eq!(table.positions, "scaled");
    // A power of two is exact in either place.
    let (table, _) = one_table(&angles, &[("factor", f32s(&[], &[0.25]))]);
    assert_eq!(table.positions, "ids");
    let quarter = FREQUENCIES.map(|f| f64::from(f) / 4.0).to_vec();
    assert_eq!(table.frequencies, Frequencies::Numbers(vec![quarter]));
}

#[test]
fn frequencies_that_the_graph_computes_are_read_from_it() {
    let angles = format!(
        "{POSITIONS}
        base: float[4]
        slower = Mul(base, factor)
        upright = Unsqueeze(numbers, last)
        angles = Mul(upright, slower)
        {TABLES}"
    );
    let (table, _) = one_table(&angles, &[("factor", f32s(&[], &[0.3]))]);
    assert_eq!(table.frequencies.value(), Some("slower"));
}

#[test]
fn amplitudes_and_casts_keep_their_order() {
    let angles = format!(
        "{POSITIONS}
        upright = Unsqueeze(numbers, last)
        angles = Mul(upright, frequencies)
        plain_cos = Cos(angles)
        plain_sin = Sin(angles)
        large_cos = Mul(plain_cos, factor)
        large_sin = Mul(plain_sin, factor)
        cos_a = Cast(large_cos) to=10
        sin_a = Cast(large_sin) to=10
        cos_b = Concat(cos_a, cos_a) axis=-1
        sin_b = Concat(sin_a, sin_a) axis=-1
        cos = Unsqueeze(cos_b, first)
        sin = Unsqueeze(sin_b, first)"
    )
    .replace("x: float[", "x: float16[");
    let (table, written) = one_table(&angles, &[("factor", f32s(&[], &[1.2]))]);
    assert_eq!(table.amplitude, 1.2);
    // The node rounds its results itself.
    assert_eq!(count(&written, "Cast"), 0);
}

#[test]
fn angles_in_half_precision_keep_their_tables() {
    let angles = format!(
        "{POSITIONS}
        halved = Cast(numbers) to=10
        upright = Unsqueeze(halved, last)
        rounded = Mul(upright, half_frequencies)
        angles = Cast(rounded) to=1
        {TABLES}"
    );
    let half = FREQUENCIES.map(f64::from);
    let half = Tensor::from_f64_as(DataType::F16, &[4], &half);
    let outcome = no_table(&angles, &[("half_frequencies", half)]);
    let [refusal] = &outcome.findings.refusals[..] else {
        panic!("{:#?}", outcome.findings.refusals);
    };
    assert_eq!(refusal.rule, "rotary-table");
    assert!(
        refusal.reason.contains("another order or type"),
        "{}",
        refusal.reason
    );
}

#[test]
fn periods_are_no_frequencies() {
    let angles = format!(
        "{POSITIONS}
        upright = Unsqueeze(numbers, last)
        angles = Div(upright, frequencies)
        {TABLES}"
    );
    no_table(&angles, &[]);
}

#[test]
fn tables_that_are_used_elsewhere_stay() {
    let angles = format!(
        "{}
        seen_cos = Neg(cos)
        seen_sin = Neg(sin)",
        products()
    );
    no_table(&angles, &[]);
}

#[test]
fn sections_of_three_streams() {
    let angles = "
        x: float[batch, 3, seq, 8]
        ids: int64[3, batch, seq]
        numbers = Cast(ids) to=1
        upright = Unsqueeze(numbers, last)
        products = Mul(upright, frequencies)
        wide = Concat(products, products) axis=-1
        t, h, w, t2, h2, w2 = Split(wide, sizes) axis=-1
        t_row = Gather(t, row0) axis=0
        h_row = Gather(h, row1) axis=0
        w_row = Gather(w, row2) axis=0
        t2_row = Gather(t2, row0) axis=0
        h2_row = Gather(h2, row1) axis=0
        w2_row = Gather(w2, row2) axis=0
        angles = Concat(t_row, h_row, w_row, t2_row, h2_row, w2_row) axis=-1
        flat_cos = Cos(angles)
        flat_sin = Sin(angles)
        cos = Unsqueeze(flat_cos, first)
        sin = Unsqueeze(flat_sin, first)";
    let constants = [
        ("sizes", i64s(&[6], &[2, 1, 1, 2, 1, 1])),
        ("row0", i64s(&[], &[0])),
        ("row1", i64s(&[], &[1])),
        ("row2", i64s(&[], &[2])),
    ];
    let (table, _) = one_table(angles, &constants);
    assert_eq!((&table.positions[..], table.axis), ("ids", Some(0)));
    let [f0, f1, f2, f3] = FREQUENCIES.map(f64::from);
    let rows = vec![
        vec![f0, f1, 0.0, 0.0],
        vec![0.0, 0.0, f2, 0.0],
        vec![0.0, 0.0, 0.0, f3],
    ];
    assert_eq!(table.frequencies, Frequencies::Numbers(rows));
}

#[test]
fn coordinates_of_two_axes() {
    let angles = "
        x: float[batch, 3, seq, 8]
        places: float[seq, 2]
        row, column = Split(places) axis=-1
        down = Mul(row, slow)
        across = Mul(column, slow)
        angles = Concat(down, across) axis=-1
        twice = Concat(angles, angles) axis=-1
        cos = Cos(twice)
        sin = Sin(twice)";
    let (table, _) = one_table(angles, &[("slow", f32s(&[2], &[1.0, 0.31]))]);
    assert_eq!((&table.positions[..], table.axis), ("places", Some(1)));
}

#[test]
fn coordinates_in_double_precision() {
    let angles = "
        x: float[batch, 3, seq, 8]
        places: float[seq, 2]
        row = Gather(places, row0) axis=1
        column = Gather(places, row1) axis=1
        wide_row = Cast(row) to=11
        wide_column = Cast(column) to=11
        upright_row = Unsqueeze(wide_row, last)
        upright_column = Unsqueeze(wide_column, last)
        down = Mul(upright_row, slow)
        across = Mul(upright_column, slow)
        angles = Concat(down, across) axis=-1
        twice = Concat(angles, angles) axis=-1
        wide_cos = Cos(twice)
        wide_sin = Sin(twice)
        cos = Cast(wide_cos) to=1
        sin = Cast(wide_sin) to=1";
    let slow = Tensor::from_f64_as(DataType::F64, &[2], &[0.9, 0.3]);
    let constants = [
        ("slow", slow),
        ("row0", i64s(&[], &[0])),
        ("row1", i64s(&[], &[1])),
    ];
    let (table, written) = one_table(angles, &constants);
    assert_eq!((table.dtype, table.axis), (DataType::F64, Some(1)));
    // Of the positions and of both results.
    assert_eq!(count(&written, "Cast"), 3);
}

#[test]
fn layers_share_a_table() {
    let angles = format!(
        "{POSITIONS}
        z: float[batch, 5, seq, 8]
        upright = Unsqueeze(numbers, last)
        angles = Mul(upright, frequencies)
        {TABLES}
        c, d = Split(z) axis=-1
        minus_d = Neg(d)
        z_turned = Concat(minus_d, c) axis=-1
        z_left = Mul(z, cos)
        z_right = Mul(z_turned, sin)
        z_out = Add(z_left, z_right)"
    );
    let (table, written) = one_table(&angles, &[]);
    assert_eq!(table.positions, "ids");
    assert_eq!(count(&written, "RotaryEmbedding"), 2);
}

#[test]
fn precise_angles_are_asked_for_by_attribute() {
    let angles = products();
    let (_, written) = fused(&angles, &[], true);
    let mut nodes = written.graph().node.iter();
    let node = nodes.find(|n| n.op_type() == "RotaryTable").unwrap();
    assert_eq!(node.int("precise"), Some(1));
}
