//! Parts of a graph that are cut out and run to confirm a site.

use crate::build::{bounds, decide, i64s, model, open};
use phasor::pipeline::{self, Findings, Search};

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
