//! What ONNX does not allow is told with node, value and what is allowed; whatever it does allow, or leaves open, passes.

use bytes::Bytes;
use phasor::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TypeProto, type_proto,
};
use phasor::onnx::{Error, ModelFile, Tensor};
use prost::Message;

use crate::build::{body, model, node, opset, value};

fn validated(model: &ModelProto) -> Result<(), Error> {
    let bytes = Bytes::from(model.encode_to_vec());
    ModelFile::from_bytes("m.onnx", bytes)
        .expect("a sound file")
        .validate()
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(i),
        r#type: Some(2),
        ..Default::default()
    }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: ints.to_vec(),
        r#type: Some(7),
        ..Default::default()
    }
}

/// A model of one node between the input `x`, of rank 3, and the output `y`, with the initializer `w` of shape `[4]`.
fn with(node: NodeProto) -> ModelProto {
    let mut x = value("x");
    x.r#type = Some(TypeProto {
        value: Some(type_proto::Value::TensorType(type_proto::Tensor {
            elem_type: Some(1),
            shape: Some(phasor::onnx::proto::TensorShapeProto {
                dim: vec![Default::default(); 3],
            }),
        })),
        denotation: None,
    });
    model(GraphProto {
        input: vec![x],
        output: vec![value("y")],
        initializer: vec![Tensor::from_f32(&[4], &[1.0; 4]).to_proto("w")],
        node: vec![node],
        ..Default::default()
    })
}

fn given(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        attribute: attributes,
        ..node(op, "n", inputs, &["y"])
    }
}

#[test]
fn a_fault_is_told_with_node_value_and_what_is_allowed() {
    let cases = [
        (
            given("Concat", &["x"], vec![int("axis", 3)]),
            "attribute `axis` is 3, allowed are -3 to 2",
        ),
        (
            given("Concat", &["x"], vec![int("axis", -4)]),
            "attribute `axis` is -4, allowed are -3 to 2",
        ),
        (
            given("Softmax", &["w"], vec![int("axis", 1)]),
            "attribute `axis` is 1, allowed are -1 to 0",
        ),
        (
            given("Flatten", &["x"], vec![int("axis", 4)]),
            "attribute `axis` is 4, allowed are -4 to 3",
        ),
        (
            given("Transpose", &["x"], vec![ints("perm", &[0, 1])]),
            "attribute `perm` has 2 axes, allowed are the 3 of input 0",
        ),
        (
            given("Transpose", &["x"], vec![ints("perm", &[0, 1, 1])]),
            "attribute `perm` names axis 1 twice",
        ),
        (
            given("Cast", &["x"], vec![int("to", 0)]),
            "attribute `to` is 0",
        ),
        (given("Cast", &["x"], vec![]), "attribute `to` is missing"),
        (
            given("Cast", &["x"], vec![ints("to", &[1])]),
            "attribute `to` holds integers, allowed is an integer",
        ),
        (
            given("Add", &["x"], vec![]),
            "it has 1 input, allowed are 2",
        ),
        (
            given("Add", &["x", "w", "w"], vec![]),
            "it has 3 inputs, allowed are 2",
        ),
        (
            given("Add", &["", "x"], vec![]),
            "required input 0 is missing",
        ),
        (
            given("Range", &["w", "w", "w"], vec![]),
            "input 0 `w` is of shape [4], allowed is one element",
        ),
        (
            given("GatherND", &["x", "w"], vec![]),
            "input 1 `w` is of shape [4], allowed are rows of at most 3 indices",
        ),
    ];
    for (node, cause) in cases {
        let error = validated(&with(node)).expect_err(cause);
        let text = error.to_string();
        assert!(text.starts_with("`m.onnx`: node[0] `n` ("), "{text}");
        assert!(text.contains(cause), "{text}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn what_is_allowed_or_left_open_passes() {
    let elsewhere = NodeProto {
        domain: Some("elsewhere".into()),
        ..given("Concat", &[], vec![int("axis", 99)])
    };
    let reference = AttributeProto {
        name: Some("axis".into()),
        r#type: Some(2),
        ref_attr_name: Some("a".into()),
        ..Default::default()
    };
    let passing = [
        given("Concat", &["x", "x"], vec![int("axis", -3)]),
        given("Flatten", &["x"], vec![int("axis", 3)]),
        given("Neg", &["x"], vec![int("of another release", 7)]),
        given("NoSuchOperator", &["x"], vec![int("axis", 99)]),
        given("Clip", &["x", "", "w"][..2], vec![]),
        given("Concat", &["x"], vec![reference]),
        elsewhere,
    ];
    for node in passing {
        validated(&with(node)).expect("a model that ONNX allows");
    }
    // An older operator set has other operators, and a newer one may.
    let mut old = with(given("Clip", &["x"], vec![]));
    old.opset_import = vec![opset("", 6)];
    validated(&old).expect("opset 6");
    let mut new = with(given("Add", &["x", "w", "w"], vec![]));
    new.opset_import = vec![opset("", 1000)];
    validated(&new).expect("an opset that is not out yet");
    // A type is not stated in the first versions of ONNX.
    let mut untyped = int("axis", 2);
    untyped.r#type = None;
    validated(&with(given("Concat", &["x"], vec![untyped]))).expect("an attribute without a type");
}

#[test]
fn functions_take_the_place_of_operators() {
    let mut shadowed = with(given("Add", &["x"], vec![]));
    shadowed.functions.push(FunctionProto {
        name: Some("Add".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![node("Neg", "", &["a"], &["b"])],
        opset_import: vec![opset("", 17)],
        ..Default::default()
    });
    validated(&shadowed).expect("a call of the model's own function");
    shadowed.functions[0].node[0].attribute.push(int("axis", 0));
    shadowed.functions[0].node[0].op_type = Some("Concat".into());
    validated(&shadowed).expect("an axis of a rank that nobody knows");
    shadowed.functions[0].node[0].attribute[0].i = Some(1 << 40);
    let text = validated(&shadowed)
        .expect_err("no tensor has so many axes")
        .to_string();
    assert!(text.contains("function `Add`, node[0]"), "{text}");
}

#[test]
fn what_is_used_must_be_defined() {
    let text = validated(&with(given("Add", &["x", "nobody"], vec![])))
        .expect_err("no value")
        .to_string();
    assert!(
        text.contains("node[0] `n` (Add): value `nobody` is neither computed by a node"),
        "{text}"
    );
    let mut lost = with(given("Neg", &["x"], vec![]));
    lost.graph.get_or_insert_default().output[0].name = Some("lost".into());
    let text = validated(&lost).expect_err("no output").to_string();
    assert!(text.contains("graph output: value `lost`"), "{text}");

    let branch = |reads: &str| GraphProto {
        node: vec![node("Add", "inner", &[reads, "w"], &["o"])],
        output: vec![value("o")],
        ..Default::default()
    };
    let choose = |then: &str, other: &str| {
        with(given(
            "If",
            &["x"],
            vec![
                body("then_branch", branch(then)),
                body("else_branch", branch(other)),
            ],
        ))
    };
    let mut inside = choose("x", "x");
    let input = &mut inside.graph.get_or_insert_default().input[0];
    input.r#type = None;
    validated(&inside).expect("bodies read what is around them");
    let mut inside = choose("x", "nobody");
    inside.graph.get_or_insert_default().input[0].r#type = None;
    let text = validated(&inside).expect_err("no value around").to_string();
    assert!(
        text.contains("`else_branch`: node[0] `inner` (Add): value `nobody`"),
        "{text}"
    );
}
