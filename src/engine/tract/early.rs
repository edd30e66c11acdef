//! Checks without inputs whether tract can load a model at all.
//!
//! tract loads a model for inputs of known shapes. An operator that it lacks, or one with too few inputs, fails for all of them:
//! here the model is read and typed once with inputs of unknown shapes, from which less follows than from any known ones, so
//! what fails here fails everywhere. A model with bodies passes, because values decide which of them matter.

use super::super::EngineError;
use super::copy::{self, branches};
use super::{bridge, framework, guarded, load_error, prepared};
use crate::onnx::proto::ModelProto;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::InferenceModelExt;
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

/// Checks a model whose functions are inlined.
///
/// # Errors
/// [`EngineError::Load`], with tract's message or the operator that it lacks.
pub(super) fn check(model: Cow<'_, ModelProto>, outputs: &[String]) -> Result<(), EngineError> {
    let model = branches::resolved(model, &|_| None);
    let (mut scratch, retype) = prepared(&model, outputs, &FxHashSet::default())?;
    let graph = scratch
        .model
        .graph
        .as_mut()
        .expect("a scratch copy has a graph");
    if graph.node.iter().any(|node| node.bodies().next().is_some()) {
        return Ok(());
    }
    let weights: FxHashSet<&str> = scratch.weights.iter().map(|t| t.name()).collect();
    let open: Vec<String> = graph
        .input
        .iter_mut()
        .filter(|info| !weights.contains(info.name()))
        .map(|info| {
            *info = copy::tensor_input(info.name(), retype.code(element_type(info)), &[]);
            info.name().to_owned()
        })
        .collect();
    guarded(|| {
        let fault = |e: TractError| load_error(format!("{e:#}"));
        let proto = bridge::model(&scratch.model).map_err(load_error)?;
        let parsed = framework().parse(&proto, None).map_err(fault)?;
        if let Some(name) = parsed.unresolved_inputs.first() {
            return Err(load_error(format!("value `{name}` is computed by no node")));
        }
        let mut model = parsed.model;
        let lacking = model
            .nodes()
            .iter()
            .find(|node| node.op_is::<UnimplementedOp>());
        if let Some(node) = lacking {
            let of = graph_operator(&scratch.model, &node.name);
            return Err(load_error(format!(
                "it has no operator `{of}` (node `{}`)",
                node.name
            )));
        }
        for name in open {
            let outlet = parsed.outlets_by_name[&name];
            let fact = model.outlet_fact(outlet).map_err(fault)?;
            let fact = fact
                .datum_type()
                .map_or_else(InferenceFact::new, InferenceFact::dt);
            model.set_outlet_fact(outlet, fact).map_err(fault)?;
        }
        model.analyse(false).map(drop).map_err(fault)
    })
}

/// ONNX's number of an input's element type; 0, which stands for no type, if the input declares none.
fn element_type(info: &crate::onnx::proto::ValueInfoProto) -> i32 {
    use crate::onnx::proto::type_proto::Value;
    match info.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(Value::TensorType(tensor)) => tensor.elem_type(),
        _ => 0,
    }
}

/// The operator of the node that tract calls by this name: its own, or its first output where it has none.
fn graph_operator<'a>(model: &'a ModelProto, name: &str) -> &'a str {
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    let called = |node: &&crate::onnx::proto::NodeProto| match node.name() {
        "" => node.output.first().is_some_and(|output| output == name),
        own => own == name,
    };
    nodes
        .into_iter()
        .find(called)
        .map_or("", |node| node.op_type())
}
