//! Whether two models are versions of one model: their inputs and outputs have the same names, and their inputs the same types and sizes
//! that do not contradict each other.

use super::Error;
use crate::engine::EngineError;
use crate::facts::{Dim, Fact};
use crate::onnx::proto::ValueInfoProto;
use crate::onnx::{ModelFile, Tensor};

/// The outputs, which must be the same in both models, as must the inputs.
///
/// # Errors
/// Names the input or output, and what differs.
pub(super) fn outputs(a: &ModelFile, b: &ModelFile) -> Result<Vec<String>, Error> {
    let names = |infos: &mut dyn Iterator<Item = &ValueInfoProto>| -> Vec<String> {
        infos.map(|info| info.name().to_owned()).collect()
    };
    let inputs = |file| names(&mut inputs(file));
    let outputs = |file: &ModelFile| names(&mut file.graph().output.iter());
    for (kind, of_a, of_b) in [
        ("inputs", inputs(a), inputs(b)),
        ("outputs", outputs(a), outputs(b)),
    ] {
        let missing = of_a.iter().find(|name| !of_b.contains(name));
        let more = of_b.iter().find(|name| !of_a.contains(name));
        if let Some((name, which)) = missing
            .map(|name| (name, "first"))
            .or(more.map(|name| (name, "second")))
        {
            return Err(Error::Interface(format!(
                "`{name}` is among the {kind} of the {which} only"
            )));
        }
    }
    for (name, of_a) in declared(a) {
        let of_b = declared(b).find(|(other, _)| *other == name);
        if let Some((_, of_b)) = of_b
            && !agree(&of_a, &of_b)
        {
            return Err(Error::Interface(format!(
                "input `{name}` is {} in the first and {} in the second",
                shown(&of_a),
                shown(&of_b)
            )));
        }
    }
    Ok(outputs(a))
}

/// Whether a model takes inputs of these shapes. ONNX Runtime asks that itself, and the embedded engine takes any.
///
/// # Errors
/// Names the first input that it does not take.
pub(super) fn takes(file: &ModelFile, given: &[(String, Tensor)]) -> Result<(), EngineError> {
    for (name, fact) in declared(file) {
        let tensor = given.iter().find(|(given, _)| *given == name);
        let Some((dims, (_, tensor))) = fact.shape.as_ref().zip(tensor) else {
            continue;
        };
        let fits = |(dim, size): (&Dim, &usize)| dim.known().is_none_or(|n| n == *size as i64);
        if dims.len() != tensor.shape.len() || !dims.iter().zip(&tensor.shape).all(fits) {
            return Err(EngineError::Input {
                name: name.to_owned(),
                cause: format!(
                    "shape {:?} where the model takes {}",
                    tensor.shape,
                    shown(&fact)
                ),
            });
        }
    }
    Ok(())
}

/// The inputs that the caller must give.
fn inputs(file: &ModelFile) -> impl Iterator<Item = &ValueInfoProto> {
    let graph = file.graph();
    let initialized = |name: &str| graph.initializer.iter().any(|t| t.name() == name);
    let inputs = graph.input.iter();
    inputs.filter(move |input| !initialized(input.name()))
}

/// What a model says of the inputs that are tensors.
fn declared(file: &ModelFile) -> impl Iterator<Item = (&str, Fact)> {
    inputs(file).filter_map(|info| Some((info.name(), Fact::of_info(info)?)))
}

fn agree(a: &Fact, b: &Fact) -> bool {
    let type_agrees = match (a.dtype, b.dtype) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let size_agrees = |(a, b): (&Dim, &Dim)| match (a.known(), b.known()) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let shape_agrees = match (&a.shape, &b.shape) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(size_agrees),
        _ => true,
    };
    type_agrees && shape_agrees
}

/// A type as `float[batch, 8]`.
fn shown(fact: &Fact) -> String {
    let dtype = fact.dtype.map_or("tensor", |dtype| dtype.name());
    let Some(shape) = &fact.shape else {
        return dtype.to_owned();
    };
    let dims: Vec<String> = shape.iter().map(Dim::to_string).collect();
    format!("{dtype}[{}]", dims.join(", "))
}
