//! Prints the function body of an operator as JSON, for programs that build models in other languages.
//!
//! ```text
//! function_body OPERATOR OPSET [USE ...]
//! ```
//!
//! A use is a list of names and values; all parts are optional, and without uses the body is the general one. Attributes go by
//! their names, floats with a point. Beside them, for the rotary embeddings `head_dim` (of Q, for a pair; `k_head_dim` of K,
//! where it differs), `table_width`, `x` and `table` (element types), as in
//! `interleaved=1,rotary_dim=16,head_dim=64,table_width=8,x=float16,table=float`; for `RotaryTable` `table` and `streams` (the
//! rows of frequencies, 0 if they are of rank 1); for `SinusoidalEmbedding` `table` (of frequencies) and `frequencies` (how many);
//! for `AlibiBias` `dtype`; for `RelativeGather` `rank` (of the scores).

use phasor_ops::contract::alibi_bias::{self, AlibiAttributes, AlibiUse};
use phasor_ops::contract::relative_bias;
use phasor_ops::contract::relative_gather::{self, RelativeGatherAttributes, RelativeGatherUse};
use phasor_ops::contract::rotary::{self, RotaryAttributes, RotaryUse};
use phasor_ops::contract::rotary_pair::{self, RotaryPairUse};
use phasor_ops::contract::rotary_table::{
    self, Frequencies, RotaryTableAttributes, RotaryTableUse,
};
use phasor_ops::contract::sinusoidal::{self, SinusoidalAttributes, SinusoidalUse};
use phasor_ops::contract::{AttributeValue, BodyAttribute, ElementType, FunctionBody};
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
    let opset = opset.parse()?;
    let uses = uses.iter().map(|text| Use::parse(text));
    let body = match name.as_str() {
        rotary::NAME => {
            let uses = uses.map(|u| u?.rotary("head_dim"));
            rotary::function_body(opset, &uses.collect::<Result<Vec<_>, _>>()?)?
        }
        rotary_pair::NAME => {
            let uses = uses.map(|u| {
                let u = u?;
                let k_head_dim = u.find("k_head_dim").map_or("head_dim", |_| "k_head_dim");
                let (q, k) = (u.rotary("head_dim")?, u.rotary(k_head_dim)?);
                Ok::<_, Box<dyn std::error::Error>>(RotaryPairUse { q, k })
            });
            rotary_pair::function_body(opset, &uses.collect::<Result<Vec<_>, _>>()?)?
        }
        rotary_table::NAME => {
            let uses = uses.map(|u| u?.rotary_table());
            rotary_table::function_body(opset, &uses.collect::<Result<Vec<_>, _>>()?)?
        }
        relative_bias::NAME => {
            uses.collect::<Result<Vec<_>, _>>()?;
            relative_bias::function_body(opset)?
        }
        alibi_bias::NAME => {
            let uses = uses.map(|u| u?.alibi());
            alibi_bias::function_body(opset, &uses.collect::<Result<Vec<_>, _>>()?)?
        }
        sinusoidal::NAME => {
            let uses = uses.map(|u| u?.sinusoidal());
            sinusoidal::function_body(opset, &uses.collect::<Result<Vec<_>, _>>()?)?
        }
        relative_gather::NAME => {
            let uses = uses.map(|u| u?.relative_gather());
            relative_gather::function_body(opset, &uses.collect::<Result<Vec<_>, _>>()?)?
        }
        _ => return Err(format!("there is no operator `{name}`").into()),
    };
    Ok(to_json(&body))
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

    fn rotary(&self, head_dim: &str) -> Result<RotaryUse, Box<dyn std::error::Error>> {
        Ok(RotaryUse {
            attributes: RotaryAttributes::parse(|name| self.attribute(name))?,
            table_width: self.number("table_width")?,
            head_dim: self.number(head_dim)?,
            x_dtype: self.element("x")?,
            table_dtype: self.element("table")?,
        })
    }

    fn rotary_table(&self) -> Result<RotaryTableUse, Box<dyn std::error::Error>> {
        Ok(RotaryTableUse {
            attributes: RotaryTableAttributes::parse(|name| self.attribute(name))?,
            frequencies: match self.number("streams")? {
                None => None,
                Some(0) => Some(Frequencies::One),
                Some(count) => Some(Frequencies::Streams(count)),
            },
            table_dtype: self.element("table")?,
        })
    }

    fn alibi(&self) -> Result<AlibiUse, Box<dyn std::error::Error>> {
        Ok(AlibiUse {
            attributes: AlibiAttributes::parse(|name| self.attribute(name))?,
            dtype: self.element("dtype")?,
        })
    }

    fn sinusoidal(&self) -> Result<SinusoidalUse, Box<dyn std::error::Error>> {
        Ok(SinusoidalUse {
            attributes: SinusoidalAttributes::parse(|name| self.attribute(name))?,
            frequencies: self.number("frequencies")?,
            dtype: self.element("table")?,
        })
    }

    fn relative_gather(&self) -> Result<RelativeGatherUse, Box<dyn std::error::Error>> {
        Ok(RelativeGatherUse {
            attributes: RelativeGatherAttributes::parse(|name| self.attribute(name))?,
            rank: self.number("rank")?,
        })
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

fn number(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Int(i) => json!(i),
        AttributeValue::Float(f) => json!(f),
    }
}
