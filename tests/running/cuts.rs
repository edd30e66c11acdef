//! Parts of a graph that are cut out and run to confirm a site.

use std::collections::BTreeMap;

use crate::build::{bounds, decide, f32s, i64s, model, open};
use phasor::confirm::{Runs, confirm};
use phasor::facts::Facts;
use phasor::pipeline::{self, Findings, Limits, Search};
use phasor::recognize::{self, Kind};
use phasor::symbolic::Budget;

/// What is found in `y` of a tensor of these sizes, turned by halves, where `view` makes `x` of the input `given`.
fn halves(given: &str, view: &str, sizes: &[(&str, i64)]) -> Findings {
    let text = format!(
        "given: float[{given}]
        cos: float[1, 4]
        sin: float[1, 4]
        low = Slice(given, n0, n4, minus1)
        high = Slice(given, n4, n8, minus1)
        a = Mul(low, cos)
        b = Mul(high, sin)
        d = Mul(high, cos)
        e = Mul(low, sin)
        first = Sub(a, b)
        second = Add(d, e)
        {view}
        y = Concat(left, right) axis=-1"
    );
    let mut constants = bounds();
    constants.push(("fixed", i64s(&[4], &[1, 4096, 32768, 4])));
    let sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size));
    let search = Search {
        sizes: sizes.collect(),
        ..Search::default()
    };
    pipeline::find(&open(&model(&text, &constants)), &search).unwrap()
}

const PLAIN: &str = "left = Identity(first)
    right = Identity(second)";

#[test]
fn tensors_too_large_to_be_made_are_probed_with_smaller_ones() {
    for sizes in [
        "1, 2, 4096, 8",
        "1, 4096, 32768, 8",
        "1, 2147483648, 2147483648, 8",
        "4611686018427387904, 3, 5, 8",
    ] {
        let findings = halves(sizes, PLAIN, &[]);
        assert_eq!(findings.sites.len(), 1, "{sizes}: {:?}", findings.refusals);
    }
    // A part that holds the sizes runs with no others.
    let held = "left = Reshape(first, fixed)
        right = Reshape(second, fixed)";
    let findings = halves("1, 4096, 32768, 8", held, &[]);
    assert!(findings.sites.is_empty());
    let [refusal] = &findings.refusals[..] else {
        panic!("{:?}", findings.refusals);
    };
    assert!(refusal.reason.contains("too large"), "{}", refusal.reason);
}

#[test]
fn sizes_of_the_users_that_are_too_large_are_refused() {
    for size in [100_000_000, i64::MAX] {
        let findings = halves("batch, 3, seq, 8", PLAIN, &[("batch", size)]);
        assert!(findings.sites.is_empty());
        let [refusal] = &findings.refusals[..] else {
            panic!("{:?}", findings.refusals);
        };
        for word in ["too large", &size.to_string()] {
            assert!(refusal.reason.contains(word), "{}", refusal.reason);
        }
        assert!(refusal.hint.as_ref().is_some_and(|h| h.contains("--dim")));
    }
}

#[test]
fn a_branch_in_the_part_reads_values_of_the_graph_around_it() {
    // The upper half is turned by cosines of its own, equal by proof alone, that a branch computes.
    let text = "
        x: float[batch, 3, seq, 8]
        angles: float[seq, 4]
        holds = Greater(two, one)
        c = Cos(angles)
        s = Sin(angles)
        again = If(holds)
        low = Slice(x, n0, n4, minus1)
        high = Slice(x, n4, n8, minus1)
        a = Mul(low, c)
        b = Mul(high, s)
        d = Mul(high, again)
        e = Mul(low, s)
        first = Sub(a, b)
        second = Add(d, e)
        y = Concat(first, second) axis=-1";
    let mut constants = bounds();
    constants.extend([("one", i64s(&[], &[1])), ("two", i64s(&[], &[2]))]);
    let mut model = model(text, &constants);
    decide(&mut model, "Cos(angles)", "Sin(angles)");
    let findings = pipeline::find(&open(&model), &Search::default()).unwrap();
    let [site] = &findings.sites[..] else {
        panic!("{:?}", findings.refusals);
    };
    assert_eq!(site.site.proof.as_str(), "rotation");
    assert!(site.confirmed.probes >= 6, "{:?}", site.confirmed);
}

/// A rotation of `x` by the rows `ids` of tables that are computed for so many positions. Each half reads the other half of a row,
/// which is the same in these tables and not in random ones.
fn computed_table(rows: i64, steps: u64) -> Findings {
    let text = "
        x: float[batch, 2, seq, 8]
        ids: int64[batch, seq]
        count = Range(zero, rows, one)
        positions = Cast(count) to=1
        column = Unsqueeze(positions, n1)
        half = Mul(column, frequencies)
        angles = Concat(half, half) axis=-1
        cosines = Cos(angles)
        sines = Sin(angles)
        c = Gather(cosines, ids) axis=0
        s = Gather(sines, ids) axis=0
        cos = Unsqueeze(c, n1)
        sin = Unsqueeze(s, n1)
        low = Slice(x, n0, n4, minus1)
        high = Slice(x, n4, n8, minus1)
        low_cos = Slice(cos, n4, n8, minus1)
        low_sin = Slice(sin, n4, n8, minus1)
        high_cos = Slice(cos, n0, n4, minus1)
        high_sin = Slice(sin, n0, n4, minus1)
        a = Mul(low, low_cos)
        b = Mul(high, low_sin)
        d = Mul(high, high_cos)
        e = Mul(low, high_sin)
        first = Sub(a, b)
        second = Add(d, e)
        y = Concat(first, second) axis=-1";
    let mut constants = bounds();
    constants.extend([
        ("n1", i64s(&[1], &[1])),
        ("rows", i64s(&[], &[rows])),
        ("zero", i64s(&[], &[0])),
        ("one", i64s(&[], &[1])),
        ("frequencies", f32s(&[4], &[1.0, 0.31, 0.097, 0.0313])),
    ]);
    let search = Search {
        budget: Limits {
            steps,
            ..Limits::default()
        },
        ..Search::default()
    };
    pipeline::find(&open(&model(text, &constants)), &search).unwrap()
}

#[test]
fn what_the_part_computes_must_have_room_too() {
    let all = Limits::default().steps;
    assert_eq!(computed_table(1 << 10, all).sites.len(), 1);
    for rows in [1 << 26, 1 << 29, 1 << 40] {
        let findings = computed_table(rows, all);
        assert!(findings.sites.is_empty(), "{rows}");
        let [refusal] = &findings.refusals[..] else {
            panic!("{:?}", findings.refusals);
        };
        assert!(refusal.reason.contains("too large"), "{}", refusal.reason);
    }
}

#[test]
fn what_the_part_computes_is_paid_for() {
    assert_eq!(computed_table(1 << 10, 1 << 23).sites.len(), 1);
    let findings = computed_table(1 << 20, 1 << 23);
    assert!(findings.sites.is_empty());
    let reason = &findings.refusals[0].reason;
    assert!(reason.contains("budget"), "{reason}");
}

#[test]
fn a_graph_that_runs_where_the_operator_does_not_is_another() {
    // Equal rows for the whole batch: with a batch of 3, as many as heads, a table on the wrong axis gives the same numbers.
    let text = "
        x: float[batch, 3, seq, 8]
        shape = Shape(x)
        size = Gather(shape, two)
        row = Range(zero, size, one)
        rows = Unsqueeze(row, n0)
        batch_size = Slice(shape, n0, n1)
        row_size = Unsqueeze(size, n0)
        sizes = Concat(batch_size, row_size) axis=0
        ids = Expand(rows, sizes)
        c = Gather(cosines, ids) axis=0
        s = Gather(sines, ids) axis=0
        cos = Unsqueeze(c, n1)
        sin = Unsqueeze(s, n1)
        low = Slice(x, n0, n4, minus1)
        high = Slice(x, n4, n8, minus1)
        minus = Neg(high)
        turned = Concat(minus, low) axis=-1
        left = Mul(x, cos)
        right = Mul(turned, sin)
        y = Add(left, right)";
    let table = |of: fn(f32) -> f32| {
        let angle = |at: usize| (at / 8) as f32 * [1.0, 0.31, 0.097, 0.0313][at % 4];
        let numbers: Vec<f32> = (0..200 * 8).map(|at| of(angle(at))).collect();
        f32s(&[200, 8], &numbers)
    };
    let mut constants = bounds();
    constants.extend([
        ("n1", i64s(&[1], &[1])),
        ("zero", i64s(&[], &[0])),
        ("one", i64s(&[], &[1])),
        ("two", i64s(&[], &[2])),
        ("cosines", table(f32::cos)),
        ("sines", table(f32::sin)),
    ]);
    let file = open(&model(text, &constants));
    let budget = Budget::default();
    let mut analysis = recognize::analyse(&file, &Facts::of(&file), &Default::default(), &budget);
    let [site] = &mut analysis.sites[..] else {
        panic!("{:?}", analysis.refusals);
    };
    let Kind::Rotary(rotary) = &mut site.kind else {
        panic!("no rotary site");
    };
    for (table, value) in [(&mut rotary.cos, "c"), (&mut rotary.sin, "s")] {
        (table.value, table.unsqueeze) = (value.to_owned(), vec![0]);
    }
    let verdicts = confirm(
        &file,
        &analysis,
        &BTreeMap::new(),
        &budget,
        &mut Runs::default(),
    );
    let [Err(refusal)] = &verdicts[..] else {
        panic!("{verdicts:?}");
    };
    let reason = &refusal.reason;
    assert!(reason.contains("where the operator does not"), "{reason}");
}
