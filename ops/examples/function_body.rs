//! Prints the function body of an operator as JSON, for programs that build models in other languages.
//!
//! ```text
//! function_body OPERATOR OPSET [USE ...]
//! ```
//!
//! A use is a list of names and values; all parts are optional, and without uses the body is the general one. Attributes go by
//! their names, floats with a point. Beside them, for the rotary embeddings `head_dim` (of Q, for a pair; `k_head_dim` of K,
//! where it differs), `table_width`, `x` and `table` (element types), as in
//! `interleaved=1,rotary_dim=16,head_dim=64,table_width=8,x=float16,table=float`; for `RotaryTable` `table` (of the results) and
//! `streams` (the rows of frequencies, 0 if they are of rank 1); for `SinusoidalEmbedding` `table` and `frequencies` (how many);
//! for `AlibiBias` `dtype`; for `RelativeGather` `rank` (of the scores); for `Attention` `x` (element type), `heads`, `key_heads`, and
//! `bias` and `mask` (the one number they are).

use phasor_ops::contract::{
    self, AttributeValue, BodyAttribute, Call, ElementType, FunctionBody, Operand, OperatorSpec,
    ValueSpec,
};
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
    let contract = contract::find(name).ok_or(format!("there is no operator `{name}`"))?;
    let calls = uses
        .iter()
        .map(|text| Use::parse(text)?.call(contract.spec()));
    let calls = calls.collect::<Result<Vec<_>, _>>()?;
    Ok(to_json(&contract.body(opset.parse()?, &calls)?))
}

/// A use as given: names and values.
struct Use<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Use<'a> {
    fn parse(text: &'a str) -> Result<Self, Box<dyn std::error::Error>> {
        let pairs = text.split(',').map(|pair| {
            pair.split_once('=')
                .ok_or_else(|| format!("`{pair}` is not of the form name=value"))
        });
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| *value)
    }

    fn number(&self, name: &str) -> Result<Option<usize>, std::num::ParseIntError> {
        self.find(name).map(str::parse).transpose()
    }

    /// An attribute: a number with a point is a float.
    fn attribute(&self, name: &str) -> Option<AttributeValue> {
        let text = self.find(name)?;
        let int = text.parse().ok().map(AttributeValue::Int);
        int.or_else(|| text.parse().ok().map(AttributeValue::Float))
    }

    fn element(&self, name: &str) -> Result<ElementType, String> {
        let value = self.find(name).unwrap_or("float");
        ElementType::ALL
            .into_iter()
            .find(|t| t.as_str() == value)
            .ok_or_else(|| format!("there is no element type `{value}`"))
    }

    fn call(&self, spec: &OperatorSpec) -> Result<Call, Box<dyn std::error::Error>> {
        let attributes = spec.attributes.iter();
        let given = attributes.filter_map(|a| Some((a.name, self.attribute(a.name)?)));
        let inputs = spec.inputs.iter().map(|input| self.operand(spec, input));
        Ok(Call {
            attributes: given.collect(),
            inputs: inputs.collect::<Result<_, _>>()?,
        })
    }

    /// What the use says of an input.
    fn operand(
        &self,
        spec: &OperatorSpec,
        input: &ValueSpec,
    ) -> Result<Operand, Box<dyn std::error::Error>> {
        let operand = |dtype, shape| {
            Ok(Operand {
                dtype: Some(self.element(dtype)?),
                shape: Some(shape),
                ..Operand::default()
            })
        };
        match input.name {
            "Q" | "K" | "V" if spec.name.ends_with("Attention") => {
                let heads = if input.name == "Q" {
                    "heads"
                } else {
                    "key_heads"
                };
                operand("x", vec![None, self.number(heads)?, None, None])
            }
            "bias" | "mask" => Ok(Operand {
                value: self.find(input.name).map(str::parse).transpose()?,
                ..Operand::default()
            }),
            "X" | "Q" => operand("x", vec![self.number("head_dim")?]),
            "K" => {
                let own = self.number("k_head_dim")?;
                operand("x", vec![own.or(self.number("head_dim")?)])
            }
            "cos" | "sin" => operand("table", vec![self.number("table_width")?]),
            "frequencies" => {
                let shape = match self.number("streams")? {
                    None => vec![None, self.number("frequencies")?],
                    Some(0) => vec![None],
                    streams => vec![streams, None],
                };
                Ok(Operand {
                    shape: Some(shape),
                    ..Operand::default()
                })
            }
            "target_type" => operand("table", Vec::new()),
            "slopes" => operand("dtype", vec![None]),
            "scores" => Ok(Operand {
                dtype: None,
                shape: self.number("rank")?.map(|rank| vec![None; rank]),
                ..Operand::default()
            }),
            _ => Ok(Operand::default()),
        }
    }
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
                        BodyAttribute::Float(f) => json!(f),
                        BodyAttribute::Double(d) => json!({ "double": d }),
                        BodyAttribute::Reference(of) => {
                            json!({ "reference": of.name, "default": number(of.default) })
                        }
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
        .map(|a| (a.name.to_owned(), number(a.default)))
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

/// A number; JSON has none for infinities, which are texts.
fn number(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Int(i) => json!(i),
        AttributeValue::Float(f) if f.is_infinite() => json!(f.to_string()),
        AttributeValue::Float(f) => json!(f),
    }
}
