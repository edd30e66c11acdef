//! `If`: the branch that is taken where the condition is known, run in place of the node; else what the shapes of both have in common.
//!
//! Exporters leave such nodes where code asks for the rank of a tensor, or chooses between frequencies. A branch shares expressions and
//! tables with the graph around it; its own values have no name there.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use crate::onnx::names::{bodies, captured_by_body};
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use crate::onnx::{ModelFile, ValueId};

use super::interpreter::Interpreter;
use super::poly::Stop;
use super::value::{Loss, Value};
use super::visit::{Outputs, Visit};

/// Most nodes of a branch that is run to learn of shapes alone.
const MAX_NODES: usize = 256;

/// The outputs of an `If` node.
pub(super) fn outputs(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Outputs, Stop> {
    let condition = it.value(visit.input(0)?)?;
    let condition = match condition.elements() {
        Some([p]) => it.arena.as_constant(*p),
        _ => None,
    };
    match condition {
        Some(condition) => {
            let taken = branch(visit, condition != 0.0)?;
            run(it, visit, taken, true)
        }
        None => either(it, visit),
    }
}

/// Whether numbers may be lost on the way to an output of a branch: what is scaled and put back in between has no name outside.
fn loses(branch: &Interpreter<'_>, output: ValueId) -> bool {
    let (index, graph) = (branch.index(), branch.file.graph());
    let mut seen = FxHashSet::default();
    let mut open = vec![output];
    while let Some(value) = open.pop() {
        let Some((node, _)) = index.producer(value).filter(|_| seen.insert(value)) else {
            continue;
        };
        let node = &graph.node[node];
        if branch.loss(value).is_some() || !is_plain(node) {
            return true;
        }
        let names = node.input.iter().filter(|name| !name.is_empty());
        open.extend(names.filter_map(|name| index.id(name)));
    }
    false
}

/// Whether a node hands on elements as they are, or makes cosines, sines or sizes.
fn is_plain(node: &NodeProto) -> bool {
    matches!(
        node.op_type(),
        "Cos"
            | "Sin"
            | "Neg"
            | "Identity"
            | "Constant"
            | "Reshape"
            | "Flatten"
            | "Transpose"
            | "Squeeze"
            | "Unsqueeze"
            | "Expand"
            | "Slice"
            | "Split"
            | "Gather"
            | "Concat"
            | "Shape"
            | "Size"
            | "ConstantOfShape"
            | "Range"
            | "Equal"
    )
}

/// Fresh values of the shapes in which both branches agree.
fn either(it: &mut Interpreter<'_>, visit: &Visit<'_>) -> Result<Outputs, Stop> {
    let (yes, no) = (branch(visit, true)?, branch(visit, false)?);
    if yes.node.len().max(no.node.len()) > MAX_NODES {
        return Err(Stop::UnknownCondition);
    }
    let (yes, no) = (run(it, visit, yes, false)?, run(it, visit, no, false)?);
    let names = visit.node.output.iter();
    let fresh = |(name, (yes, no)): (&String, (Option<Value>, Option<Value>))| {
        let (yes, no) = yes.zip(no)?;
        if yes.dtype != no.dtype || yes.rank() != no.rank() {
            return None;
        }
        let id = it.index().id(name).filter(|_| !name.is_empty())?;
        let sizes = yes.shape.iter().zip(&no.shape).enumerate();
        let shape = sizes
            .map(|(axis, (&a, &b))| match a == b {
                true => a,
                false => it.unknown_size(name, axis),
            })
            .collect();
        Some(it.fresh(id, yes.dtype, shape))
    };
    Ok(names.zip(yes.into_iter().zip(no)).map(fresh).collect())
}

/// The body of an `If` node for this condition.
pub(super) fn branch<'a>(visit: &Visit<'a>, condition: bool) -> Result<&'a GraphProto, Stop> {
    let wanted = match condition {
        true => "then_branch",
        false => "else_branch",
    };
    let mut branches = bodies(visit.node);
    let found = branches.find(|(attribute, ..)| *attribute == wanted);
    found.map(|(_, _, branch)| branch).ok_or(Stop::AbsentBranch)
}

/// A branch as a graph of its own, with the values that it reads from around it as inputs: their numbers there, and their names.
pub(super) fn alone(
    it: &Interpreter<'_>,
    branch: &GraphProto,
) -> Result<(ModelFile, Vec<(ValueId, String)>), Stop> {
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
    let file = ModelFile::in_memory(it.file.path(), model).map_err(|_| Stop::BranchNoGraph)?;
    let given = captured.iter();
    let given = given.filter_map(|&name| Some((file.index().id(name)?, name.to_owned())));
    let given = given.collect();
    Ok((file, given))
}

/// Interprets a branch, which `runs` whenever the node does or may not, with what is known of the values around it.
pub(super) fn inside<T>(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    (file, runs): (&ModelFile, bool),
    given: &[(ValueId, String)],
    ask: impl FnOnce(&mut Interpreter<'_>) -> T,
) -> T {
    let given: SmallVec<[_; 8]> = given
        .iter()
        .filter_map(|(id, name)| {
            let value = it.index().id(name).and_then(|id| it.value(id).ok());
            Some((*id, (*value?).clone()))
        })
        .collect();
    it.within(file, visit, runs, |inner| {
        for (id, value) in given {
            inner.set(id, Some(value));
        }
        for &position in file.index().order() {
            inner.visit(position);
        }
        ask(inner)
    })
}

/// The outputs of a branch, which `runs` whenever the node does or may not.
fn run(
    it: &mut Interpreter<'_>,
    visit: &Visit<'_>,
    branch: &GraphProto,
    runs: bool,
) -> Result<Outputs, Stop> {
    let (file, given) = alone(it, branch)?;
    Ok(inside(it, visit, (&file, runs), &given, |inner| {
        let outputs = file.graph().output.iter().map(|output| {
            let id = file.index().id(output.name())?;
            let mut value = (*inner.value(id).ok()?).clone();
            value.caveats.loss = loses(inner, id).then_some(Loss::Cancelled);
            Some(value)
        });
        outputs.collect()
    }))
}

#[cfg(test)]
mod tests;
