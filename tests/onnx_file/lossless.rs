//! What an edit does not mean to change stays as it is, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use phasor::onnx::proto::{FunctionProto, ModelProto};
use phasor::onnx::{Edit, ModelFile, Tensor};
use prost::Message;

use crate::build::{field, model, node, number, open, open_bytes, small, value, varint};

fn models_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            models_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "onnx") {
            found.push(path);
        }
    }
}

/// The repository's models, and those below `PHASOR_CORPUS` if that is set.
fn all_models() -> Vec<PathBuf> {
    let mut found = Vec::new();
    models_below(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("models"),
        &mut found,
    );
    if let Some(corpus) = std::env::var_os("PHASOR_CORPUS").filter(|c| !c.is_empty()) {
        models_below(Path::new(&corpus), &mut found);
    }
    found
}

/// A written model, as bytes.
pub(crate) fn written(file: &ModelFile, edit: &Edit) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let staged = file.stage(edit, &folder.path().join("out.onnx"), false);
    fs::read(staged.expect("a staged model").path()).expect("the staged bytes")
}

/// An edit that touches every kind of element.
fn thorough(file: &ModelFile) -> Edit {
    let graph = file.graph();
    let count = graph.node.len();
    let new = |name: &str| node("Identity", name, &["a"], &[name]);
    let info = graph.value_info.iter().step_by(3);
    let names = graph.initializer.iter().step_by(2);
    Edit {
        remove_nodes: (0..count).step_by(7).collect(),
        insert_before: [
            (0, vec![new("n1"), new("n2")]),
            (count / 2, vec![new("n3")]),
            (count, vec![new("n4")]),
        ]
        .into_iter()
        .collect(),
        remove_initializers: names.map(|t| t.name().to_owned()).collect(),
        remove_value_info: info.map(|v| v.name().to_owned()).collect(),
        add_initializers: vec![Tensor::from_i64(&[1], &[7]).to_proto("fresh")],
        add_functions: vec![FunctionProto {
            name: Some("F".into()),
            domain: Some("test".into()),
            node: vec![node("Identity", "", &["a"], &["b"])],
            ..Default::default()
        }],
        remove_functions: (0..file.model().functions.len()).step_by(2).collect(),
        remove_opsets: ["ai.onnx.ml".to_owned()].into_iter().collect(),
        remove_metadata: ["gone".to_owned()].into_iter().collect(),
        opsets: vec![("test".into(), 1), ("".into(), 99)],
        metadata: vec![
            ("tool".into(), "test".into()),
            ("made by".into(), "other".into()),
        ],
        min_ir_version: Some(10),
    }
}

#[test]
fn every_model_is_written_back_byte_for_byte() {
    let models = all_models();
    assert!(!models.is_empty(), "no models found");
    for path in &models {
        let file = ModelFile::open(path).unwrap_or_else(|e| panic!("{e}"));
        let same = written(&file, &Edit::default()) == fs::read(path).expect("the input");
        assert!(same, "{} changed", path.display());
    }
    println!("{} models", models.len());
}

#[test]
fn file_and_memory_agree_on_every_edited_model() {
    for path in &all_models() {
        let file = ModelFile::open(path).unwrap_or_else(|e| panic!("{e}"));
        let edit = thorough(&file);
        let read = ModelProto::decode(&*written(&file, &edit)).expect("a sound output");
        assert!(read == file.edited(&edit), "{}", path.display());
    }
}

#[test]
fn an_edit_changes_what_it_says() {
    let file = open(&small());
    let edit = thorough(&file);
    let out = open_bytes(written(&file, &edit));
    let names: Vec<_> = out.graph().node.iter().map(|n| n.name()).collect();
    assert_eq!(names, ["n1", "n2", "n3", "second", "n4"]);
    let tensors: Vec<_> = out.graph().initializer.iter().map(|t| t.name()).collect();
    assert_eq!(tensors, ["fresh"]);
    assert!(out.graph().value_info.is_empty());
    assert_eq!(out.opset(), 17);
    assert_eq!(out.model().ir_version(), 10);
    let imports: Vec<_> = out
        .model()
        .opset_import
        .iter()
        .map(|o| (o.domain(), o.version()))
        .collect();
    assert_eq!(imports, [("", 17), ("test", 1)]);
    let metadata: Vec<_> = out
        .model()
        .metadata_props
        .iter()
        .map(|m| (m.key(), m.value()))
        .collect();
    assert_eq!(
        metadata,
        [("kept", "yes"), ("tool", "test"), ("made by", "other")]
    );
    // The same edit again finds its own opsets, functions and metadata.
    let additions = Edit {
        metadata: edit.metadata,
        opsets: edit.opsets,
        add_functions: edit.add_functions,
        ..Edit::default()
    };
    assert_eq!(written(&out, &additions), written(&out, &Edit::default()));
}

#[test]
fn unknown_fields_survive_an_edit() {
    let unknown = |text: &str| field(999, text.as_bytes());
    let group = [
        varint(500 << 3 | 3),
        number(1, 5),
        varint(501 << 3 | 3),
        varint(501 << 3 | 4),
        varint(500 << 3 | 4),
    ]
    .concat();
    let mut first = node("Add", "first", &["x", "x"], &["s"]).encode_to_vec();
    first.extend(unknown("in a node"));
    let second = node("Relu", "second", &["s"], &["y"]).encode_to_vec();
    let graph = [
        unknown("in the graph"),
        field(1, &first),
        group.clone(),
        field(1, &second),
    ]
    .concat();
    let bytes = [
        unknown("in the model"),
        number(1, 8),
        field(7, &graph),
        group.clone(),
    ]
    .concat();
    let file = open_bytes(bytes.clone());
    assert_eq!(written(&file, &Edit::default()), bytes);
    let edit = Edit {
        remove_nodes: [1].into_iter().collect(),
        ..Edit::default()
    };
    let graph = [unknown("in the graph"), field(1, &first), group.clone()].concat();
    let expected = [
        unknown("in the model"),
        number(1, 8),
        field(7, &graph),
        group,
    ]
    .concat();
    assert_eq!(written(&file, &edit), expected);
}

#[test]
fn a_split_graph_is_one_graph() {
    let part = |name: &str, input: &str, output: &str| {
        let mut graph = GraphBytes::default();
        graph.node(name, input, output);
        graph.0
    };
    let bytes = [
        field(7, &part("a", "x", "s")),
        number(1, 8),
        field(7, &part("b", "s", "t")),
        field(7, &part("c", "t", "y")),
    ]
    .concat();
    let file = open_bytes(bytes.clone());
    assert_eq!(file.graph().node.len(), 3);
    assert_eq!(written(&file, &Edit::default()), bytes);
    let edit = Edit {
        remove_nodes: [1].into_iter().collect(),
        insert_before: [
            (1, vec![node("Relu", "new", &["s"], &["t"])]),
            (3, vec![node("Relu", "end", &["y"], &["z"])]),
        ]
        .into_iter()
        .collect(),
        ..Edit::default()
    };
    let out = open_bytes(written(&file, &edit));
    let names: Vec<_> = out
        .graph()
        .node
        .iter()
        .map(|n| n.name().to_owned())
        .collect();
    assert_eq!(names, ["a", "new", "c", "end"]);
    assert_eq!(*out.model(), file.edited(&edit));
}

#[derive(Default)]
struct GraphBytes(Vec<u8>);

impl GraphBytes {
    fn node(&mut self, name: &str, input: &str, output: &str) {
        let node = node("Relu", name, &[input], &[output]);
        self.0.extend(field(1, &node.encode_to_vec()));
    }
}

#[test]
fn spellings_that_say_nothing_are_kept() {
    // An explicit empty domain, a zero attribute, a length in more bytes than it needs, fields out of order.
    let attribute = [field(1, b"axis"), number(3, 0), number(20, 2)].concat();
    let relu = [
        field(7, b""),
        field(5, &attribute),
        field(4, b"Relu"),
        field(2, b"y"),
        field(1, b"x"),
    ]
    .concat();
    let graph = [field(12, &field(1, b"y")), field(1, &relu), field(2, b"")].concat();
    let wide = [
        varint(7 << 3 | 2),
        vec![graph.len() as u8 | 0x80, 0x80, 0],
        graph.clone(),
    ]
    .concat();
    let bytes = [
        wide.clone(),
        field(8, &[field(1, b""), number(2, 17)].concat()),
        number(1, 8),
    ]
    .concat();
    let file = open_bytes(bytes.clone());
    assert_eq!(written(&file, &Edit::default()), bytes);
    let edit = Edit {
        metadata: vec![("k".into(), "v".into())],
        ..Edit::default()
    };
    let entry = field(14, &[field(1, b"k"), field(2, b"v")].concat());
    assert_eq!(written(&file, &edit), [bytes, entry].concat());
}

#[test]
fn inputs_that_old_models_list_for_their_weights_go_when_the_version_rises() {
    let mut old = small();
    old.ir_version = Some(3);
    old.graph.as_mut().expect("a graph").input.push(value("w"));
    let file = open(&old);
    let raised = file.edited(&Edit {
        min_ir_version: Some(8),
        ..Edit::default()
    });
    let inputs = |model: &ModelProto| {
        let graph = model.graph.as_ref().expect("a graph");
        graph
            .input
            .iter()
            .map(|i| i.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(inputs(&raised), ["x"]);
    let removed = file.edited(&Edit {
        remove_initializers: ["w".to_owned()].into_iter().collect(),
        ..Edit::default()
    });
    assert_eq!(inputs(&removed), ["x"]);
    // From version 4 on such an input has a default, and both stay.
    old.ir_version = Some(8);
    let file = open(&old);
    let edit = Edit {
        remove_initializers: ["w".to_owned()].into_iter().collect(),
        min_ir_version: Some(10),
        ..Edit::default()
    };
    let kept = file.edited(&edit);
    assert_eq!(inputs(&kept), ["x", "w"]);
    assert_eq!(kept.graph.as_ref().expect("a graph").initializer.len(), 1);
    assert_eq!(
        ModelProto::decode(&*written(&file, &edit)).expect("a model"),
        kept
    );
}

#[test]
fn a_model_without_nodes_is_fine() {
    let file = open(&model(Default::default()));
    let edit = Edit {
        insert_before: [(0, vec![node("Relu", "r", &["x"], &["y"])])]
            .into_iter()
            .collect(),
        ..Edit::default()
    };
    assert_eq!(open_bytes(written(&file, &edit)).graph().node.len(), 1);
}
