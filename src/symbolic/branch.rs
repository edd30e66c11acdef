//! `If` with a condition that is known: the branch that is taken, run in place of the node.
//!
//! Exporters leave such nodes where code asks for the rank of a tensor. The branch shares expressions and tables with the graph
//! around it; its own values have no name there.

use smallvec::SmallVec;

use crate::onnx::ModelFile;
use crate::onnx::names::{bodies, captured_by_body};
use crate::onnx::proto::{ModelProto, ValueInfoProto};

use super::interpreter::Interpreter;
use super::poly::Stop;
use super::visit::{Outputs, Visit};

/// The outputs of an `If` node.
pub(super) fn taken(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Outputs, Stop> {
    let condition = it.value(visit.input(0)?)?;
    let condition = match condition.elements() {
        Some([p]) => it.arena.as_constant(*p),
        _ => None,
    };
    let condition = condition.ok_or(Stop("a condition that is not known"))?;
    let wanted = match condition != 0.0 {
        true => "then_branch",
        false => "else_branch",
    };
    let mut branches = bodies(visit.node);
    let (_, _, branch) = branches
        .find(|(attribute, ..)| *attribute == wanted)
        .ok_or(Stop("an absent branch"))?;
    let captured = captured_by_body(branch);
    let mut graph = branch.clone();
    graph.input = captured
        .iter()
        .map(|&name| ValueInfoProto {
            name: Some(name.to_owned()),
            ..Default::default()
        })
        .collect();
    let model = ModelProto {
        opset_import: it.file.model().opset_import.clone(),
        graph: Some(graph),
        ..Default::default()
    };
    let file = ModelFile::in_memory(it.file.path(), model)
        .map_err(|_| Stop("a branch that is no graph"))?;
    let given: SmallVec<[_; 8]> = captured
        .iter()
        .filter_map(|name| {
            let value = it.index().id(name).and_then(|id| it.value(id).ok());
            Some((file.index().id(name)?, (*value?).clone()))
        })
        .collect();
    it.within(&file, |inner| {
        for (id, value) in given {
            inner.set(id, Some(value));
        }
        for &position in file.index().order() {
            inner.visit(position);
        }
        let outputs = file.graph().output.iter().map(|output| {
            let id = file.index().id(output.name())?;
            inner.value(id).ok().map(|value| (*value).clone())
        });
        Ok(outputs.collect())
    })
}
