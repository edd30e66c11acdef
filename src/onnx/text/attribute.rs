//! Attributes of nodes.

use bytes::Bytes;

use super::super::proto::attribute_proto::AttributeType;
use super::super::proto::{AttributeProto, GraphProto, TensorProto, TypeProto};
use super::SyntaxError;
use super::scan::Scanner;
use super::types;

/// The names of kinds, as they stand behind a colon.
const KINDS: [(&str, AttributeType); 12] = [
    ("float", AttributeType::Float),
    ("int", AttributeType::Int),
    ("string", AttributeType::String),
    ("tensor", AttributeType::Tensor),
    ("graph", AttributeType::Graph),
    ("type_proto", AttributeType::TypeProto),
    ("floats", AttributeType::Floats),
    ("ints", AttributeType::Ints),
    ("strings", AttributeType::Strings),
    ("tensors", AttributeType::Tensors),
    ("graphs", AttributeType::Graphs),
    ("type_protos", AttributeType::TypeProtos),
];

/// One value of an attribute.
enum Constant {
    Int(i64),
    Float(f32),
    String(String),
    Tensor(TensorProto),
    Graph(GraphProto),
    Type(TypeProto),
    Reference(String),
}

/// Reads a graph, for attributes that hold one.
pub(super) type Subgraph = fn(&mut Scanner<'_>) -> Result<GraphProto, SyntaxError>;

/// The attributes between `<` and `>`, if there are any.
pub(super) fn list(
    scanner: &mut Scanner<'_>,
    graph: Subgraph,
) -> Result<Vec<AttributeProto>, SyntaxError> {
    match scanner.takes('<') {
        true => scanner.list('>', |scanner| {
            let name = scanner.name("the name of an attribute")?;
            value(scanner, name, graph)
        }),
        false => Ok(Vec::new()),
    }
}

/// The kind, where one is given, and the value of the attribute called `name`.
pub(super) fn value(
    scanner: &mut Scanner<'_>,
    name: String,
    graph: Subgraph,
) -> Result<AttributeProto, SyntaxError> {
    let kind = match scanner.takes(':') {
        true => Some(kind(scanner)?),
        false => None,
    };
    scanner.mark('=')?;
    let mut attribute = AttributeProto {
        name: Some(name),
        r#type: kind.map(|kind| kind as i32),
        ..Default::default()
    };
    let place = scanner.place();
    let (found, given) = match scanner.takes('[') {
        true => {
            let single = kind.map(single_of);
            let constants = scanner.list(']', |scanner| constant(scanner, single, graph))?;
            (several(scanner, &mut attribute, constants, place)?, true)
        }
        false => {
            let constant = constant(scanner, kind, graph)?;
            (one(&mut attribute, constant), false)
        }
    };
    match (kind, found) {
        (Some(kind), Some(found)) if kind != found => {
            let (kind, found) = (kind_name(kind), kind_name(found));
            let message = format!("a value of kind {found} for an attribute of kind {kind}");
            return Err(scanner.error_at(place, message));
        }
        (None, None) if given => {
            let message = "an empty list without its kind, as in `axes: ints = []`";
            return Err(scanner.error_at(place, message.to_owned()));
        }
        (_, Some(found)) => attribute.r#type = Some(found as i32),
        _ => {}
    }
    Ok(attribute)
}

fn kind(scanner: &mut Scanner<'_>) -> Result<AttributeType, SyntaxError> {
    let word = scanner.peek_identifier();
    match KINDS.iter().find(|(name, _)| Some(*name) == word) {
        Some((_, kind)) => scanner.identifier("a kind").map(|_| *kind),
        None => Err(scanner.expected("the kind of an attribute, such as `ints`")),
    }
}

fn kind_name(kind: AttributeType) -> &'static str {
    let known = KINDS.iter().find(|(_, known)| *known == kind);
    known.map_or("undefined", |(name, _)| name)
}

/// The kind of the elements of a list.
fn single_of(kind: AttributeType) -> AttributeType {
    match kind {
        AttributeType::Floats => AttributeType::Float,
        AttributeType::Ints => AttributeType::Int,
        AttributeType::Strings => AttributeType::String,
        AttributeType::Tensors => AttributeType::Tensor,
        AttributeType::Graphs => AttributeType::Graph,
        AttributeType::TypeProtos => AttributeType::TypeProto,
        kind => kind,
    }
}

/// One value. An integer stands for a float where the kind says so.
fn constant(
    scanner: &mut Scanner<'_>,
    kind: Option<AttributeType>,
    graph: Subgraph,
) -> Result<Constant, SyntaxError> {
    if scanner.takes('@') {
        return scanner
            .name("the name of an attribute")
            .map(Constant::Reference);
    }
    if scanner.peek() == Some('"') {
        return scanner.string("a string").map(Constant::String);
    }
    if types::is_next(scanner) {
        let place = scanner.place();
        let kind = types::read(scanner)?;
        let name = scanner.optional_name()?;
        let has_data = scanner.takes('=') || name.is_some() || types::is_data_next(scanner);
        return Ok(match has_data {
            true => Constant::Tensor(types::tensor(
                scanner,
                &name.unwrap_or_default(),
                &kind,
                place,
            )?),
            false => Constant::Type(kind),
        });
    }
    if scanner.peek_identifier().is_some() && !scanner.is_number_word() {
        return graph(scanner).map(Constant::Graph);
    }
    let number = scanner.number("the value of an attribute")?;
    match number.is_float || kind == Some(AttributeType::Float) {
        true => scanner.as_float(number).map(Constant::Float),
        false => scanner.parsed(number, "int64").map(Constant::Int),
    }
}

/// Sets the value; returns its kind, unknown for a reference.
fn one(attribute: &mut AttributeProto, constant: Constant) -> Option<AttributeType> {
    Some(match constant {
        Constant::Int(value) => {
            attribute.i = Some(value);
            AttributeType::Int
        }
        Constant::Float(value) => {
            attribute.f = Some(value);
            AttributeType::Float
        }
        Constant::String(value) => {
            attribute.s = Some(value.into());
            AttributeType::String
        }
        Constant::Tensor(value) => {
            attribute.t = Some(Box::new(value));
            AttributeType::Tensor
        }
        Constant::Graph(value) => {
            attribute.g = Some(Box::new(value));
            AttributeType::Graph
        }
        Constant::Type(value) => {
            attribute.tp = Some(Box::new(value));
            AttributeType::TypeProto
        }
        Constant::Reference(name) => {
            attribute.ref_attr_name = Some(name);
            return None;
        }
    })
}

/// Sets a list of values of one kind; returns the kind of the list, unknown for an empty one.
fn several(
    scanner: &Scanner<'_>,
    attribute: &mut AttributeProto,
    constants: Vec<Constant>,
    place: usize,
) -> Result<Option<AttributeType>, SyntaxError> {
    let mut kinds = Vec::new();
    for constant in constants {
        kinds.push(match constant {
            Constant::Int(value) => {
                attribute.ints.push(value);
                AttributeType::Ints
            }
            Constant::Float(value) => {
                attribute.floats.push(value);
                AttributeType::Floats
            }
            Constant::String(value) => {
                attribute.strings.push(Bytes::from(value));
                AttributeType::Strings
            }
            Constant::Tensor(value) => {
                attribute.tensors.push(value);
                AttributeType::Tensors
            }
            Constant::Graph(value) => {
                attribute.graphs.push(value);
                AttributeType::Graphs
            }
            Constant::Type(value) => {
                attribute.type_protos.push(value);
                AttributeType::TypeProtos
            }
            Constant::Reference(_) => {
                let message = "a reference to an attribute in a list";
                return Err(scanner.error_at(place, message.to_owned()));
            }
        });
    }
    match kinds.windows(2).all(|pair| pair[0] == pair[1]) {
        true => Ok(kinds.first().copied()),
        false => Err(scanner.error_at(place, "a list of values of several kinds".to_owned())),
    }
}
