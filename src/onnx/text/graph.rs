//! Models, functions, graphs and nodes.

use super::super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};
use super::scan::Scanner;
use super::{SyntaxError, attribute, types};

/// A model with its header and functions.
pub(super) fn model(scanner: &mut Scanner<'_>) -> Result<ModelProto, SyntaxError> {
    let mut model = ModelProto::default();
    header(scanner, |scanner, key| {
        match key {
            "ir_version" => model.ir_version = Some(scanner.integer("int64")?),
            "model_version" => model.model_version = Some(scanner.integer("int64")?),
            "producer_name" => model.producer_name = Some(text(scanner)?),
            "producer_version" => model.producer_version = Some(text(scanner)?),
            "domain" => model.domain = Some(text(scanner)?),
            "doc_string" => model.doc_string = Some(text(scanner)?),
            "opset_import" => model.opset_import = opsets(scanner)?,
            "metadata_props" => {
                scanner.mark('[')?;
                model.metadata_props = scanner.list(']', types::entry)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    model.graph = Some(graph(scanner)?);
    while scanner.peek().is_some() {
        model.functions.push(function(scanner)?);
    }
    Ok(model)
}

fn function(scanner: &mut Scanner<'_>) -> Result<FunctionProto, SyntaxError> {
    let mut function = FunctionProto::default();
    header(scanner, |scanner, key| {
        match key {
            "domain" => function.domain = Some(text(scanner)?),
            "overload" => function.overload = Some(text(scanner)?),
            "doc_string" => function.doc_string = Some(text(scanner)?),
            "opset_import" => function.opset_import = opsets(scanner)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    function.name = Some(scanner.name("the name of a function")?);
    if scanner.takes('<') {
        scanner.list('>', |scanner| {
            let name = scanner.name("the name of an attribute")?;
            match scanner.peek() {
                Some(':' | '=') => function
                    .attribute_proto
                    .push(attribute::value(scanner, name, graph)?),
                _ => function.attribute.push(name),
            }
            Ok(())
        })?;
    }
    let mut named = |scanner: &mut Scanner<'_>| {
        scanner.mark('(')?;
        let values = scanner.list(')', value)?;
        let names = values.iter().map(|value| value.name().to_owned()).collect();
        let typed = values.into_iter().filter(|value| value.r#type.is_some());
        function.value_info.extend(typed);
        Ok(names)
    };
    function.input = named(scanner)?;
    scanner.arrow()?;
    function.output = named(scanner)?;
    if scanner.takes('<') {
        function.value_info.extend(scanner.list('>', value)?);
    }
    function.node = nodes(scanner)?;
    Ok(function)
}

/// The keys of a header and what `known` makes of them: whether it knows a key, whose value it then reads.
fn header(
    scanner: &mut Scanner<'_>,
    mut known: impl FnMut(&mut Scanner<'_>, &str) -> Result<bool, SyntaxError>,
) -> Result<(), SyntaxError> {
    if !scanner.takes('<') {
        return Ok(());
    }
    scanner.list('>', |scanner| {
        let place = scanner.place();
        let key = scanner.identifier("a key, such as `opset_import`")?;
        scanner.mark(':')?;
        match known(scanner, key)? {
            true => Ok(()),
            false => Err(scanner.error_at(place, format!("`{key}` is no key of this header"))),
        }
    })?;
    Ok(())
}

fn text(scanner: &mut Scanner<'_>) -> Result<String, SyntaxError> {
    scanner.string("a string in quotes")
}

fn opsets(scanner: &mut Scanner<'_>) -> Result<Vec<OperatorSetIdProto>, SyntaxError> {
    scanner.mark('[')?;
    scanner.list(']', |scanner| {
        let domain = scanner.string("a domain in quotes")?;
        scanner.mark(':')?;
        let version = scanner.integer("int64")?;
        Ok(OperatorSetIdProto {
            domain: Some(domain),
            version: Some(version),
        })
    })
}

/// A graph.
pub(super) fn graph(scanner: &mut Scanner<'_>) -> Result<GraphProto, SyntaxError> {
    scanner.nested(|scanner| {
        let mut graph = GraphProto {
            name: Some(scanner.name("the name of a graph")?),
            ..Default::default()
        };
        scanner.mark('(')?;
        for (input, data) in scanner.list(')', value_or_tensor)? {
            graph.input.push(input);
            graph.initializer.extend(data);
        }
        scanner.arrow()?;
        scanner.mark('(')?;
        graph.output = scanner.list(')', value)?;
        if scanner.takes('<') {
            for (value, data) in scanner.list('>', value_or_tensor)? {
                match data {
                    Some(data) => graph.initializer.push(data),
                    None => graph.value_info.push(value),
                }
            }
        }
        graph.node = nodes(scanner)?;
        Ok(graph)
    })
}

/// A name, with its type where one is given.
fn value(scanner: &mut Scanner<'_>) -> Result<ValueInfoProto, SyntaxError> {
    let kind = match types::is_next(scanner) {
        true => Some(types::read(scanner)?),
        false => None,
    };
    Ok(ValueInfoProto {
        name: Some(scanner.name("the name of a value")?),
        r#type: kind,
        ..Default::default()
    })
}

/// A value, with its data where that is given.
fn value_or_tensor(
    scanner: &mut Scanner<'_>,
) -> Result<(ValueInfoProto, Option<TensorProto>), SyntaxError> {
    let place = scanner.place();
    let value = value(scanner)?;
    if !scanner.takes('=') {
        return Ok((value, None));
    }
    let Some(kind) = &value.r#type else {
        return Err(scanner.error_at(place, "data without a type".to_owned()));
    };
    let tensor = types::tensor(scanner, value.name(), kind, place)?;
    Ok((value, Some(tensor)))
}

fn nodes(scanner: &mut Scanner<'_>) -> Result<Vec<NodeProto>, SyntaxError> {
    scanner.mark('{')?;
    let mut nodes = Vec::new();
    while !scanner.takes('}') {
        nodes.push(node(scanner)?);
    }
    Ok(nodes)
}

fn node(scanner: &mut Scanner<'_>) -> Result<NodeProto, SyntaxError> {
    let mut name = None;
    if scanner.takes('[') {
        name = scanner.optional_name()?;
        scanner.mark(']')?;
    }
    let output = names(scanner)?;
    scanner.mark('=')?;
    let mut domain = Vec::new();
    let mut op_type = scanner.identifier("an operator")?;
    while scanner.takes('.') {
        domain.push(op_type);
        op_type = scanner.identifier("an operator")?;
    }
    let overload = match scanner.takes(':') {
        true => Some(scanner.identifier("an overload")?.to_owned()),
        false => None,
    };
    let before = attribute::list(scanner, graph)?;
    scanner.mark('(')?;
    let input = names(scanner)?;
    scanner.mark(')')?;
    let attribute: Vec<AttributeProto> = match before.is_empty() {
        true => attribute::list(scanner, graph)?,
        false => before,
    };
    Ok(NodeProto {
        input,
        output,
        name,
        op_type: Some(op_type.to_owned()),
        domain: (!domain.is_empty()).then(|| domain.join(".")),
        overload,
        attribute,
        ..Default::default()
    })
}

/// Names between commas, each of which may be left out.
fn names(scanner: &mut Scanner<'_>) -> Result<Vec<String>, SyntaxError> {
    let mut names = Vec::new();
    loop {
        match scanner.optional_name()? {
            Some(name) => names.push(name),
            None if scanner.peek() == Some(',') => names.push(String::new()),
            None => return Ok(names),
        }
        if !scanner.takes(',') {
            return Ok(names);
        }
    }
}
