//! Shapes as plain integers.
//!
//! tract computes shapes with symbolic integers. Run on concrete shapes that costs correctness: the remainder of a negative
//! symbolic integer is wrong, and a `Range` that counts down gets a length near 2⁶⁴. Here `Shape` and `Size` give plain 64-bit
//! integers wherever the shape is known, and `Range` counts its elements as ONNX defines.
//!
//! Reading a size of 0 as one that is copied from the input, tract's `Flatten` fails on empty tensors.

use super::{Built, cast, range_rules};
use crate::engine::tract::MAX_BYTES;
use crate::engine::tract::room::bounded;
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register.insert("Shape", shape);
    onnx.op_register
        .insert("Size", |_, _| Ok((expand(Size), vec![])));
    onnx.op_register.insert("Cast", cast);
    onnx.op_register
        .insert("Range", |_, _| Ok((expand(Range), vec![])));
    onnx.op_register.insert("Flatten", flatten);
}

fn shape(_: &ParsingContext, node: &NodeProto) -> Built {
    let start = node.get_attr_opt("start")?.unwrap_or(0);
    let end = node.get_attr_opt("end")?;
    Ok((expand(Shape { start, end }), vec![]))
}

fn flatten(_: &ParsingContext, node: &NodeProto) -> Built {
    let axis = node.get_attr_opt("axis")?.unwrap_or(1);
    Ok((expand(Flatten(array::Flatten::new(axis))), vec![]))
}

/// The dimensions as 64-bit integers if all are known, else as symbolic ones.
fn dims_tensor(dims: &[TDim]) -> Tensor {
    match dims.iter().map(TDim::as_i64).collect::<Option<Vec<i64>>>() {
        Some(known) => tensor1(&known),
        None => tensor1(dims),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    start: i64,
    end: Option<i64>,
}

impl Shape {
    fn value(&self, dims: &[TDim]) -> Tensor {
        let rank = dims.len() as i64;
        let clamp = |axis: i64| (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
        let (start, end) = (clamp(self.start), clamp(self.end.unwrap_or(rank)));
        dims_tensor(&dims[start..end.max(start)])
    }
}

impl Expansion for Shape {
    fn name(&self) -> StaticName {
        "Shape".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].rank, 1)?;
        s.given(&inputs[0].shape, move |s, shape| {
            let value = self.value(&shape).into_arc_tensor();
            s.equals(&outputs[0].datum_type, value.datum_type())?;
            s.equals(&outputs[0].value, value)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let value = self.value(&model.outlet_fact(inputs[0])?.shape.to_tvec());
        Ok(tvec!(model.add_const(prefix, value)?))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Size;

impl Size {
    fn value(dims: &[TDim]) -> Tensor {
        let volume = dims.iter().product::<TDim>();
        volume.as_i64().map_or_else(|| tensor0(volume), tensor0)
    }
}

impl Expansion for Size {
    fn name(&self) -> StaticName {
        "Size".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].rank, 0)?;
        s.given(&inputs[0].shape, move |s, shape| {
            let value = Size::value(&shape).into_arc_tensor();
            s.equals(&outputs[0].datum_type, value.datum_type())?;
            s.equals(&outputs[0].value, value)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let value = Size::value(&model.outlet_fact(inputs[0])?.shape.to_tvec());
        Ok(tvec!(model.add_const(prefix, value)?))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Range;

impl Range {
    /// `max(ceil((limit - start) / delta), 0)`; `None` if a value is symbolic.
    fn len(start: &Tensor, limit: &Tensor, delta: &Tensor) -> TractResult<Option<i64>> {
        if [start, limit, delta]
            .iter()
            .all(|t| t.datum_type().is_integer() || t.datum_type().is_tdim())
        {
            let scalar = |t: &Tensor| t.cast_to_scalar::<i64>().map(i128::from).ok();
            let (Some(start), Some(limit), Some(delta)) =
                (scalar(start), scalar(limit), scalar(delta))
            else {
                return Ok(None);
            };
            ensure!(delta != 0, "Range with a step of zero");
            let (span, step) = if delta > 0 {
                (limit - start, delta)
            } else {
                (start - limit, -delta)
            };
            let len = if span <= 0 {
                0
            } else {
                (span + step - 1) / step
            };
            return Ok(Some(i64::try_from(len)?));
        }
        let scalar = |t: &Tensor| t.cast_to_scalar::<f64>();
        let len = ((scalar(limit)? - scalar(start)?) / scalar(delta)?).ceil();
        ensure!(len.is_finite() && len < 1e15, "Range of {len} elements");
        Ok(Some(len.max(0.0) as i64))
    }
}

impl Expansion for Range {
    fn name(&self) -> StaticName {
        "Range".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        range_rules(s, inputs, outputs, |start, limit, delta| {
            let Some(len) = Range::len(start, limit, delta)? else {
                return Ok(None);
            };
            bounded(&[len.to_dim()], start.datum_type(), MAX_BYTES)?;
            Ok(Some(len.to_dim()))
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let types = inputs
            .iter()
            .map(|o| Ok(model.outlet_fact(*o)?.datum_type))
            .collect::<TractResult<TVec<_>>>()?;
        let dt = DatumType::super_type_for(types).context("Range over mixed types")?;
        let inputs = tract_core::ops::cast::wire_cast(prefix, model, inputs, dt)?;
        let len = model.symbols.new_with_prefix("range").into();
        model.wire_node(prefix, tract_core::ops::array::Range::new(len), &inputs)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Flatten(array::Flatten);

impl Expansion for Flatten {
    fn name(&self) -> StaticName {
        "Flatten".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.rules(s, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let from = model.outlet_fact(inputs[0])?.shape.to_tvec();
        if !from.contains(&0.to_dim()) {
            return self.0.wire(prefix, model, inputs);
        }
        let to = self.0.compute_shape(&from)?;
        model.wire_node(
            prefix,
            AxisOp::Reshape(0, from, to.into_iter().collect()),
            inputs,
        )
    }
}
