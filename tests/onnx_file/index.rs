//! Producers, consumers, captures and order.

use phasor::onnx::proto::GraphProto;
use phasor::onnx::{Error, ModelFile};
use prost::Message;

use crate::build::{body, model, node, open, small, value};

#[test]
fn values_know_their_makers_and_users() {
    let file = open(&small());
    let index = file.index();
    let id = |name| index.id(name).expect("a value of the graph");
    assert_eq!(index.producer(id("s")), Some((0, 0)));
    assert_eq!(index.consumers(id("w")), [(0, 1), (1, 1)]);
    assert_eq!(index.consumers(id("y")), []);
    assert_eq!(index.initializer(id("w")), Some(0));
    assert!(index.is_input(id("x")) && index.is_output(id("y")));
    assert_eq!(index.name(id("s")), "s");
    assert_eq!(index.order(), [0, 1]);
    assert_eq!(index.id("nothing"), None);
    assert_eq!(index.values().count(), index.len());
}

/// An If whose body holds another If, with names defined at each level.
fn nested() -> GraphProto {
    let inner = GraphProto {
        node: vec![node("Add", "", &["deep", "shadow"], &["i"])],
        output: vec![value("i")],
        ..Default::default()
    };
    let mut inner_if = node("If", "inner", &["c2"], &["o"]);
    inner_if.attribute.push(body("then_branch", inner));
    let outer = GraphProto {
        node: vec![node("Relu", "", &["near"], &["shadow"]), inner_if],
        output: vec![value("passed")],
        ..Default::default()
    };
    let mut outer_if = node("If", "outer", &["c"], &["y"]);
    outer_if.attribute.push(body("then_branch", outer));
    GraphProto {
        input: ["c", "c2", "near", "deep", "shadow", "passed", "unused"]
            .map(value)
            .into(),
        output: vec![value("y")],
        node: vec![outer_if],
        ..Default::default()
    }
}

#[test]
fn bodies_capture_what_they_do_not_define() {
    let file = open(&model(nested()));
    let index = file.index();
    let captured = |name| index.captured(index.id(name).expect("a value"));
    assert!(["c2", "near", "deep", "passed"].into_iter().all(captured));
    assert!(!["c", "shadow", "unused", "y"].into_iter().any(captured));
    assert_eq!(index.capturers(index.id("deep").expect("a value")), [0]);
    // What is local to a body is no value of the main graph.
    assert_eq!(index.id("i"), None);
}

#[test]
fn nodes_may_lie_in_any_order_that_is_not_a_cycle() {
    let mut graph = small().graph.expect("a graph");
    graph.node.reverse();
    assert_eq!(open(&model(graph)).index().order(), [1, 0]);
    // A body counts as a use: the node that makes a captured value comes first.
    let mut graph = nested();
    graph.input.retain(|i| i.name() != "deep");
    graph.node.push(node("Relu", "late", &["near"], &["deep"]));
    assert_eq!(open(&model(graph)).index().order(), [1, 0]);
}

fn refused(graph: GraphProto) -> Error {
    ModelFile::from_bytes("m.onnx", model(graph).encode_to_vec().into())
        .expect_err("an invalid graph")
}

#[test]
fn a_cycle_is_named() {
    let graph = GraphProto {
        node: vec![
            node("Relu", "after", &["b"], &["z"]),
            node("Add", "one", &["x", "b"], &["a"]),
            node("Relu", "two", &["a"], &["b"]),
        ],
        ..Default::default()
    };
    let message = refused(graph).to_string();
    assert!(
        message.starts_with("`m.onnx`: the graph has a cycle through node["),
        "{message}"
    );
    assert!(
        message.contains("`one`") || message.contains("`two`"),
        "{message}"
    );
}

#[test]
fn a_value_defined_twice_names_both_nodes() {
    let mut graph = small().graph.expect("a graph");
    graph.node.push(node("Relu", "third", &["x"], &["s"]));
    let message = refused(graph.clone()).to_string();
    assert!(
        message.contains("`first`") && message.contains("`third`"),
        "{message}"
    );
    graph.node[2].output = vec!["w".into()];
    assert!(refused(graph).to_string().contains("an initializer"));
}
