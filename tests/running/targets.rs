//! What each target makes of a rotation, and what it says of one that it cannot express.

use std::path::Path;

use crate::build::{i64s, model, node, opset, typed};
use crate::fused::{compared, count, fuse, fuse_by};
use phasor::onnx::proto::{FunctionProto, ModelProto};
use phasor::onnx::{DataType, ModelFile, Tensor};
use phasor::pipeline::{self, Check, Error, Goal, Options, Search, Verdict};
use phasor::recognize::Selection;
use phasor::rewrite::{self, Target};
use phasor::verify;
use phasor_ops::contract::rotary_table;
use prost::Message;
use tempfile::TempDir;

/// A model of this opset in a file, for engines that read files.
fn stored(folder: &TempDir, mut model: ModelProto, version: i64) -> ModelFile {
    model.opset_import[0] = opset("", version);
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    ModelFile::open(&path).unwrap()
}

/// `y` from `x: dtype[batch, 3, seq, 8]`, rotated by halves.
fn halves(dtype: &str) -> ModelProto {
    let text = format!(
        "x: {dtype}[batch, 3, seq, 8]
        cos: {dtype}[batch, seq, 4]
        sin: {dtype}[batch, seq, 4]
        c = Unsqueeze(cos, n1)
        s = Unsqueeze(sin, n1)
        low = Slice(x, n0, n4, minus1)
        high = Slice(x, n4, n8, minus1)
        a = Mul(low, c)
        b = Mul(high, s)
        d = Mul(high, c)
        e = Mul(low, s)
        first = Sub(a, b)
        second = Add(d, e)
        y = Concat(first, second) axis=-1"
    );
    let list = |n: i64| i64s(&[1], &[n]);
    let constants: [(&str, Tensor); 5] = [
        ("n0", list(0)),
        ("n1", list(1)),
        ("n4", list(4)),
        ("n8", list(8)),
        ("minus1", list(-1)),
    ];
    model(&text, &constants)
}

#[test]
fn exported_models_become_operators_of_onnx_runtime() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in [
        "gptj-dynamo",
        "gptneox-torchscript",
        "llama-cache",
        "llama-dynamo",
        "llama-f16",
    ] {
        let file = ModelFile::open(models.join(name).join("model.onnx")).unwrap();
        // tract knows no attention of ONNX Runtime with a mask.
        let rotations = Selection {
            ignore: vec!["attention"],
            ..Selection::default()
        };
        let (outcome, fused) = fuse_by(&file, Target::Contrib, rotations).unwrap();
        assert!(compared(&outcome), "{name}: {:?}", outcome.check);
        assert_eq!(
            count(&fused, "com.microsoft", "RotaryEmbedding"),
            4,
            "{name}"
        );
        assert_eq!(count(&fused, "ai.phasor", "RotaryEmbedding"), 0, "{name}");
        assert!(fused.model().functions.is_empty(), "{name}");
        assert!(fused.graph().node.len() < file.graph().node.len(), "{name}");
        assert_eq!(outcome.nodes.1, fused.graph().node.len(), "{name}");
        assert!(outcome.findings.unsupported.is_empty(), "{name}");
    }
}

#[test]
fn onnx_raises_the_opset_to_one_that_has_the_operator() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, halves("float"), 23);
    let (outcome, fused) = fuse(&file, Target::Onnx).unwrap();
    assert!(compared(&outcome), "{:?}", outcome.check);
    assert_eq!(count(&fused, "", "RotaryEmbedding"), 1);

    let older = stored(&folder, halves("float"), 17);
    let (outcome, fused) = fuse(&older, Target::Onnx).unwrap();
    assert!(compared(&outcome), "{:?}", outcome.check);
    assert_eq!(outcome.opset, 23);
    assert_eq!(count(&fused, "", "RotaryEmbedding"), 1);

    let oldest = stored(&folder, model("x: float[2]\ny = Neg(x)", &[]), 12);
    let error = fuse(&oldest, Target::Onnx).unwrap_err();
    assert!(matches!(error, Error::TooOld { opset: 12, .. }), "{error}");
    let words = "cannot be raised to 23: opset 12 is older than 13";
    assert!(error.to_string().contains(words), "{error}");
    assert!(
        error
            .hint()
            .unwrap()
            .contains("export the model with opset 13")
    );
}

#[test]
fn what_a_target_cannot_express_is_left_and_told() {
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, halves("double"), 23);
    for target in [Target::Contrib, Target::Onnx] {
        let (outcome, _) = fuse(&file, target).unwrap();
        assert_eq!(outcome.verdict, Verdict::NothingToFuse);
        assert!(outcome.findings.sites.is_empty() && outcome.findings.refusals.is_empty());
        let [left] = &outcome.findings.unsupported[..] else {
            panic!("{:?}", outcome.findings.unsupported);
        };
        assert_eq!(
            (left.value.as_str(), left.node.as_str()),
            ("y", "node of y")
        );
        assert!(left.reason.contains("double precision"), "{}", left.reason);
    }
    assert_eq!(
        fuse(&file, Target::Phasor).unwrap().0.verdict,
        Verdict::Fused
    );
}

#[test]
fn a_function_of_the_operators_name_is_left_its_calls() {
    let folder = TempDir::new().unwrap();
    for (target, domain) in [
        (Target::Phasor, "ai.phasor"),
        (Target::Contrib, "com.microsoft"),
        (Target::Onnx, ""),
    ] {
        let mut model = halves("float");
        let own = FunctionProto {
            name: Some("RotaryEmbedding".to_owned()),
            domain: Some(domain.to_owned()),
            input: vec!["a".to_owned()],
            output: vec!["b".to_owned()],
            node: vec![node("b", "Neg(a)")],
            opset_import: vec![opset("", 23)],
            ..Default::default()
        };
        model.functions.push(own);
        if !domain.is_empty() {
            model.opset_import.push(opset(domain, 1));
        }
        let file = stored(&folder, model, 23);
        let (outcome, written) = fuse(&file, target).unwrap();
        assert_eq!(outcome.verdict, Verdict::NothingToFuse, "{domain}");
        assert_eq!(count(&written, domain, "RotaryEmbedding"), 0);
        let [left] = &outcome.findings.unsupported[..] else {
            panic!("{:?}", outcome.findings);
        };
        assert_eq!(left.value, "y");
        for word in [domain, "RotaryEmbedding`", "of its own"] {
            assert!(left.reason.contains(word), "{}", left.reason);
        }
    }
    // The operator's own function, as the first fusion writes it, serves a second one.
    let (_, once) = fuse(&stored(&folder, halves("float"), 17), Target::Phasor).unwrap();
    let mut twice = halves("float");
    twice.functions.clone_from(&once.model().functions);
    let file = stored(&folder, twice, 17);
    let (outcome, written) = fuse(&file, Target::Phasor).unwrap();
    assert_eq!(outcome.verdict, Verdict::Fused);
    assert_eq!(written.model().functions.len(), 1);
}

/// The operator library would take the calls of a function with the name of any of its operators.
#[test]
fn a_function_of_another_operators_name_is_left_its_calls() {
    let ours = rewrite::function(&rotary_table::function_body(17, &[]).unwrap());
    let narrower = FunctionProto {
        attribute_proto: Vec::new(),
        ..ours.clone()
    };
    let other = FunctionProto {
        input: vec!["a".to_owned()],
        output: vec!["b".to_owned()],
        node: vec![node("b", "Neg(a)")],
        ..narrower.clone()
    };
    let elsewhere = FunctionProto {
        name: Some("Mine".to_owned()),
        ..other.clone()
    };
    let folder = TempDir::new().unwrap();
    for (function, taken) in [
        (ours, false),
        (elsewhere, false),
        (narrower, true),
        (other, true),
    ] {
        let mut model = halves("float");
        model.opset_import.push(opset("ai.phasor", 1));
        model.functions.push(function.clone());
        let file = stored(&folder, model, 17);
        let (outcome, written) = fuse(&file, Target::Phasor).unwrap();
        assert!(written.model().functions.contains(&function));
        assert_eq!(
            outcome.verdict == Verdict::NothingToFuse,
            taken,
            "{} of {:?}",
            function.name(),
            function.input
        );
        assert_eq!(outcome.findings.unsupported.len(), usize::from(taken));
        for left in outcome.findings.unsupported {
            assert!(
                left.reason.contains("`ai.phasor::RotaryTable` of its own"),
                "{}",
                left.reason
            );
        }
        // The operators of other targets have other names.
        let (outcome, _) = fuse(&file, Target::Contrib).unwrap();
        assert_eq!(outcome.verdict, Verdict::Fused);
    }
}

#[test]
fn tables_of_batch_1_are_expanded_for_nodes_that_are_there() {
    let text = "
        x: float[batch, 2, seq, 4]
        z: float[1, 2, seq, 4]
        cos: float[1, seq, 2]
        sin: float[1, seq, 2]
        ids: int64[1, seq]
        y = RotaryEmbedding(x, cos, sin)
        at = RotaryEmbedding(x, table, table, ids)
        one = RotaryEmbedding(z, cos, sin)";
    let table = typed(DataType::F32, &[9, 2], &[0.5; 18]);
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, model(text, &[("table", table)]), 23);
    let options = |target| Options {
        goal: Goal::Check,
        search: Search::default(),
        target,
        plain: Vec::new(),
        accept: Vec::new(),
        retarget: Vec::new(),
        precise_angles: false,
        verify: None,
    };
    let outcome = pipeline::fuse(&file, &options(Target::Onnx), &mut ()).unwrap();
    assert_eq!(outcome.verdict, Verdict::WouldFuse);
    let [rule] = &outcome.rules[..] else {
        panic!("{:?}", outcome.rules);
    };
    assert_eq!(
        (rule.rule, rule.sites, rule.removed),
        ("rotary-batch", 2, 2)
    );
    // Two nodes again; the batch and its list once, and three expanded inputs. The sizes of ids have another rank.
    assert!(rule.added >= 7, "{rule:?}");
    for target in [Target::Phasor, Target::Contrib] {
        let outcome = pipeline::fuse(&file, &options(target), &mut ()).unwrap();
        assert_eq!(outcome.verdict, Verdict::NothingToFuse);
    }
}

#[test]
fn sizes_that_are_not_known_to_be_equal_are_left() {
    let mut model = halves("float");
    for input in &mut model.graph.as_mut().unwrap().input {
        if input.name() != "x" {
            *input = crate::build::info(&format!("{}: float[other, seq, 4]", input.name()));
        }
    }
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, model, 23);
    for target in [Target::Contrib, Target::Onnx] {
        let (outcome, _) = fuse(&file, target).unwrap();
        assert_eq!(outcome.verdict, Verdict::NothingToFuse);
        let [left] = &outcome.findings.unsupported[..] else {
            panic!("{:?}", outcome.findings.unsupported);
        };
        assert!(
            left.reason.contains("`other` and `batch`"),
            "{}",
            left.reason
        );
    }
    // Compared at a batch of 1 and of several, where the tables are the larger ones.
    let (outcome, fused) = fuse(&file, Target::Phasor).unwrap();
    assert!(compared(&outcome), "{:#?}", outcome.check);
    assert_eq!(count(&fused, "ai.phasor", "RotaryEmbedding"), 1);
    assert_eq!(count(&fused, "", "Expand"), 1);
}

#[test]
fn an_engine_that_lacks_the_operator_does_not_condemn_the_model() {
    // tract wants the number of heads for three axes, which is not fixed here.
    let text = "
        x: float[batch, seq, heads, 4]
        cos: float[batch, seq, 2]
        sin: float[batch, seq, 2]
        c = Unsqueeze(cos, n2)
        s = Unsqueeze(sin, n2)
        low = Slice(x, n0, n2, minus1)
        high = Slice(x, n2, n4, minus1)
        a = Mul(low, c)
        b = Mul(high, s)
        d = Mul(high, c)
        e = Mul(low, s)
        first = Sub(a, b)
        second = Add(d, e)
        y = Concat(first, second) axis=-1";
    let list = |n: i64| i64s(&[1], &[n]);
    let constants = [
        ("n0", list(0)),
        ("n2", list(2)),
        ("n4", list(4)),
        ("minus1", list(-1)),
    ];
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, model(text, &constants), 17);
    let (outcome, fused) = fuse(&file, Target::Contrib).unwrap();
    assert_eq!(count(&fused, "com.microsoft", "RotaryEmbedding"), 1);
    let Check::Done(report) = &outcome.check else {
        panic!("{:?}", outcome.check);
    };
    let verify::Verdict::NotVerified { why } = &report.verdict else {
        panic!("{:?}", report.verdict);
    };
    assert!(why.contains("tract"), "{why}");
}

/// Function bodies are written for opset 13 and newer: a model of an older one says so of every site.
#[test]
fn a_model_too_old_for_function_bodies_keeps_its_sites_and_says_why() {
    let old = model(
        "
        x: float[batch, seq, 8]
        c: float[seq, 8]
        s: float[seq, 8]
        a, b = Split(x) axis=2
        minus_b = Neg(b)
        turned = Concat(minus_b, a) axis=2
        left = Mul(x, c)
        right = Mul(turned, s)
        y = Add(left, right)",
        &[],
    );
    let folder = TempDir::new().unwrap();
    let file = stored(&folder, old, 12);
    let outcome = pipeline::fuse(&file, &Options::default(), &mut ()).unwrap();
    assert_eq!(outcome.verdict, Verdict::NothingToFuse);
    assert!(outcome.findings.sites.is_empty());
    let [refusal] = &outcome.findings.unsupported[..] else {
        panic!("{:#?}", outcome.findings.unsupported);
    };
    assert!(refusal.reason.contains("opset 13"), "{}", refusal.reason);
}
