//! Adapters put before operators whose inputs tract takes too literally: `GatherND` and `ScatterND` do not count negative
//! indices from the end, and `Attention` adds a boolean mask instead of masking with it.

use super::branches;
use crate::onnx::proto::{GraphProto, NodeProto};
use tract_onnx::model::Onnx;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::{cast, wire_cast};
use tract_onnx::tract_core::ops::change_axes::wire_rank_broadcast;
use tract_onnx::tract_core::ops::{logic, math};
use tract_onnx::tract_hir::internal::*;

const WRAPPED_INDICES: &str = "phasor::WrappedIndices";
const ADDITIVE_MASK: &str = "phasor::AdditiveMask";

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register.insert(WRAPPED_INDICES, |_, node| {
        let batch_dims = node.get_attr_opt::<usize>("batch_dims")?.unwrap_or(0);
        Ok((expand(WrappedIndices { batch_dims }), vec![]))
    });
    onnx.op_register
        .insert(ADDITIVE_MASK, |_, _| Ok((expand(AdditiveMask), vec![])));
}

/// Puts the adapters into a graph and its bodies, before the nodes that need them.
pub(crate) fn insert(graph: &mut GraphProto) {
    let adapter = |node: &NodeProto| match node.op_type() {
        "GatherND" | "ScatterND" if node.is_standard() => Some((WRAPPED_INDICES, 1, 0)),
        "Attention" if node.is_standard() => Some((ADDITIVE_MASK, 3, 0)),
        _ => None,
    };
    let nodes = std::mem::take(&mut graph.node);
    for mut node in nodes {
        if let Some((op_type, input, beside)) = adapter(&node)
            && node.input.get(input).is_some_and(|name| !name.is_empty())
            && let Some(output) = node.output.first()
        {
            let adapted = format!("{op_type} {output}");
            graph.node.push(NodeProto {
                op_type: Some(op_type.to_owned()),
                name: Some(adapted.clone()),
                input: vec![node.input[input].clone(), node.input[beside].clone()],
                output: vec![adapted.clone()],
                attribute: node.attribute("batch_dims").cloned().into_iter().collect(),
                ..NodeProto::default()
            });
            node.input[input] = adapted;
        }
        let is_if = node.is_onnx("If");
        for body in node.attribute.iter_mut().filter_map(|a| a.g.as_deref_mut()) {
            insert(body);
            if is_if {
                branches::hide(body);
            }
        }
        graph.node.push(node);
    }
}

/// Indices into the leading axes of a tensor, those below zero counted from the end. Inputs: indices, tensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct WrappedIndices {
    batch_dims: usize,
}

impl Expansion for WrappedIndices {
    fn name(&self) -> StaticName {
        "WrappedIndices".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, i64::datum_type())?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let indices = model.outlet_fact(inputs[0])?.clone();
        let depth = indices
            .shape
            .last()
            .context("indices of rank 0")?
            .to_usize()?;
        let shape = model.outlet_fact(inputs[1])?.shape.to_tvec();
        let lengths = shape
            .get(self.batch_dims..self.batch_dims + depth)
            .context("more indices than axes")?
            .iter()
            .map(|d| d.to_i64())
            .collect::<Result<Vec<i64>, _>>()?;
        let lengths = model.add_const(format!("{prefix}.lengths"), tensor1(&lengths))?;
        let zero = model.add_const(format!("{prefix}.zero"), tensor0(0i64))?;
        let wire = model.wire_node(
            format!("{prefix}.cast"),
            cast(i64::datum_type()),
            &inputs[..1],
        )?[0];
        let wires = wire_rank_broadcast(format!("{prefix}.zero"), model, &[wire, zero])?;
        let below = model.wire_node(
            format!("{prefix}.below"),
            TypedBinOp(logic::comp_lt(), None),
            &wires,
        )?[0];
        let wires = wire_rank_broadcast(format!("{prefix}.lengths"), model, &[wire, lengths])?;
        let counted = model.wire_node(format!("{prefix}.counted"), math::add(), &wires)?[0];
        model.wire_node(prefix, logic::Iff, &[below, counted, wire])
    }
}

/// A mask to be added to scores: 0 where a boolean mask is true and minus infinity elsewhere; any other mask as it is.
/// Inputs: mask, a tensor of the scores' type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AdditiveMask;

impl Expansion for AdditiveMask {
    fn name(&self) -> StaticName {
        "AdditiveMask".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, &inputs[1].datum_type)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let dt = model.outlet_fact(inputs[1])?.datum_type;
        if model.outlet_fact(inputs[0])?.datum_type != bool::datum_type() {
            return wire_cast(prefix, model, &inputs[..1], dt);
        }
        let constant =
            |value: f32| -> TractResult<Tensor> { Ok(tensor0(value).cast_to_dt(dt)?.into_owned()) };
        let kept = model.add_const(format!("{prefix}.kept"), constant(0.0)?)?;
        let masked = model.add_const(format!("{prefix}.masked"), constant(f32::NEG_INFINITY)?)?;
        let wires = wire_rank_broadcast(prefix, model, &[inputs[0], kept, masked])?;
        model.wire_node(prefix, logic::Iff, &wires)
    }
}
