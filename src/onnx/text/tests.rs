//! What the reader reads, and what it says of what it does not.

use super::super::DataType;
use super::super::Tensor;
use super::super::proto::attribute_proto::AttributeType;
use super::super::proto::tensor_shape_proto::dimension::Value::{DimParam, DimValue};
use super::super::proto::{AttributeProto, TypeProto, type_proto};
use super::*;

/// The attributes of one node.
fn attributes(text: &str) -> Vec<AttributeProto> {
    let text = format!("g (x) => (y) {{ y = Op <{text}> (x) }}");
    graph(&text).unwrap().node.remove(0).attribute
}

fn error(text: &str) -> String {
    match model(text) {
        Ok(_) => panic!("no error in `{text}`"),
        Err(error) => error.to_string(),
    }
}

fn shape(kind: &TypeProto) -> Option<Vec<String>> {
    let Some(type_proto::Value::TensorType(tensor)) = &kind.value else {
        panic!("no tensor type");
    };
    let dims = &tensor.shape.as_ref()?.dim;
    let text = |dim: &super::super::proto::tensor_shape_proto::Dimension| match &dim.value {
        Some(DimValue(size)) => size.to_string(),
        Some(DimParam(name)) => name.clone(),
        None => "?".to_owned(),
    };
    Some(dims.iter().map(text).collect())
}

#[test]
fn a_graph_has_inputs_outputs_initializers_and_nodes() {
    let graph = graph(
        "agraph (float[N, 4] x, int64[2] axes = {0, -1}) => (float[N, 4] y, z)
         <float[2] w = {1.0, 2e-1}, float16[N] inner>
         {   # A comment.
             [first] y, , z = my.domain.Op <k = 1> (x, , w)
             z2 = Add (\"a name\", \"\") <k = 2>
         }",
    )
    .unwrap();
    assert_eq!(graph.name.as_deref(), Some("agraph"));
    let names: Vec<&str> = graph.input.iter().map(|input| input.name()).collect();
    assert_eq!(names, ["x", "axes"]);
    assert_eq!(graph.output[1].r#type, None);
    assert_eq!(graph.value_info[0].name(), "inner");
    let [axes, w] = &graph.initializer[..] else {
        panic!("{} initializers", graph.initializer.len());
    };
    assert_eq!((axes.name(), w.name()), ("axes", "w"));
    let elements = Tensor::from_proto(axes).unwrap().to_i64();
    assert_eq!(elements, Some(vec![0, -1]));
    let elements = Tensor::from_proto(w).unwrap();
    assert_eq!(
        (elements.dtype, elements.element(1)),
        (DataType::F32, f64::from(0.2f32))
    );
    let [first, second] = &graph.node[..] else {
        panic!("{} nodes", graph.node.len());
    };
    assert_eq!((first.domain(), first.op_type()), ("my.domain", "Op"));
    assert_eq!(first.name.as_deref(), Some("first"));
    assert_eq!(first.output, ["y", "", "z"]);
    assert_eq!(first.input, ["x", "", "w"]);
    assert_eq!(second.input, ["a name", ""]);
    assert_eq!(second.attribute[0].i, Some(2));
}

#[test]
fn types_have_ranks_and_sizes() {
    let graph = graph(
        "g (float s, int64[] any, float16[N, 4, ?, \"2*N\"] x, seq(float[N]) l, optional(seq(int32)) o,
            map(int64, string) m, sparse_tensor(double[3]) t) => () {}",
    )
    .unwrap();
    let kinds: Vec<&TypeProto> = graph
        .input
        .iter()
        .map(|i| i.r#type.as_ref().unwrap())
        .collect();
    assert_eq!(shape(kinds[0]), Some(vec![]));
    assert_eq!(shape(kinds[1]), None);
    assert_eq!(shape(kinds[2]).unwrap(), ["N", "4", "?", "2*N"]);
    let Some(type_proto::Value::SequenceType(list)) = &kinds[3].value else {
        panic!("no sequence");
    };
    assert_eq!(shape(list.elem_type.as_ref().unwrap()).unwrap(), ["N"]);
    let of = |kind: &TypeProto| match kind.value.as_ref().unwrap() {
        type_proto::Value::OptionalType(_) => "optional",
        type_proto::Value::MapType(_) => "map",
        type_proto::Value::SparseTensorType(_) => "sparse",
        _ => "other",
    };
    assert_eq!(
        [of(kinds[4]), of(kinds[5]), of(kinds[6])],
        ["optional", "map", "sparse"]
    );
}

#[test]
fn attributes_are_of_every_kind() {
    let list = attributes(
        r#"i = -3, f = 1.5, s = "a \"b\"", t = float[2] {1, 2}, g = body (a) => (b) { b = Neg (a) }, tp = float[N],
           fs = [1.0, -inf], is = [1, 2], ss = ["a", "b"], ts = [int64 {1}, int64 one = {2}], gs = [p () => () {}],
           tps = [float, int64], none: ints = [], whole: float = 2, wholes: floats = [1, 2], r: int = @k, u = @k"#,
    );
    let kinds: Vec<AttributeType> = list.iter().map(|a| a.r#type()).collect();
    use AttributeType::*;
    assert_eq!(
        kinds,
        [
            Int, Float, String, Tensor, Graph, TypeProto, Floats, Ints, Strings, Tensors, Graphs,
            TypeProtos, Ints, Float, Floats, Int, Undefined
        ]
    );
    assert_eq!((list[0].i, list[1].f), (Some(-3), Some(1.5)));
    assert_eq!(list[2].s.as_deref(), Some(&b"a \"b\""[..]));
    assert_eq!(list[4].g.as_ref().unwrap().node[0].op_type(), "Neg");
    assert_eq!(list[6].floats, [1.0, f32::NEG_INFINITY]);
    assert_eq!(list[9].tensors[1].name(), "one");
    assert_eq!(
        (list[13].f, &list[14].floats[..]),
        (Some(2.0), &[1.0, 2.0][..])
    );
    assert_eq!(list[16].ref_attr_name.as_deref(), Some("k"));
}

#[test]
fn elements_are_of_their_type() {
    let graph = graph(
        r#"g () => () <int8[2] a = {-128, 127}, uint64 b = {18446744073709551615}, bool[2] c = {0, 1}, float16[1] d = {15360},
           double[3] e = {1e300, nan, -Infinity}, string[1] f = {"x"}, float[0] empty = {},
           int64[4] outside = ["location": "w.bin", "offset": "8"]> {}"#,
    )
    .unwrap();
    let tensor = |k: usize| Tensor::from_proto(&graph.initializer[k]).unwrap();
    assert_eq!(tensor(0).to_i64(), Some(vec![-128, 127]));
    assert_eq!(tensor(1).data[..], [0xff; 8]);
    assert_eq!(tensor(2).to_f64(), Some(vec![0.0, 1.0]));
    assert_eq!(tensor(3).to_f64(), Some(vec![1.0]));
    let e = tensor(4).to_f64().unwrap();
    assert!(e[0] == 1e300 && e[1].is_nan() && e[2] == f64::NEG_INFINITY);
    assert_eq!(graph.initializer[5].string_data[0][..], *b"x");
    assert!(tensor(6).is_empty());
    let outside = &graph.initializer[7];
    assert!(outside.is_external());
    assert_eq!(outside.external_data[1].value.as_deref(), Some("8"));
}

#[test]
fn a_model_has_a_header_and_functions() {
    let model = model(
        r#"<ir_version: 8, opset_import: ["": 18, "local": 1], producer_name: "test", model_version: 3,
            metadata_props: ["k": "v"]>
           main (float[N] x) => (float[N] y) { y = local.f:special <alpha = 2.0> (x) }
           <domain: "local", opset_import: ["": 18], overload: "special", doc_string: "Twice.">
           f <alpha, beta: float = 1.0> (a) => (float[N] b) <float[N] c> { c = Neg (a)  b = Neg (c) }"#,
    )
    .unwrap();
    assert_eq!((model.ir_version, model.model_version), (Some(8), Some(3)));
    assert_eq!(model.opset_import[1].version, Some(1));
    assert_eq!(model.metadata_props[0].value.as_deref(), Some("v"));
    let call = &model.graph.as_ref().unwrap().node[0];
    assert_eq!(
        (call.domain(), call.overload.as_deref()),
        ("local", Some("special"))
    );
    let function = &model.functions[0];
    assert_eq!((function.name(), function.domain()), ("f", "local"));
    assert_eq!(function.attribute, ["alpha"]);
    assert_eq!(function.attribute_proto[0].f, Some(1.0));
    assert_eq!(
        (&function.input[..], &function.output[..]),
        (&["a".to_owned()][..], &["b".to_owned()][..])
    );
    let typed: Vec<&str> = function
        .value_info
        .iter()
        .map(|value| value.name())
        .collect();
    assert_eq!(typed, ["b", "c"]);
    assert_eq!(function.node.len(), 2);
}

#[test]
fn errors_say_where_and_what_was_expected() {
    for (text, message) in [
        (
            "",
            "line 1, column 1: expected the name of a graph, found the end of the text",
        ),
        ("g (x) (y) {}", "line 1, column 7: expected `=>`, found `(`"),
        (
            "g (x) => (y)\n  ; {}",
            "line 2, column 3: expected `{`, found `;`",
        ),
        (
            "g (x; y) => () {}",
            "line 1, column 5: expected `,` or `)`, found `;`",
        ),
        (
            "g (flot[2] x) => () {}",
            "line 1, column 8: expected `,` or `)`, found `[`",
        ),
        (
            "g (float[-] x) => () {}",
            "line 1, column 10: expected a dimension: a number, a name or `?`, found `-`",
        ),
        (
            "g (float x) => () { y = (x) }",
            "line 1, column 25: expected an operator, found `(`",
        ),
        (
            "g () => () { y = A (é) }",
            "line 1, column 21: expected `)`, found `é`",
        ),
        (
            "g () => () { y = A <k> () }",
            "line 1, column 22: expected `=`, found `>`",
        ),
        (
            "g () => () { y = A <k = []> () }",
            "line 1, column 25: an empty list without its kind",
        ),
        (
            "g () => () { y = A <k = [1, 2.0]> () }",
            "line 1, column 25: a list of values of several kinds",
        ),
        (
            "g () => () { y = A <k: int = 1.5> () }",
            "line 1, column 30: a value of kind float for an attribute of kind int",
        ),
        (
            "g () => () { y = A <k: number = 1> () }",
            "line 1, column 24: expected the kind of an attribute",
        ),
        (
            "g () => () { y = A <k = \"> () }",
            "line 1, column 25: a string that does not end",
        ),
        (
            "g () => () <float[2] w = {1}> {}",
            "line 1, column 26: 1 elements for the shape [2]",
        ),
        (
            "g () => () <float[N] w = {1}> {}",
            "line 1, column 13: a tensor with data of unknown size",
        ),
        (
            "g () => () <float[] w = {1}> {}",
            "line 1, column 13: a tensor with data of unknown rank",
        ),
        (
            "g () => () <w = {1}> {}",
            "line 1, column 13: data without a type",
        ),
        (
            "g () => () <seq(float) w = {1}> {}",
            "line 1, column 13: data of what is no tensor",
        ),
        (
            "g () => () <int8 w = {128}> {}",
            "line 1, column 23: `128` is no number of type int8",
        ),
        (
            "g () => () <int64 w = {1.5}> {}",
            "line 1, column 24: `1.5` is no number of type int64",
        ),
        (
            "g () => () <float w = {1e99}> {}",
            "line 1, column 24: `1e99` is beyond the range of float",
        ),
        (
            "g () => () <bool w = {2}> {}",
            "line 1, column 23: a bool that is neither 0 nor 1",
        ),
        (
            "g () => () <int4 w = {1}> {}",
            "line 1, column 22: elements of type int4 are not read",
        ),
        (
            "<ir: 8> g () => () {}",
            "line 1, column 2: `ir` is no key of this header",
        ),
        (
            "g () => () {} }",
            "line 1, column 15: expected the name of a function, found `}`",
        ),
    ] {
        let found = error(text);
        assert!(
            found.starts_with(message),
            "`{text}`\n  says  {found}\n  wants {message}"
        );
    }
}

#[test]
fn nothing_follows_a_graph() {
    let found = graph("g () => () {} g")
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert_eq!(
        found,
        "line 1, column 15: expected the end of the text, found `g`"
    );
}

/// Whatever is cut off or put in the wrong place gives an error and not a panic.
#[test]
fn damaged_texts_are_refused() {
    let text = r#"<ir_version: 8> g (float[N, 4] x = {1.0}) => (seq(float) y) <int64[1] w = {-1}>
        { [n] y = a.B <p = [1, 2], s = "t", g = b () => () {}> (x, "q") # c
        }"#;
    for (at, _) in text.char_indices() {
        let _ = model(&text[..at]);
        for wrong in ["", "\"", "<", "}", "é", "-", "9e", "."] {
            let _ = model(&format!("{}{wrong}{}", &text[..at], &text[at + 1..]));
        }
    }
    let deep = "g (".to_owned() + &"seq(".repeat(100_000);
    assert!(error(&deep).contains("more than 64 graphs or types inside of each other"));
}
