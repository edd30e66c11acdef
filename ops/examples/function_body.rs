//! Prints the function body of an operator as JSON, for programs that build models in other languages.
//!
//! ```text
//! function_body RotaryEmbedding OPSET [USE ...]
//! ```
//!
//! A use is a list like `interleaved=1,rotary_dim=16,head_dim=64,table_width=8,x=float16,table=float`; all parts are optional.
//! Without uses the body is the general one.

use phasor_ops::contract::rotary::{self, RotaryAttributes, RotaryUse};
use phasor_ops::contract::{BodyAttribute, ElementType, FunctionBody};
use serde_json::{Value, json};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(body) => {
            println!("{body}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<Value, Box<dyn std::error::Error>> {
    let [name, opset, uses @ ..] = arguments else {
        return Err("expected an operator and an opset".into());
    };
    if name != rotary::NAME {
        return Err(format!("there is no operator `{name}`").into());
    }
    let uses = uses
        .iter()
        .map(|text| parse_use(text))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(to_json(&rotary::function_body(opset.parse()?, &uses)?))
}

fn parse_use(text: &str) -> Result<RotaryUse, Box<dyn std::error::Error>> {
    let pairs = text
        .split(',')
        .map(|pair| {
            pair.split_once('=')
                .ok_or_else(|| format!("`{pair}` is not of the form name=value"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let find = |name: &str| {
        pairs
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| *value)
    };
    let number = |name: &str| find(name).map(str::parse::<usize>).transpose();
    let element = |name: &str| match find(name) {
        None => Ok(ElementType::F32),
        Some(value) => ElementType::ALL
            .into_iter()
            .find(|t| t.as_str() == value)
            .ok_or_else(|| format!("there is no element type `{value}`")),
    };
    Ok(RotaryUse {
        attributes: RotaryAttributes::parse(|name| {
            find(name).and_then(|value| value.parse().ok())
        })?,
        table_width: number("table_width")?,
        head_dim: number("head_dim")?,
        x_dtype: element("x")?,
        table_dtype: element("table")?,
    })
}

fn to_json(body: &FunctionBody) -> Value {
    let nodes: Vec<Value> = body
        .nodes
        .iter()
        .map(|node| {
            let attributes: serde_json::Map<String, Value> = node
                .attributes
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        BodyAttribute::Int(i) => json!(i),
                        BodyAttribute::Ints(list) => json!(list),
                        BodyAttribute::Reference(of) => json!({ "reference": of }),
                    };
                    ((*name).to_owned(), value)
                })
                .collect();
            json!({
                "op_type": node.op_type,
                "domain": node.domain,
                "inputs": node.inputs,
                "outputs": node.outputs,
                "attributes": attributes,
            })
        })
        .collect();
    let defaults: serde_json::Map<String, Value> = body
        .attributes
        .iter()
        .map(|a| (a.name.to_owned(), json!(a.default)))
        .collect();
    json!({
        "domain": body.domain,
        "name": body.name,
        "opset": body.opset,
        "inputs": body.inputs,
        "outputs": body.outputs,
        "attributes": defaults,
        "nodes": nodes,
    })
}
