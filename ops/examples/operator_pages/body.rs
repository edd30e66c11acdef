//! Function bodies in ONNX's text format.

use phasor_ops::contract::{AttributeValue, BodyAttribute, BodyNode, FunctionBody};

/// A body as ONNX's parser reads it.
pub(crate) fn text(body: &FunctionBody) -> String {
    let attributes: Vec<String> = body
        .attributes
        .iter()
        .map(|a| format!("{}: {} = {}", a.name, kind(a.default), a.default))
        .collect();
    let nodes: Vec<String> = body.nodes.iter().map(node).collect();
    format!(
        "<domain: \"{}\", opset_import: [\"\" : {}]>\n{}{}\n({}) => ({})\n{{\n{}}}\n",
        body.domain,
        body.opset,
        body.name,
        bracketed(&attributes),
        body.inputs.join(", "),
        body.outputs.join(", "),
        nodes.concat(),
    )
}

fn node(node: &BodyNode) -> String {
    let attributes: Vec<String> = node.attributes.iter().map(attribute).collect();
    format!(
        "    {} = {}{} ({})\n",
        node.outputs.join(", "),
        node.op_type,
        bracketed(&attributes),
        node.inputs.join(", ")
    )
}

/// Attributes, where there are any: the parser takes no empty brackets.
fn bracketed(attributes: &[String]) -> String {
    match attributes.len() {
        0 => String::new(),
        _ => format!(" <{}>", attributes.join(", ")),
    }
}

fn attribute((name, value): &(&'static str, BodyAttribute)) -> String {
    match value {
        BodyAttribute::Int(i) => format!("{name}: int = {i}"),
        BodyAttribute::Ints(list) => format!("{name}: ints = {list:?}"),
        BodyAttribute::Float(f) => format!("{name}: float = {f:?}"),
        BodyAttribute::Double(d) => format!("{name}: tensor = double {{{d:?}}}"),
        BodyAttribute::Reference(of) => format!("{name}: {} = @{}", kind(of.default), of.name),
    }
}

/// The type of an attribute.
pub(crate) fn kind(value: AttributeValue) -> &'static str {
    match value {
        AttributeValue::Int(_) => "int",
        AttributeValue::Float(_) => "float",
    }
}
