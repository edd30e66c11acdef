//! Graphs beside the main one, bodies and training: what they read stays, and what falls with the main graph's nodes is no site.

use crate::build::{bounds, branches, f32s, i64s, info, model, node};
use crate::fused::{compared, count, fuse};
use phasor::onnx::proto::{
    FunctionProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TrainingInfoProto,
};
use phasor::onnx::{DataType, ModelFile, Tensor};
use phasor::pipeline::{self, Options, Outcome};
use phasor::recognize::{Kind, Selection};
use phasor::report::ExplainReport;
use phasor::rewrite::Target;
use phasor::scopes::{self, Found};
use prost::Message;
use tempfile::TempDir;

/// The rotation of `x` to `y` by halves, as a sum of two products.
fn rotation(x: &str, y: &str, cos: &str, sin: &str) -> String {
    format!(
        "{y}_low = Slice({x}, n0, n4, minus1)
        {y}_high = Slice({x}, n4, n8, minus1)
        {y}_negative = Neg({y}_high)
        {y}_turned = Concat({y}_negative, {y}_low) axis=-1
        {y}_straight = Mul({x}, {cos})
        {y}_across = Mul({y}_turned, {sin})
        {y} = Add({y}_straight, {y}_across)
        "
    )
}

/// A body of these nodes, which gives these values.
fn body(nodes: &str, outputs: &[&str]) -> GraphProto {
    let graph = model(nodes, &[]).graph.unwrap_or_default();
    giving(graph, outputs)
}

fn giving(graph: GraphProto, outputs: &[&str]) -> GraphProto {
    let output = outputs
        .iter()
        .map(|name| info(&format!("{name}: float[batch, heads, seq, width]")));
    GraphProto {
        name: Some("graph".to_owned()),
        output: output.collect(),
        ..graph
    }
}

/// A model of these nodes, which gives these values.
fn main_graph(nodes: &str, outputs: &[&str]) -> ModelProto {
    let mut constants: Vec<(&str, Tensor)> = bounds();
    constants.push(("n13", i64s(&[2], &[1, 3])));
    constants.push(("zero", i64s(&[], &[0])));
    constants.push(("two", i64s(&[], &[2])));
    constants.push(("frequencies", f32s(&[4], &[1.0, 0.3, 0.1, 0.03])));
    let mut model = model(nodes, &constants);
    model.graph = model.graph.map(|graph| giving(graph, outputs));
    model
}

fn fused(model: &ModelProto) -> (Outcome, ModelFile) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let (outcome, fused) = fuse(&ModelFile::open(&path).unwrap(), Target::Phasor).unwrap();
    fused.validate().unwrap();
    assert!(compared(&outcome), "{:#?}", outcome.check);
    (outcome, fused)
}

const TURNED: &str = "
    x: float[batch, 2, seq, 8]
    angles: float[batch, 1, seq, 4]
    flag: bool[]
    both = Concat(angles, angles) axis=-1
    cos = Cos(both)
    sin = Sin(both)
";

/// Sites of the body read the products of which the site around it consists, which nothing else needs.
#[test]
fn what_a_changed_body_reads_stays() {
    let turned = rotation("x", "turned", "cos", "sin");
    let text = format!("{TURNED}{turned}y = If(flag)");
    let then = || {
        body(
            &rotation("turned_turned", "twice", "cos", "sin"),
            &["twice"],
        )
    };
    let otherwise = |name: &str| body(&format!("{name} = Neg(turned)"), &[name]);
    for deep in [false, true] {
        let mut model = main_graph(&text, &["y"]);
        let mut inside = then();
        if deep {
            inside = body("inner = If(flag)", &["inner"]);
            branches(&mut inside, then(), otherwise("deeper"));
        }
        branches(model.graph.as_mut().unwrap(), inside, otherwise("other"));
        let (outcome, fused) = fused(&model);
        let inside = outcome.findings.sites.iter().filter(|s| s.scope > 0);
        assert!(inside.count() > 0, "{:#?}", outcome.findings.sites);
        assert_eq!(count(&fused, "ai.phasor", "RotaryEmbedding"), 1);
    }
}

/// The node of the tables takes the place of what the branches give: the branches fall, and the site in them is none.
#[test]
fn a_site_that_falls_with_its_node_is_not_fused() {
    let turned = rotation("x", "y", "cos", "sin");
    let text = format!(
        "x: float[batch, 2, seq, 8]
        other: float[batch, 2, seq, 8]
        ids: int64[batch, seq]
        sizes = Shape(ids)
        ranks = Shape(sizes)
        rank = Gather(ranks, zero)
        flat = Equal(rank, two)
        floats = Cast(ids) to=1
        rows = Unsqueeze(floats, n13)
        half = Mul(rows, frequencies)
        both = Concat(half, half) axis=-1
        cos, sin, unused = If(flat)
        {turned}"
    );
    let mut model = main_graph(&text, &["y"]);
    let branch = |k: usize| {
        let (cos, sin, last) = (format!("cos{k}"), format!("sin{k}"), format!("last{k}"));
        let turned = rotation("other", &last, &cos, &sin);
        let nodes = format!("{cos} = Cos(both)\n{sin} = Sin(both)\n{turned}");
        body(&nodes, &[&cos, &sin, &last])
    };
    branches(model.graph.as_mut().unwrap(), branch(1), branch(2));
    let (outcome, fused) = fused(&model);
    assert_eq!(count(&fused, "", "If"), 0);
    assert_eq!(count(&fused, "ai.phasor", "RotaryTable"), 1);
    let sites = outcome.findings.sites.iter();
    assert_eq!(sites.map(|s| &s.site.y[..]).collect::<Vec<_>>(), ["y"]);
    assert_eq!(outcome.nodes.1, fused.graph().node.len());
    let metadata = fused.model().metadata_props.iter();
    let rules: Vec<&str> = metadata
        .filter(|entry| entry.key() == "phasor.rules")
        .map(StringStringEntryProto::value)
        .collect();
    assert_eq!(rules, ["rotary=1,rotary-table=1"]);
}

/// Training that reads these values by `nodes` and sets an initializer.
fn training(nodes: Vec<NodeProto>, set: &str) -> TrainingInfoProto {
    let graph = GraphProto {
        node: nodes,
        ..Default::default()
    };
    TrainingInfoProto {
        algorithm: Some(giving(graph, &["update"])),
        update_binding: vec![StringStringEntryProto {
            key: Some(set.to_owned()),
            value: Some("update".to_owned()),
        }],
        ..Default::default()
    }
}

#[test]
fn what_training_names_stays() {
    let turned = rotation("x", "y", "cos", "sin");
    let mut model = main_graph(&format!("{TURNED}{turned}"), &["y"]);
    let initializers = |file: &ModelFile| {
        let tensors = file.graph().initializer.iter();
        tensors.map(|t| t.name().to_owned()).collect::<Vec<_>>()
    };
    let (_, without) = fused(&model);
    assert!(!initializers(&without).contains(&"n4".to_owned()));
    assert_eq!(count(&without, "", "Slice"), 0);
    let update = vec![node("update", "Neg(y_low)")];
    model.training_info.push(training(update, "n8"));
    let (_, with) = fused(&model);
    assert_eq!(count(&with, "ai.phasor", "RotaryEmbedding"), 1);
    // `n8` is set, and the slice that is read takes `n4`.
    for name in ["n4", "n8"] {
        assert!(initializers(&with).contains(&name.to_owned()), "{name}");
    }
    assert_eq!(count(&with, "", "Slice"), 1);
    assert_eq!(with.model().training_info, model.training_info);
}

#[test]
fn functions_that_training_calls_stay_as_they_are() {
    let constants = [("n0", 0), ("n4", 4), ("n8", 8), ("minus1", -1)];
    let text = rotation("x", "rotated", "cos", "sin");
    let nodes = model(&text, &[]).graph.unwrap_or_default().node;
    let mut function = FunctionProto {
        name: Some("Turn".to_owned()),
        domain: Some("other".to_owned()),
        input: ["x", "cos", "sin"].map(str::to_owned).to_vec(),
        output: vec!["rotated".to_owned()],
        opset_import: vec![crate::build::opset("", 17)],
        ..Default::default()
    };
    for (name, n) in constants {
        let mut made = node(name, "Constant()");
        let value = phasor::onnx::proto::AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(4),
            t: Some(Box::new(i64s(&[1], &[n]).to_proto(name))),
            ..Default::default()
        };
        made.attribute.push(value);
        function.node.push(made);
    }
    function.node.extend(nodes);
    for call in [
        "y = other::Turn(x, cos, sin)",
        "t = other::Turn(x, cos, sin)\ny = Neg(t)",
    ] {
        let mut model = main_graph(&format!("{TURNED}{call}"), &["y"]);
        model.functions.push(function.clone());
        let kept = |file: &ModelFile| file.model().functions.contains(&function);
        let (_, without) = fused(&model);
        assert!(!kept(&without));
        let update = vec![node("update", "other::Turn(x, cos, sin)")];
        model.training_info.push(training(update, "n8"));
        let (_, with) = fused(&model);
        assert_eq!(count(&with, "ai.phasor", "RotaryEmbedding"), 1);
        assert!(kept(&with));
    }
}

#[test]
fn a_change_that_leaves_an_invalid_model_is_not_made() {
    let turned = rotation("x", "y", "cos", "sin");
    let model = main_graph(&format!("{TURNED}{turned}"), &["y"]);
    let file = ModelFile::from_bytes("model.onnx", model.encode_to_vec().into()).unwrap();
    let rules = Selection::default();
    let mut findings = scopes::find(&file, &rules, &Default::default(), Default::default());
    let Kind::Rotary(rotary) = &mut findings.sites[0].site.kind else {
        panic!("no rotary site");
    };
    rotary.x = "nowhere".to_owned();
    assert_eq!(findings.sites[0].site.dtype, DataType::F32);
    let sites: Vec<&Found> = findings.sites.iter().collect();
    let planned = scopes::plan(&file, &findings, &sites, Target::Phasor.into());
    assert!(planned.edit.is_empty());
    let [(0, refusal)] = &planned.unsupported[..] else {
        panic!("{:?}", planned.unsupported);
    };
    for word in ["would be invalid", "`nowhere`", "node of y"] {
        assert!(refusal.reason.contains(word), "{}", refusal.reason);
    }
    assert!(refusal.hint.as_ref().unwrap().contains("fault of Phasor"));
}

/// Branches may use the same names: what is near a node of one is not what is near its namesake in the other.
#[test]
fn near_misses_of_branches_with_the_same_names_are_told_apart() {
    let wrong = rotation("x", "y", "cos", "sin").replace("Neg(y_high)", "Identity(y_high)");
    let text = "x: float[batch, heads, seq, 8]
        condition: bool[]
        p: float[seq, 1]
        half = Mul(p, frequencies)
        angle = Concat(half, half) axis=-1
        cos = Cos(angle)
        sin = Sin(angle)
        result = If(condition)";
    let mut model = main_graph(text, &["result"]);
    let graph = model.graph.as_mut().unwrap();
    branches(graph, body(&wrong, &["y"]), body(&wrong, &["y"]));
    let file = ModelFile::from_bytes("model.onnx", model.encode_to_vec().into()).unwrap();
    let rules = Selection::default();
    let findings = scopes::find(&file, &rules, &Default::default(), Default::default());
    assert_eq!(findings.refusals.len(), 2, "{:#?}", findings.refusals);
    let node = &findings.refusals[1].node;
    let report = ExplainReport::new(&file, &findings, Some(node)).unwrap();
    let near: Vec<&String> = report
        .refusals
        .iter()
        .map(|refusal| &refusal.node)
        .collect();
    assert_eq!(near, [node]);
}

/// At opset 13 no function body serves two element types: sites of other graphs are not dropped without a word.
#[test]
fn sites_of_several_graphs_that_no_body_serves_say_so() {
    let own = rotation("x", "y", "cos", "sin");
    let inner = rotation("x16", "z", "cos16", "sin16");
    let text = format!(
        "x: float[batch, heads, seq, 8]
        cos: float[seq, 8]
        sin: float[seq, 8]
        x16: float16[batch, heads, seq, 8]
        cos16: float16[seq, 8]
        sin16: float16[seq, 8]
        condition: bool[]
        {own}result = If(condition)"
    );
    let mut model = main_graph(&text, &["y", "result"]);
    model.opset_import[0].version = Some(13);
    let graph = model.graph.as_mut().unwrap();
    branches(graph, body(&inner, &["z"]), body(&inner, &["z"]));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let file = ModelFile::open(&path).unwrap();
    let outcome = pipeline::fuse(&file, &Options::default(), &mut ()).unwrap();
    let unsupported = &outcome.findings.unsupported;
    assert_eq!((outcome.findings.sites.len(), unsupported.len()), (0, 3));
    assert!(
        unsupported[0].reason.contains("opset 13"),
        "{unsupported:#?}"
    );
}
