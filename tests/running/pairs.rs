//! Queries and keys of a layer in one node, where they share their tables and nothing in between needs the first result.

use crate::build::{bounds, model};
use crate::fused::{compared, count, fuse};
use phasor::onnx::ModelFile;
use phasor::rewrite::Target;
use prost::Message;
use tempfile::TempDir;

const INPUTS: &str = "
    q: float[batch, 4, seq, 8]
    k: float[batch, 2, seq, 8]
    cos: float[batch, 1, seq, 4]
    sin: float[batch, 1, seq, 4]
    other: float[batch, 1, seq, 4]
";

/// The rotation of `x` to `y` by halves.
fn rotation(x: &str, y: &str, sin: &str) -> String {
    format!(
        "{y}_low = Slice({x}, n0, n4, minus1)
        {y}_high = Slice({x}, n4, n8, minus1)
        {y}_a = Mul({y}_low, cos)
        {y}_b = Mul({y}_high, {sin})
        {y}_c = Mul({y}_high, cos)
        {y}_d = Mul({y}_low, {sin})
        {y}_e = Sub({y}_a, {y}_b)
        {y}_f = Add({y}_c, {y}_d)
        {y} = Concat({y}_e, {y}_f) axis=-1
        "
    )
}

/// Nodes of one and of two tensors after fusing with pairs.
fn counts(nodes: &str) -> (usize, usize) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.onnx");
    let text = format!("{INPUTS}{nodes}");
    std::fs::write(&path, model(&text, &bounds()).encode_to_vec()).unwrap();
    let file = ModelFile::open(&path).unwrap();
    let (outcome, fused) = fuse(&file, Target::PhasorPairs).unwrap();
    assert!(compared(&outcome), "{:#?}", outcome.check);
    let functions = &fused.model().functions;
    let made = ["RotaryEmbedding", "RotaryEmbeddingPair"].map(|op| {
        let nodes = count(&fused, "ai.phasor", op);
        let carried = functions.iter().any(|f| f.name() == op);
        assert_eq!(carried, nodes > 0, "{op}");
        nodes
    });
    (made[0], made[1])
}

#[test]
fn queries_and_keys_turn_in_one_node() {
    let nodes = rotation("q", "yq", "sin") + &rotation("k", "yk", "sin");
    assert_eq!(counts(&nodes), (0, 1));
}

#[test]
fn two_layers_have_a_pair_each() {
    let nodes = [
        rotation("q", "yq", "sin"),
        rotation("k", "yk", "sin"),
        "q2 = Sigmoid(yq)\nk2 = Tanh(yk)\n".to_owned(),
        rotation("q2", "yq2", "sin"),
        rotation("k2", "yk2", "sin"),
    ];
    assert_eq!(counts(&nodes.concat()), (0, 2));
}

#[test]
fn a_result_that_is_needed_in_between_is_not_put_off() {
    let nodes = [
        rotation("q", "yq", "sin"),
        "scaled = Sigmoid(yq)\n".to_owned(),
        rotation("k", "yk", "sin"),
    ];
    assert_eq!(counts(&nodes.concat()), (2, 0));
    let nodes = [
        rotation("q", "yq", "sin"),
        "then = Sigmoid(yq)\n".to_owned(),
        rotation("then", "again", "sin"),
    ];
    let nodes = nodes.concat();
    assert_eq!(counts(&nodes), (2, 0));
}

#[test]
fn other_tables_make_no_pair() {
    let nodes = rotation("q", "yq", "sin") + &rotation("k", "yk", "other");
    assert_eq!(counts(&nodes), (2, 0));
}
