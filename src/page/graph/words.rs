//! What is written on a node: its attributes and small constants, in few words.

use crate::onnx::proto::{AttributeProto, NodeProto, TensorProto};
use crate::onnx::{DataType, Tensor};

use super::web::{Constant, Web};

/// Inputs, outputs and attributes of a node that are written; nearly all have fewer.
pub(super) const SOME: usize = 8;
/// Most elements of a constant that is written on the node that reads it.
const FEW: usize = 6;
/// Most bytes of text that are looked at.
const TEXT: usize = 64;

/// The attributes of a node.
pub(super) fn attributes(node: &NodeProto) -> String {
    let parts = node.attribute.iter().take(SOME).filter_map(attribute);
    parts.collect::<Vec<_>>().join(", ")
}

fn attribute(attribute: &AttributeProto) -> Option<String> {
    let dtype = attribute.i.and_then(|number| i32::try_from(number).ok());
    let dtype = dtype.and_then(DataType::from_onnx);
    let value = match (attribute.name(), dtype) {
        ("to" | "dtype", Some(dtype)) => dtype.name().to_owned(),
        _ => value(attribute)?,
    };
    Some(format!("{} {value}", attribute.name()))
}

fn value(attribute: &AttributeProto) -> Option<String> {
    if let Some(number) = attribute.i {
        return Some(number.to_string());
    }
    if let Some(number) = attribute.f {
        return Some(short(f64::from(number)));
    }
    if let Some(text) = &attribute.s {
        return Some(String::from_utf8_lossy(&text[..text.len().min(TEXT)]).into_owned());
    }
    if !attribute.ints.is_empty() {
        return Some(list(
            attribute.ints.iter().map(ToString::to_string),
            attribute.ints.len(),
        ));
    }
    if !attribute.floats.is_empty() {
        let numbers = attribute.floats.iter().map(|n| short(f64::from(*n)));
        return Some(list(numbers, attribute.floats.len()));
    }
    attribute.t.as_ref().and_then(|tensor| numbers(tensor))
}

/// A constant that an input of a node is, where it is small.
pub(super) fn constant(web: &Web<'_>, value: &str) -> Option<String> {
    match web.constant(value)? {
        Constant::Tensor(tensor) => numbers(tensor),
        Constant::Node(node) => node.attribute.first().and_then(self::value),
    }
}

/// The elements of a small tensor that lies in the model itself.
fn numbers(tensor: &TensorProto) -> Option<String> {
    let mut sizes = tensor.dims.iter().map(|n| usize::try_from(*n).ok());
    let count = sizes.try_fold(1usize, |all, n| all.checked_mul(n?))?;
    if count > FEW || tensor.is_external() {
        return None;
    }
    let elements = Tensor::from_proto(tensor).ok()?;
    let numbers = elements.to_f64()?.into_iter().map(short);
    Some(match tensor.dims.is_empty() {
        true => numbers.collect(),
        false => list(numbers, count),
    })
}

fn list(elements: impl Iterator<Item = String>, count: usize) -> String {
    let mut shown: Vec<String> = elements.take(FEW).collect();
    if count > FEW {
        shown.push("…".to_owned());
    }
    format!("[{}]", shown.join(", "))
}

/// A number in few digits. Ends of ranges are as large as their type allows.
fn short(number: f64) -> String {
    const END: f64 = i32::MAX as f64;
    match number {
        n if n >= END => "max".to_owned(),
        n if n <= -END => "min".to_owned(),
        n if n == n.trunc() => format!("{n}"),
        n if n.abs() >= 1e-3 => {
            let text = format!("{n:.4}");
            text.trim_end_matches('0').to_owned()
        }
        n => format!("{n:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [1.0, -3.0, 0.125, 0.353_553_4, 1e-6, 1e19, f64::NEG_INFINITY].map(short);
        assert_eq!(
            texts,
            ["1", "-3", "0.125", "0.3536", "1.0e-6", "max", "min"]
        );
        assert_eq!(short(f64::NAN), "NaN");
    }

    #[test]
    fn lists_end_after_a_few() {
        let numbers = |n: usize| list((0..n).map(|k| k.to_string()), n);
        assert_eq!(numbers(2), "[0, 1]");
        assert_eq!(numbers(100), "[0, 1, 2, 3, 4, 5, …]");
    }
}
