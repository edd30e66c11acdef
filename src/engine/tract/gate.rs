//! The gate in front of tract's operators: only nodes that are as ONNX defines them pass.
//!
//! tract trusts attributes and ranks: it counts up to an axis, and allocates as many axes as a vector has elements. The result may be worse
//! than a panic: hours of work, or an allocation that ends the program. So every builder is wrapped in one that checks the node against the
//! table of operators ([`check`]), and every operator in one that checks again whenever facts of inputs are known. This covers
//! bodies at any depth, and models that do not come from a file.
//!
//! With a limit, larger results are refused before anything computes them.

use super::meter;
use super::room::bounded;
use crate::onnx::check::{MAX_RANK, Operand, Reader, check};
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::internal::*;

/// Largest padded value in bytes where results have no limit.
const MAX_PADDED: u128 = 1 << 30;

/// What a builder returns: the operator, and the outer values that its subgraphs capture.
pub(crate) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// A builder of a register.
pub(crate) type Builder = fn(&ParsingContext, &pb::NodeProto) -> Built;

/// tract's reader with `gate`, which calls [`build`], in the place of every builder of `open`.
pub(crate) fn closed(open: &Onnx, gate: Builder) -> Onnx {
    let mut onnx = open.clone();
    onnx.op_register
        .0
        .values_mut()
        .for_each(|builder| *builder = gate);
    onnx
}

/// Builds a node by the builder that `open` has for it, behind the gate; results may be of `limit` bytes.
pub(crate) fn build(
    open: &Onnx,
    limit: Option<u128>,
    context: &ParsingContext,
    node: &pb::NodeProto,
) -> Built {
    let gate = Gate {
        node: outline(node),
        opset: context.onnx_operator_set_version,
        limit,
    };
    gate.pass(&|_| Operand::default())?;
    let builder = open.op_register.0.get(&node.op_type);
    let builder = builder.with_context(|| format!("no operator `{}`", node.op_type))?;
    let (op, captured) = builder(context, node)?;
    // tract looks for constants by their type.
    if op.as_op().downcast_ref::<Const>().is_some() {
        return Ok((op, captured));
    }
    Ok((Box::new(Gated { op, gate }), captured))
}

/// The operator behind the gate.
pub(crate) fn inner(op: &dyn InferenceOp) -> &dyn InferenceOp {
    match op.as_op().downcast_ref::<Gated>() {
        Some(gated) => gated.op.as_ref(),
        None => op,
    }
}

/// A node without its tensors and without the nodes of its bodies.
fn outline(node: &pb::NodeProto) -> NodeProto {
    let named = |name: &String| ValueInfoProto {
        name: Some(name.clone()),
        ..ValueInfoProto::default()
    };
    let body = |graph: &pb::GraphProto| GraphProto {
        input: graph.input.iter().map(|info| named(&info.name)).collect(),
        output: graph.output.iter().map(|info| named(&info.name)).collect(),
        initializer: (graph.initializer.iter())
            .map(|tensor| TensorProto {
                name: Some(tensor.name.clone()),
                ..TensorProto::default()
            })
            .collect(),
        ..GraphProto::default()
    };
    let attribute = |attribute: &pb::AttributeProto| AttributeProto {
        name: Some(attribute.name.clone()),
        r#type: Some(attribute.r#type),
        i: Some(attribute.i),
        ints: attribute.ints.clone(),
        g: attribute.g.as_ref().map(|graph| Box::new(body(graph))),
        ..AttributeProto::default()
    };
    NodeProto {
        op_type: Some(node.op_type.clone()),
        domain: Some(node.domain.clone()),
        input: node.input.clone(),
        output: node.output.clone(),
        attribute: node.attribute.iter().map(attribute).collect(),
        ..NodeProto::default()
    }
}

/// What a node is checked against.
#[derive(Debug, Clone)]
struct Gate {
    node: NodeProto,
    opset: i64,
    limit: Option<u128>,
}

impl Gate {
    fn pass(&self, operand: &dyn Fn(usize) -> Operand) -> TractResult<()> {
        check(&self.node, self.opset, Reader::Engine, operand)
            .map_err(|fault| TractError::msg(format!("{}: {fault}", self.node.op_type())))
    }

    /// Refuses padding beyond the limit, or beyond [`MAX_PADDED`]. tract computes the padded size in 32 bits, and pads what is empty
    /// as soon as it can.
    fn room_for_padding(&self, facts: &[&InferenceFact]) -> TractResult<()> {
        if self.node.op_type() != "Pad" {
            return Ok(());
        }
        let limit = self.limit.unwrap_or(MAX_PADDED);
        // An attribute that the version does not have is ignored.
        let pads = match self.node.input.len() {
            1 => self.node.ints("pads").map(<[i64]>::to_vec),
            _ => self.operand(facts, 1).numbers,
        };
        let (Some(dims), Some(pads)) = (self.operand(facts, 0).dims, pads) else {
            return Ok(());
        };
        let rank = dims.len() as i64;
        let axes = self.operand(facts, 3).numbers;
        let axes = axes.unwrap_or_else(|| (0..rank).collect());
        let mut padded: Vec<i64> = dims.into_iter().map(|dim| dim.unwrap_or(1)).collect();
        for (k, axis) in axes.iter().enumerate() {
            let added = [k, k + axes.len()].map(|at| pads.get(at).copied().unwrap_or(0));
            let axis = usize::try_from(axis.rem_euclid(rank.max(1))).unwrap_or(0);
            if let Some(size) = padded.get_mut(axis) {
                *size = size.saturating_add(added[0]).saturating_add(added[1]);
            }
        }
        let dims: Vec<TDim> = padded.iter().map(TDim::from).collect();
        let dt = facts.first().and_then(|fact| fact.datum_type.concretize());
        bounded(&dims, dt.unwrap_or(DatumType::F32), limit)
    }

    /// Whether an input has an unknown rank. tract must not learn it from what it knows of the results: numbers of the node may be bounded by
    /// the rank, and cannot be checked before tract counts by it, and a result may tell any rank.
    fn is_open(&self, facts: &[&InferenceFact]) -> bool {
        facts
            .iter()
            .any(|fact| fact.shape.rank().concretize().is_none())
    }

    /// What is known of an input of the node; tract leaves out those that have no name.
    fn operand(&self, facts: &[&InferenceFact], slot: usize) -> Operand {
        let mut before = self.node.input.iter().take(slot);
        let left_out = before.by_ref().filter(|name| name.is_empty()).count();
        match self.node.input.get(slot) {
            Some(name) if !name.is_empty() => facts
                .get(slot - left_out)
                .map_or_else(Operand::default, |fact| operand(fact)),
            _ => Operand::default(),
        }
    }
}

fn operand(fact: &InferenceFact) -> Operand {
    let rank = fact.shape.rank().concretize();
    let dims = rank.map(|_| {
        let dims = fact.shape.dims();
        dims.map(|dim| dim.concretize()?.as_i64()).collect()
    });
    let numbers = || {
        let value = fact.value.concretize()?;
        if value.len() > MAX_RANK as usize || value.datum_type().is_float() {
            return None;
        }
        let value = value.cast_to::<i64>().ok()?;
        Some(
            value
                .try_as_plain_ram()
                .ok()?
                .as_slice::<i64>()
                .ok()?
                .to_vec(),
        )
    };
    Operand {
        dims,
        numbers: numbers(),
    }
}

/// An operator behind the gate.
#[derive(Debug, Clone)]
struct Gated {
    op: Box<dyn InferenceOp>,
    gate: Gate,
}

impl PartialEq for Gated {
    fn eq(&self, _: &Gated) -> bool {
        false
    }
}

impl Eq for Gated {}

impl Op for Gated {
    fn name(&self) -> StaticName {
        self.op.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.op.info()
    }

    fn validation(&self) -> Validation {
        self.op.validation()
    }

    not_a_typed_op!();
}

impl EvalOp for Gated {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.op.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.op.eval_out_of_plan(inputs)
    }

    fn state(&self, context: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        self.op.state(context)
    }
}

type Inferred = (
    TVec<InferenceFact>,
    TVec<InferenceFact>,
    TVec<InferenceFact>,
);

impl InferenceOp for Gated {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<Inferred> {
        meter::tick()?;
        self.gate.pass(&|slot| self.gate.operand(&inputs, slot))?;
        self.gate.room_for_padding(&inputs)?;
        let types: TVec<InferenceFact> = (outputs.iter())
            .map(|fact| InferenceFact {
                datum_type: fact.datum_type,
                ..InferenceFact::default()
            })
            .collect();
        let outputs = match self.gate.is_open(&inputs) {
            true => types.iter().collect(),
            false => outputs.iter().copied().collect(),
        };
        let inferred = self.op.infer_facts(inputs, outputs, observed)?;
        if let Some(limit) = self.gate.limit {
            for fact in &inferred.1 {
                let shape = fact.shape.concretize();
                if let (Some(dims), Some(dt)) = (shape, fact.datum_type.concretize()) {
                    bounded(&dims, dt, limit)?;
                }
            }
        }
        Ok(inferred)
    }

    fn observe_outlets(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Vec<OutletId>> {
        self.op.observe_outlets(model, node)
    }

    fn incorporate(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Option<InferenceModelPatch>> {
        self.op.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.op.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        meter::tick()?;
        // Constants that inference did not follow are known now, and an operator on constants runs as soon as it is wired.
        let typed = node.inputs.iter().map(|input| {
            let outlet = mapping.get(input).context("an input that is not wired")?;
            Ok(InferenceFact::from(target.outlet_fact(*outlet)?))
        });
        let typed: Vec<InferenceFact> = typed.collect::<TractResult<_>>()?;
        let typed: Vec<&InferenceFact> = typed.iter().collect();
        self.gate.pass(&|slot| self.gate.operand(&typed, slot))?;
        self.gate.room_for_padding(&typed)?;
        self.op.to_typed(source, node, target, mapping)
    }

    as_op!();
}
