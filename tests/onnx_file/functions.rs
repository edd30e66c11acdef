//! Expansion of model-local functions.

use phasor::onnx::GraphIndex;
use phasor::onnx::functions::inline;
use phasor::onnx::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};

use crate::build::{body, model, node, open, opset, value};

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    FunctionProto {
        name: Some(name.into()),
        domain: Some("local".into()),
        input: owned(inputs),
        output: owned(outputs),
        node: nodes,
        opset_import: vec![opset("", 17), opset("local", 1)],
        ..Default::default()
    }
}

fn call(op: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        domain: Some("local".into()),
        ..node(op, name, inputs, outputs)
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        r#type: Some(2),
        ..Default::default()
    }
}

fn reference(name: &str, to: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ref_attr_name: Some(to.into()),
        r#type: Some(2),
        ..Default::default()
    }
}

fn with(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelProto {
    let graph = GraphProto {
        input: vec![value("x"), value("c")],
        output: vec![value("y")],
        node: nodes,
        ..Default::default()
    };
    ModelProto {
        functions,
        ..model(graph)
    }
}

/// Node lines such as `Relu(a) -> b {axis=1}`.
fn lines(model: &ModelProto) -> Vec<String> {
    let graph = model.graph.as_ref().expect("a graph");
    let attributes = |n: &NodeProto| {
        n.attribute
            .iter()
            .map(|a| format!(" {}={}", a.name(), a.i()))
            .collect::<String>()
    };
    graph
        .node
        .iter()
        .map(|n| {
            format!(
                "{}({}) -> {}{}",
                n.op_type(),
                n.input.join(","),
                n.output.join(","),
                attributes(n)
            )
        })
        .collect()
}

#[test]
fn calls_become_their_bodies() {
    let mut softmax = node("Softmax", "s", &["t"], &["O"]);
    softmax.attribute = vec![reference("axis", "along"), reference("other", "absent")];
    let mut inner = function(
        "Inner",
        &["A", "B"],
        &["O"],
        vec![node("Clip", "k", &["A", "B"], &["t"]), softmax],
    );
    inner.attribute_proto = vec![int("along", -1)];
    let mut second = call("Inner", "in2", &["m"], &["O"]);
    second.attribute = vec![reference("along", "axis")];
    let outer = function(
        "Outer",
        &["A"],
        &["O"],
        vec![call("Inner", "in1", &["A", "A"], &["m"]), second],
    );
    let mut main = call("Outer", "top", &["x"], &["y"]);
    main.attribute = vec![int("axis", 2)];
    let expanded = inline(&with(vec![main], vec![inner, outer]));
    assert_eq!(
        lines(&expanded),
        [
            "Clip(x,x) -> top/in1/t",
            "Softmax(top/in1/t) -> top/m axis=-1",
            // An optional input that the call leaves out is absent inside.
            "Clip(top/m,) -> top/in2/t",
            "Softmax(top/in2/t) -> y axis=2",
        ]
    );
    assert!(expanded.functions.is_empty());
    assert!(expanded.opset_import.iter().any(|o| o.domain() == "local"));
}

#[test]
fn names_stay_apart() {
    let f = || {
        function(
            "F",
            &["A"],
            &["O"],
            vec![
                node("Relu", "r", &["A"], &["t"]),
                node("Neg", "n", &["t"], &["O"]),
            ],
        )
    };
    // Two calls of one name, and a value of the graph that has the name a fresh one would get.
    let nodes = vec![
        node("Abs", "", &["x"], &["f/t"]),
        call("F", "f", &["f/t"], &["m"]),
        call("F", "f", &["m"], &["y"]),
    ];
    let expanded = inline(&with(nodes, vec![f()]));
    let index: &GraphIndex = open_index(&expanded);
    assert_eq!(index.order().len(), 5);
    let nodes = &expanded.graph.as_ref().expect("a graph").node;
    let names: std::collections::HashSet<_> = nodes.iter().map(|n| n.name()).collect();
    assert_eq!(names.len(), 5);
    // Without a name the operator's name and a number serve.
    let nodes = vec![call("F", "", &["x"], &["m"]), call("F", "", &["m"], &["y"])];
    assert_eq!(
        open_index(&inline(&with(nodes, vec![f()]))).order(),
        [0, 1, 2, 3]
    );
}

fn open_index(model: &ModelProto) -> &'static GraphIndex {
    Box::leak(Box::new(open(model))).index()
}

#[test]
fn an_output_that_is_an_input_becomes_a_copy() {
    let f = function("F", &["A"], &["A"], vec![]);
    let expanded = inline(&with(vec![call("F", "f", &["x"], &["y"])], vec![f]));
    assert_eq!(lines(&expanded), ["Identity(x) -> y"]);
}

#[test]
fn bodies_are_expanded_and_renamed() {
    // The function holds an If whose branch uses a value of the function and defines one of its own.
    let branch = GraphProto {
        node: vec![node("Add", "a", &["t", "t"], &["own"])],
        output: vec![value("own")],
        ..Default::default()
    };
    let mut choose = node("If", "i", &["C"], &["O"]);
    choose.attribute = vec![body("then_branch", branch)];
    let f = function(
        "F",
        &["A", "C"],
        &["O"],
        vec![node("Relu", "r", &["A"], &["t"]), choose],
    );
    // And it is called from a branch of the main graph.
    let branch = GraphProto {
        node: vec![call("F", "f", &["x", "c"], &["z"])],
        output: vec![value("z")],
        ..Default::default()
    };
    let mut top = node("If", "top", &["c"], &["y"]);
    top.attribute = vec![body("then_branch", branch)];
    let expanded = inline(&with(vec![top], vec![f]));
    let graph = expanded.graph.expect("a graph");
    let outer = graph.node[0].attribute[0].g.as_ref().expect("a branch");
    assert_eq!(outer.node[0].output, ["f/t"]);
    assert_eq!(outer.node[1].output, ["z"]);
    let inner = outer.node[1].attribute[0].g.as_ref().expect("a branch");
    assert_eq!(inner.node[0].input, ["f/t", "f/t"]);
    assert_eq!(inner.node[0].output, ["f/own"]);
    assert_eq!(inner.output[0].name(), "f/own");
}

#[test]
fn what_cannot_be_expanded_stays_a_call() {
    let recursive = function(
        "F",
        &["A"],
        &["O"],
        vec![call("F", "again", &["A"], &["O"])],
    );
    let expanded = inline(&with(vec![call("F", "f", &["x"], &["y"])], vec![recursive]));
    assert_eq!(lines(&expanded), ["F(x) -> y"]);
    assert_eq!(expanded.functions.len(), 1);
    let mut other = function("F", &["A"], &["O"], vec![node("Relu", "", &["A"], &["O"])]);
    other.opset_import = vec![opset("ai.onnx", 18)];
    let expanded = inline(&with(vec![call("F", "f", &["x"], &["y"])], vec![other]));
    assert_eq!(lines(&expanded), ["F(x) -> y"]);
}

#[test]
fn functions_that_double_do_not_explode() {
    let level = |i: usize| {
        let name = format!("F{}", i + 1);
        let nodes = vec![
            call(&name, "l", &["A"], &["t"]),
            call(&name, "r", &["t"], &["O"]),
        ];
        function(&format!("F{i}"), &["A"], &["O"], nodes)
    };
    let functions = (0..40).map(level).collect();
    let expanded = inline(&with(vec![call("F0", "f", &["x"], &["y"])], functions));
    assert!(!expanded.functions.is_empty());
}
