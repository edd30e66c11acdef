//! Files that are damaged or worse: a clear error, never a panic, never an allocation a length in the file asks for.

use std::path::Path;

use bytes::Bytes;
use phasor::onnx::functions::inline;
use phasor::onnx::proto::{FunctionProto, ModelProto};
use phasor::onnx::{Edit, Error, ModelFile};
use prost::Message;

use crate::build::{body, field, model, node, number, opset, small, varint};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

/// Files that are refused when opened, and what is said.
const REFUSED: &[(&str, &str)] = &[
    ("empty", "not an ONNX model: the file is empty"),
    ("text", "not an ONNX model: it looks like text"),
    ("lfs_pointer", "git-lfs pointer"),
    ("zip", "PyTorch checkpoint"),
    ("pickle", "Python pickle"),
    ("gguf", "GGUF"),
    ("safetensors", "safetensors"),
    ("random", "no model begins with the bytes cd 07 2c d8"),
    (
        "truncated",
        "ModelProto.graph: field length 77 runs past the end of the file (byte offset 8)",
    ),
    (
        "length_bomb",
        "ModelProto.graph: field length 1152921504606846976 runs past the end of the file (byte offset 2)",
    ),
    (
        "inner_length",
        "GraphProto.node[1]: field length 812 runs past the end of the file (byte offset 27)",
    ),
    (
        "long_varint",
        "ModelProto.ir_version: a number is longer than 64 bits (byte offset 1)",
    ),
    (
        "wrong_wire_type",
        "GraphProto.node[0]: wire type 0 does not fit the field (byte offset 10)",
    ),
    (
        "not_utf8",
        "GraphProto.node[1].op_type: the text is not UTF-8",
    ),
    ("deep", "messages lie more than 100 deep inside each other"),
    ("no_graph", "the model has no graph"),
    ("cycle", "the graph has a cycle through node["),
    ("recursive_functions", "function `f` calls itself"),
    (
        "defined_twice",
        "value `y` is defined twice: by node[0] `one` (Relu) and by node[1] `two` (Neg)",
    ),
];

/// Files that can be opened, with a tensor `w` that cannot be had.
const NO_TENSOR: &[(&str, &str)] = &[
    ("packed_cut_off", "does not fit 3 bytes of data"),
    ("huge_shape", "does not fit 8 bytes of data"),
    ("negative_shape", "an axis of length -2"),
    ("short_data", "does not fit 8 bytes of data"),
    ("missing_data", "gone.bin` cannot be read"),
    ("outside_data", "lies outside the model's folder"),
    ("data_past_end", "its data ends at byte 12 of `"),
];

/// Files of sound graphs that ONNX does not allow.
const INVALID: &[(&str, &str)] = &[
    (
        "axis_far",
        "attribute `axis` is 1099511627776, allowed are -3 to 2",
    ),
    (
        "axis_below",
        "attribute `axis` is -2147483648, allowed are -4 to 3",
    ),
    ("axis_twice", "attribute `perm` names axis 0 twice"),
    ("axis_input", "input 1 `a` is 3, allowed are -3 to 2"),
    (
        "gaps_far",
        "input 1 `a` is 1099511627776, allowed are -4 to 3",
    ),
    (
        "group_zero",
        "attribute `group` is 0, allowed are numbers from 1 on",
    ),
    ("attribute_missing", "attribute `axis` is missing"),
    (
        "attribute_kind",
        "attribute `axis` holds integers, allowed is an integer",
    ),
    ("inputs_missing", "it has 1 input, allowed are 2"),
    ("input_left_out", "required input 0 is missing"),
    (
        "bound_empty",
        "input 0 `a` is of shape [0], allowed is one element",
    ),
    (
        "scan_states",
        "attribute `num_scan_inputs` is 2, allowed is 1 alone",
    ),
    (
        "scan_inputs",
        "attribute `num_scan_inputs` is 2, allowed is 1 alone",
    ),
    (
        "scalar_indices",
        "input 1 `i` is of shape [], allowed are rows of at most 3 indices",
    ),
    (
        "shape_open_twice",
        "input 1 `s` leaves 2 sizes open (-1), allowed is one",
    ),
    (
        "rank_far",
        "input 1 `s` has 1099511627776 elements, one for each axis",
    ),
    (
        "shape_of_rank_2",
        "input 1 `x` has 1099511627776 elements, one for each axis",
    ),
    (
        "pad_length",
        "input 1 `s` has 2147483648 elements, two for each axis: allowed are up to 2048",
    ),
    (
        "undefined",
        "node[0] `odd` (Add): value `nobody` is neither computed by a node",
    ),
    (
        "undefined_output",
        "graph output: value `y` is neither computed by a node",
    ),
    (
        "undefined_inside",
        "`else_branch`: node[0] `inner` (Neg): value `nobody`",
    ),
];

/// Files that ONNX allows, or whose fault only inference tells, and that ask for much.
const ODD: &[&str] = &[
    "axis_derived",
    "axis_of_scalar",
    "perm_derived",
    "bound_derived",
    "eyelike_size",
    "eyelike_rows",
    "constant_size",
    "tile_size",
    "expand_size",
    "range_size",
    "concat_size",
    "pad_size",
    "pad_empty",
    "pad_derived",
    "axis_wired",
    "pad_wired",
    "pad_itself",
    "pad_attribute",
    "random_size",
    "topk_size",
    "slice_step",
    "empty_table",
    "empty_operand",
];

#[test]
fn every_malformed_file_is_told_apart() {
    for (name, expected) in REFUSED {
        let path = folder().join(format!("{name}.onnx"));
        let message = ModelFile::open(&path).expect_err(name).to_string();
        assert!(message.contains(expected), "{message}");
        assert!(
            message.starts_with(&format!("`{}`: ", path.display())),
            "{message}"
        );
    }
    for (name, expected) in NO_TENSOR {
        let path = folder().join(format!("{name}.onnx"));
        let file = ModelFile::open(&path).unwrap_or_else(|e| panic!("{e}"));
        let message = file
            .tensor(&file.graph().initializer[0])
            .expect_err(name)
            .to_string();
        assert!(
            message.contains("tensor `w`: ") && message.contains(expected),
            "{message}"
        );
        // The file layer can still copy it.
        assert!(file.edited(&Edit::default()) == *file.model());
    }
    let opened = |name: &str| {
        let path = folder().join(format!("{name}.onnx"));
        ModelFile::open(&path).unwrap_or_else(|e| panic!("{e}"))
    };
    for (name, expected) in INVALID {
        let error = opened(name).validate().expect_err(name);
        let message = error.to_string();
        assert!(message.contains(expected), "{message}");
        assert!(error.hint().is_some(), "{message}");
    }
    for name in ODD {
        opened(name).validate().unwrap_or_else(|e| panic!("{e}"));
    }
    let listed = std::fs::read_dir(folder()).expect("the folder").flatten();
    let files = listed
        .filter(|f| f.path().extension().is_some_and(|e| e == "onnx"))
        .count();
    assert_eq!(
        files,
        REFUSED.len() + NO_TENSOR.len() + INVALID.len() + ODD.len(),
        "a file is not in the lists"
    );
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart() {
    let missing = ModelFile::open(Path::new("no/such.onnx")).expect_err("no such file");
    assert!(missing.to_string().contains("no/such.onnx") && missing.hint().is_some());
    let folder = ModelFile::open(folder()).expect_err("a folder");
    assert!(folder.to_string().contains("it is a folder") && folder.hint().is_some());
}

/// A model that has one of everything: attributes of all kinds, bodies, functions, typed data, sequence types.
fn varied() -> Vec<u8> {
    let mut choose = node("If", "choose", &["c"], &["z"]);
    choose.attribute = vec![body("then_branch", small().graph.expect("a graph"))];
    let mut all = small();
    let graph = all.graph.get_or_insert_default();
    let mut typed = graph.initializer[0].clone();
    typed.name = Some("typed".into());
    typed.raw_data = None;
    typed.float_data = vec![1.0, 2.0].into();
    graph.initializer.push(typed);
    graph.node.push(choose);
    let mut call = node("F", "call", &["y"], &["called"]);
    call.domain = Some("local".into());
    graph.node.push(call);
    all.functions.push(FunctionProto {
        name: Some("F".into()),
        domain: Some("local".into()),
        input: vec!["A".into()],
        output: vec!["B".into()],
        node: vec![node("Relu", "", &["A"], &["B"])],
        opset_import: vec![opset("", 17)],
        ..Default::default()
    });
    let sequence = field(2, &field(4, &field(1, &field(1, &number(1, 1)))));
    let value = field(13, &[field(1, b"seq"), sequence].concat());
    [all.encode_to_vec(), field(7, &value)].concat()
}

/// Opens the bytes and does everything that can be done with a model in memory.
fn exercise(bytes: Vec<u8>) -> Result<(), Error> {
    let len = bytes.len();
    let file = match ModelFile::from_bytes("h.onnx", Bytes::from(bytes)) {
        Ok(file) => file,
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("`h.onnx`: "), "{text}");
            if let Error::Decode { offset, place, .. } = &error {
                assert!(*offset <= len, "{text}");
                // The walk that finds the place must find one whenever decoding fails.
                assert!((place.as_str(), *offset) != ("ModelProto", 0), "{text}");
            }
            return Err(error);
        }
    };
    for tensor in &file.graph().initializer {
        if let Ok(tensor) = file.tensor(tensor) {
            let _ = (tensor.to_f64(), tensor.to_i64());
        }
    }
    let edit = Edit {
        remove_nodes: [0].into_iter().collect(),
        metadata: vec![("k".into(), "v".into())],
        ..Edit::default()
    };
    let expanded = inline(&file.edited(&edit));
    assert!(ModelProto::decode(&*expanded.encode_to_vec()).is_ok());
    Ok(())
}

#[test]
fn a_sound_file_passes() {
    exercise(varied()).expect("a sound model");
}

#[test]
fn truncation_anywhere_is_an_error_or_a_shorter_model() {
    let bytes = varied();
    for len in 0..bytes.len() {
        let _ = exercise(bytes[..len].to_vec());
    }
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let sound = varied();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut fine, mut refused) = (0, 0);
    for _ in 0..30_000 {
        let mut bytes = sound.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.below(256) as u8),
            }
        }
        match exercise(bytes) {
            Ok(()) => fine += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        fine > 1000 && refused > 1000,
        "{fine} fine, {refused} refused"
    );
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(42);
    for _ in 0..20_000 {
        let len = random.below(80);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        let _ = exercise(bytes.clone());
        // And as the content of a graph.
        bytes = [number(1, 8), field(7, &bytes)].concat();
        let _ = exercise(bytes);
    }
}

#[test]
fn lengths_are_bounded_by_the_file() {
    for len in [1u64 << 31, 1 << 32, 1 << 60, u64::MAX] {
        for tag in [7, 8, 14, 25, 2, 99] {
            let bomb = [number(1, 8), varint(tag << 3 | 2), varint(len)].concat();
            exercise(bomb).expect_err("a length beyond the file");
            for inner in [1, 5, 11, 15] {
                let bomb = [
                    number(1, 8),
                    field(7, &[varint(inner << 3 | 2), varint(len)].concat()),
                ]
                .concat();
                exercise(bomb).expect_err("a length beyond the file");
            }
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let mut graph = Vec::new();
        for _ in 0..depth {
            let attribute = [field(1, b"body"), field(6, &graph)].concat();
            graph = field(1, &[field(4, b"Loop"), field(5, &attribute)].concat());
        }
        [number(1, 8), field(7, &graph)].concat()
    };
    exercise(nested(30)).expect("bodies 30 deep");
    exercise(nested(40)).expect_err("bodies 40 deep");
    exercise(nested(20_000)).expect_err("bodies 20,000 deep");
    // Groups, which only unknown fields can be, nest too.
    let groups = [number(1, 8), varint(99 << 3 | 3).repeat(100_000)].concat();
    exercise(groups).expect_err("groups 100,000 deep");
}

#[test]
fn a_model_of_nothing_but_empty_elements_is_fine() {
    let graph = [
        field(1, b""),
        field(5, b""),
        field(11, b""),
        field(12, b""),
        field(13, b""),
        field(15, b""),
    ]
    .concat();
    exercise([number(1, 8), field(7, &graph.repeat(3))].concat())
        .expect("a strange but sound model");
    exercise(model(Default::default()).encode_to_vec()).expect("an empty graph");
}
