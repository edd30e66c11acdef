//! What a search costs grows with the model: counted in the steps of the budget, which are the same on any machine.

use crate::build::{bounds, model, open};
use phasor::onnx::ModelFile;
use phasor::onnx::proto::{FunctionProto, NodeProto};
use phasor::pipeline::{self, Findings, Limits, Search};

fn search(file: &ModelFile, steps: u64) -> Findings {
    let search = Search {
        budget: Limits {
            steps,
            ..Limits::default()
        },
        ..Search::default()
    };
    pipeline::find(file, &search).unwrap()
}

fn gave_up(findings: &Findings) -> bool {
    let mut refusals = findings.refusals.iter();
    !findings.gave_up.is_empty() || refusals.any(|refusal| refusal.reason.contains("gave up"))
}

/// A rotation of `from` by halves.
fn rotation(from: &str, to: &str) -> String {
    format!(
        "{to}a = Slice({from}, n0, n4, minus1)
        {to}b = Slice({from}, n4, n8, minus1)
        {to}c = Neg({to}b)
        {to}d = Concat({to}c, {to}a) axis=-1
        {to}e = Mul({from}, cos)
        {to}f = Mul({to}d, sin)
        {to} = Add({to}e, {to}f)
        "
    )
}

const GIVEN: &str = "x: float[batch, 2, length, 8]
    cos: float[length, 8]
    sin: float[length, 8]
    ";

/// As many rotations one on the other, each of what an operator makes of the one before.
fn chain(count: usize) -> ModelFile {
    let mut text = GIVEN.to_owned();
    let mut from = "x".to_owned();
    for k in 0..count {
        let to = format!("y{k}");
        text += &rotation(&from, &to);
        from = format!("r{k}");
        text += &format!("{from} = Relu({to})\n        ");
    }
    open(&model(&text, &bounds()))
}

#[test]
fn a_site_is_cut_out_of_a_long_chain_at_its_origin() {
    let few = search(&chain(16), 1 << 32).sites.len();
    assert!(few > 4);
    let findings = search(&chain(160), 1 << 24);
    assert!(findings.sites.len() >= 9 * few, "{}", findings.sites.len());
    assert!(!gave_up(&findings), "{:?}", findings.refusals);
}

/// A call of each of as many functions with a rotation.
fn calls(count: usize) -> ModelFile {
    let mut text = GIVEN.to_owned();
    let mut from = "x".to_owned();
    for k in 0..count {
        text += &format!("z{k} = Relu({from})\ny{k} = other::F{k}(z{k}, cos, sin)\n");
        from = format!("y{k}");
    }
    let mut all = model(&text, &bounds());
    let body = model(&format!("{GIVEN}{}", rotation("x", "y")), &bounds());
    let constants = bounds();
    let held = constants.iter().map(|(name, tensor)| {
        let mut node: NodeProto = crate::build::node(name, "Constant()");
        node.attribute = vec![phasor::onnx::proto::AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(4),
            t: Some(Box::new(tensor.to_proto(name))),
            ..Default::default()
        }];
        node
    });
    let nodes: Vec<NodeProto> = held.chain(body.graph.unwrap().node).collect();
    all.functions = (0..count)
        .map(|k| FunctionProto {
            name: Some(format!("F{k}")),
            domain: Some("other".to_owned()),
            input: ["x", "cos", "sin"].map(str::to_owned).to_vec(),
            output: vec!["y".to_owned()],
            node: nodes.clone(),
            opset_import: vec![crate::build::opset("", 17)],
            ..Default::default()
        })
        .collect();
    open(&all)
}

#[test]
fn functions_are_expanded_where_they_are_called_and_nowhere_else() {
    // If each of the 400 graphs expanded all functions, their nodes would be beyond the budget's share.
    let findings = search(&calls(400), 1 << 32);
    assert_eq!(findings.sites.len(), 400);
    assert!(!gave_up(&findings), "{:?}", findings.refusals);
}

#[test]
fn calls_beyond_the_budget_are_left_and_reported_once() {
    let findings = search(&calls(40), 1 << 22);
    let [told] = &findings.gave_up[..] else {
        panic!("{:?}", findings.gave_up);
    };
    assert!(
        told.reason.starts_with("gave up expanding calls"),
        "{}",
        told.reason
    );
}

#[test]
fn the_same_budget_finds_the_same() {
    let names = |findings: Findings| -> Vec<String> {
        findings
            .sites
            .into_iter()
            .map(|f| f.site.node_name)
            .collect()
    };
    let file = chain(40);
    let few = names(search(&file, 1 << 19));
    assert_eq!(few, names(search(&file, 1 << 19)));
    let all = names(search(&file, 1 << 32));
    assert!(!few.is_empty() && few.len() < all.len());
    assert!(few.iter().all(|name| all.contains(name)), "{few:?}");
}
