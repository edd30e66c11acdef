//! Parts of a graph that are cut out and run to confirm a site.

use crate::build::{branch, i64s, model, node, open};
use phasor::onnx::proto::{GraphProto, ValueInfoProto};
use phasor::pipeline::{self, Search};

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
    let lists = [("n0", 0), ("n4", 4), ("n8", 8), ("minus1", -1)];
    let mut constants: Vec<_> = lists.map(|(name, n)| (name, i64s(&[1], &[n]))).to_vec();
    constants.extend([("one", i64s(&[], &[1])), ("two", i64s(&[], &[2]))]);
    let mut model = model(text, &constants);
    let graph = model.graph.as_mut().unwrap();
    let at = graph.node.iter().position(|n| n.op_type() == "If").unwrap();
    let body = |call: &str| GraphProto {
        node: vec![node("taken", call)],
        output: vec![ValueInfoProto {
            name: Some("taken".to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    graph.node[at].attribute = vec![
        branch("then_branch", body("Cos(angles)")),
        branch("else_branch", body("Sin(angles)")),
    ];
    let findings = pipeline::find(&open(&model), &Search::default()).unwrap();
    let [site] = &findings.sites[..] else {
        panic!("{:?}", findings.refusals);
    };
    assert_eq!(site.site.proof.as_str(), "rotation");
    assert_eq!(site.confirmed.probes, 6);
}
