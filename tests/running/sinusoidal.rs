//! Sinusoidal embeddings, fused and compared for all sizes from 0.

use crate::build::{f32s, i64s, model};
use crate::fused::{compared, count, fuse, fuse_by};
use phasor::onnx::{DataType, ModelFile, Tensor};
use phasor::pipeline::Outcome;
use phasor::recognize::{Kind, Selection, Sinusoidal, Source};
use phasor::rewrite::{Target, unfuse};
use prost::Message;
use tempfile::TempDir;

/// Positions that are counted along a tensor, interleaved, added to it.
const COUNTED: &str = "
    x: float[batch, length, 6]
    sizes = Shape(x) start=1 end=2
    size = Squeeze(sizes, axis0)
    range = Range(zero, size, one)
    p = Cast(range) to=1
    column = Unsqueeze(p, last)
    angle = Mul(column, freq)
    sin = Sin(angle)
    cos = Cos(angle)
    s = Unsqueeze(sin, last)
    c = Unsqueeze(cos, last)
    pairs = Concat(s, c) axis=-1
    rows = Concat(sizes, width) axis=0
    row = Reshape(pairs, rows) allowzero=1
    y = Add(x, row)";

/// Timesteps of a batch: the halves are exchanged, and multiplied by a number.
const TIMES: &str = "
    t: int64[batch]
    column = Unsqueeze(t, axis1)
    p = Cast(column) to=1
    angle = Mul(p, freq)
    sin = Sin(angle)
    cos = Cos(angle)
    row = Concat(sin, cos) axis=-1
    a = Slice(row, middle, end, last)
    b = Slice(row, axis0, middle, last)
    flipped = Concat(a, b) axis=-1
    y = Mul(flipped, factor)";

/// Coordinates that a mask counts and its end normalises, divided by numbers, with a zero at the end.
const DIVIDED: &str = "
    mask: int64[batch, length]
    ones = Cast(mask) to=1
    counted = CumSum(ones, one)
    whole = Slice(counted, last, end, axis1)
    positive = Add(whole, factor)
    ratio = Div(counted, positive)
    column = Unsqueeze(ratio, last)
    angle = Div(column, freq)
    sin = Sin(angle)
    cos = Cos(angle)
    shape = Shape(column)
    zeros = ConstantOfShape(shape)
    y = Concat(sin, cos, zeros) axis=2";

/// Frequencies that are an input, and one position.
const GIVEN: &str = "
    t: double[1]
    given: double[1, 4]
    column = Unsqueeze(t, last)
    angle = MatMul(column, given)
    sin = Sin(angle)
    cos = Cos(angle)
    y = Concat(cos, sin) axis=-1";

/// Rows of a table, looked up by the caller's numbers.
const LOOKED_UP: &str = "
    ids: int32[batch, length]
    x: float[batch, length, 6]
    rows = Gather(table, ids)
    y = Add(x, rows)";

/// The first rows of a table whose rows are neighbours of sine and cosine, added to as many.
const CUT: &str = "
    x: float[batch, length, 6]
    end = Shape(x) start=1 end=2
    rows = Slice(woven, axis0, end, axis1)
    y = Add(x, rows)";

/// All rows, added as they are.
const ADDED: &str = "
    x: float[batch, 9, 6]
    y = Add(x, table)";

/// The number of rows of a table.
const ROWS: usize = 9;

/// Sines and cosines in `float`, of angles in `float` or else in `double`; one row may be zero.
fn table(shape: &[usize], is_woven: bool, is_single: bool, zero: Option<usize>) -> Tensor {
    let number = |row: usize, column: usize| {
        let (k, is_sine) = match is_woven {
            true => (column / 2, column.is_multiple_of(2)),
            false => (column % 3, column < 3),
        };
        let exact = row as f64 * 0.3f64.powi(k as i32);
        let angle = match is_single {
            true => f64::from(row as f32 * 0.3f32.powi(k as i32)),
            false => exact,
        };
        match (zero == Some(row), is_sine) {
            (true, _) => 0.0,
            (false, true) => angle.sin() as f32,
            (false, false) => angle.cos() as f32,
        }
    };
    let all = (0..ROWS).flat_map(|row| (0..6).map(move |column| number(row, column)));
    f32s(shape, &all.collect::<Vec<_>>())
}

/// What fusing by rules for a target makes of a model with this table.
fn made_of(text: &str, table_of: Tensor, target: Target, rules: Selection) -> (Outcome, ModelFile) {
    let list = |value: i64| i64s(&[1], &[value]);
    let constants = [
        ("table", table_of),
        ("woven", table(&[1, ROWS, 6], true, true, None)),
        ("axis0", list(0)),
        ("axis1", list(1)),
    ];
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model(text, &constants).encode_to_vec()).unwrap();
    fuse_by(&ModelFile::open(&path).unwrap(), target, rules).unwrap()
}

/// The rules with tables of sinusoids.
fn with_tables() -> Selection {
    Selection {
        tables_to_compute: true,
        ..Selection::default()
    }
}

/// The only site of a model whose table is computed, and compares equal.
#[track_caller]
fn computed(text: &str, table: Tensor) -> Sinusoidal {
    let (outcome, written) = made_of(text, table, Target::Phasor, with_tables());
    assert!(compared(&outcome));
    assert_eq!(count(&written, "ai.phasor", "SinusoidalEmbedding"), 1);
    let [found] = &outcome.findings.sites[..] else {
        panic!("{} sites", outcome.findings.sites.len());
    };
    let Kind::Sinusoidal(site) = &found.site.kind else {
        panic!("{:?}", found.site.kind);
    };
    let table = &site.table.as_ref().unwrap().value;
    let mut left = written.graph().initializer.iter();
    assert!(left.all(|tensor| tensor.name() != table));
    site.clone()
}

/// What fusing for a target makes of a model.
fn made(text: &str, target: Target) -> (Outcome, ModelFile) {
    let scalar = |value: i64| i64s(&[], &[value]);
    let list = |value: i64| i64s(&[1], &[value]);
    let constants: [(&str, Tensor); 10] = [
        ("freq", f32s(&[3], &[1.0, 0.1, 0.01])),
        ("factor", f32s(&[], &[1.5])),
        ("zero", scalar(0)),
        ("one", scalar(1)),
        ("axis0", list(0)),
        ("axis1", list(1)),
        ("last", list(-1)),
        ("width", list(6)),
        ("middle", list(3)),
        ("end", list(99)),
    ];
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model(text, &constants).encode_to_vec()).unwrap();
    fuse(&ModelFile::open(&path).unwrap(), target).unwrap()
}

/// The only site of a model, which is fused and compares equal.
#[track_caller]
fn fused(text: &str) -> Sinusoidal {
    let (outcome, written) = made(text, Target::Phasor);
    assert!(compared(&outcome));
    assert_eq!(count(&written, "ai.phasor", "SinusoidalEmbedding"), 1);
    assert_eq!(count(&written, "", "Sin") + count(&written, "", "Cos"), 0);
    let (_, expanded) = unfuse(&written).unwrap();
    assert_eq!(expanded.len(), 1);
    let [found] = &outcome.findings.sites[..] else {
        panic!("{} sites", outcome.findings.sites.len());
    };
    match &found.site.kind {
        Kind::Sinusoidal(site) => site.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn positions_and_frequencies_are_read_where_the_graph_has_them() {
    let counted = fused(COUNTED);
    assert_eq!(counted.positions.value(), Some("range"));
    assert!(counted.attributes.interleaved);
    let times = fused(TIMES);
    assert_eq!(times.positions.value(), Some("t"));
    assert!(times.attributes.cos_first);
    assert_eq!(times.attributes.amplitude, 1.5);
    let divided = fused(DIVIDED);
    assert_eq!(divided.positions.value(), Some("ratio"));
    assert!(divided.divided);
    assert_eq!(divided.attributes.width, 7);
    let given = fused(GIVEN);
    assert_eq!(given.frequencies.value(), Some("given"));
}

#[test]
fn other_targets_leave_them() {
    let (outcome, written) = made(TIMES, Target::Contrib);
    assert_eq!(count(&written, "", "Sin"), 1);
    let [refusal] = &outcome.findings.unsupported[..] else {
        panic!("one site is left");
    };
    assert_eq!(refusal.reason, "the target has no operator for it");
}

#[test]
fn tables_are_computed_on_request() {
    let plain = |zero| table(&[ROWS, 6], false, true, zero);
    let looked_up = computed(LOOKED_UP, plain(None));
    assert_eq!(looked_up.positions.value(), Some("ids"));
    assert_eq!(looked_up.positions.wrapped, Some(9));
    let padded = computed(LOOKED_UP, plain(Some(1)));
    assert_eq!(padded.attributes.padding_position, Some(1));
    let exact = computed(LOOKED_UP, table(&[ROWS, 6], false, false, None));
    assert_eq!(exact.dtype, DataType::F64);
    let cut = computed(CUT, plain(None));
    assert!(cut.attributes.interleaved && cut.table.unwrap().met);
    let added = computed(ADDED, table(&[1, ROWS, 6], false, true, None));
    assert_eq!(added.positions.source, Source::Known(ROWS));
}

#[test]
fn tables_are_left_without_a_request() {
    let plain = || table(&[ROWS, 6], false, true, None);
    for (rules, near) in [
        (Selection::default(), 1),
        (
            Selection {
                ignore: vec!["sinusoidal-table"],
                ..with_tables()
            },
            0,
        ),
    ] {
        let (outcome, written) = made_of(LOOKED_UP, plain(), Target::Phasor, rules);
        assert_eq!(count(&written, "", "Gather"), 1);
        let refusals = &outcome.findings.refusals;
        assert_eq!(refusals.len(), near, "{refusals:?}");
        let words = ["the 216 bytes of the table", "beyond its last row"];
        let hints = refusals
            .iter()
            .filter_map(|refusal| refusal.hint.as_deref());
        assert!(
            hints
                .clone()
                .all(|hint| words.iter().all(|word| hint.contains(word)))
        );
    }
    let (outcome, _) = made_of(LOOKED_UP, plain(), Target::Contrib, with_tables());
    assert_eq!(outcome.findings.unsupported.len(), 1);
}
