//! Operators that tract builds too narrowly: `CumSum` of shapes, `Equal` of booleans, `IsInf`, `IsNaN` and `Gemm` in other types than `float`.

use super::Built;
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::{cast, wire_cast};
use tract_onnx::tract_core::ops::change_axes::wire_rank_broadcast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::{logic, math};
use tract_onnx::tract_hir::internal::*;

pub(super) fn register(onnx: &mut Onnx) {
    onnx.op_register.insert("CumSum", cumsum);
    onnx.op_register
        .insert("Equal", |_, _| Ok((expand(Equal), vec![])));
    onnx.op_register.insert("IsInf", is_inf);
    onnx.op_register
        .insert("IsNaN", |_, _| Ok((expand(Test::NotANumber), vec![])));
    onnx.op_register.insert("Gemm", gemm);
}

fn cumsum(_: &ParsingContext, node: &NodeProto) -> Built {
    let exclusive = node.get_attr_opt::<i64>("exclusive")? == Some(1);
    let reverse = node.get_attr_opt::<i64>("reverse")? == Some(1);
    Ok((expand(CumSum { exclusive, reverse }), vec![]))
}

fn is_inf(_: &ParsingContext, node: &NodeProto) -> Built {
    let positive = node.get_attr_opt("detect_positive")?.unwrap_or(1) != 0;
    let negative = node.get_attr_opt("detect_negative")?.unwrap_or(1) != 0;
    Ok((expand(Test::Infinite { positive, negative }), vec![]))
}

fn gemm(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((
        expand(Gemm {
            alpha: node.get_attr_opt("alpha")?.unwrap_or(1.0),
            beta: node.get_attr_opt("beta")?.unwrap_or(1.0),
            transposed_a: node.get_attr_opt("transA")?.unwrap_or(false),
            transposed_b: node.get_attr_opt("transB")?.unwrap_or(false),
        }),
        vec![],
    ))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CumSum {
    exclusive: bool,
    reverse: bool,
}

impl Expansion for CumSum {
    fn name(&self) -> StaticName {
        "CumSum".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].shape, &inputs[0].shape)?;
        s.given(&inputs[0].datum_type, move |s, dt| {
            s.equals(
                &outputs[0].datum_type,
                if dt.is_tdim() { i64::datum_type() } else { dt },
            )
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(inputs[0])?.clone();
        let axis = model
            .outlet_fact(inputs[1])?
            .konst
            .clone()
            .context("CumSum over a computed axis")?;
        let axis = axis.cast_to_scalar::<i64>()?;
        let rank = fact.rank() as i64;
        ensure!(
            (-rank..rank).contains(&axis),
            "CumSum over axis {axis} of rank {rank}"
        );
        let axis = axis.rem_euclid(rank) as usize;
        let mut wire = inputs[0];
        if fact.datum_type.is_tdim() {
            wire = model.wire_node(format!("{prefix}.cast"), cast(DatumType::I64), &[wire])?[0];
        }
        let op = tract_core::ops::array::CumSum {
            axis,
            exclusive: self.exclusive,
            reverse: self.reverse,
        };
        model.wire_node(prefix, op, &[wire])
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Equal;

impl Expansion for Equal {
    fn name(&self) -> StaticName {
        "Equal".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        tract_onnx::tract_hir::ops::binary::rules(s, inputs, outputs, |_, _| Ok(bool::datum_type()))
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let a = model.outlet_fact(inputs[0])?.datum_type;
        let b = model.outlet_fact(inputs[1])?.datum_type;
        let common = a
            .common_super_type(b)
            .with_context(|| format!("Equal of {a:?} and {b:?}"))?;
        let common = if common == bool::datum_type() {
            u8::datum_type()
        } else {
            common
        };
        let wires = wire_rank_broadcast(prefix, model, inputs)?;
        let wires = wire_cast(prefix, model, &wires, common)?;
        model.wire_node(prefix, TypedBinOp(logic::comp_eq(), None), &wires)
    }
}

/// What is asked of a number, in `float`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Test {
    Infinite { positive: bool, negative: bool },
    NotANumber,
}

impl Expansion for Test {
    fn name(&self) -> StaticName {
        match self {
            Test::Infinite { .. } => "IsInf".into(),
            Test::NotANumber => "IsNaN".into(),
        }
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&outputs[0].datum_type, bool::datum_type())?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let wire = model.wire_node(format!("{prefix}.cast"), cast(f32::datum_type()), inputs)?;
        match *self {
            Test::Infinite { positive, negative } => {
                model.wire_node(prefix, math::is_inf(positive, negative), &wire)
            }
            Test::NotANumber => model.wire_node(prefix, math::is_nan(), &wire),
        }
    }
}

#[derive(Debug, Clone)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transposed_a: bool,
    transposed_b: bool,
}

impl Gemm {
    /// Multiplies by a constant of the value's own type.
    fn scaled(
        name: String,
        model: &mut TypedModel,
        wire: OutletId,
        by: f32,
    ) -> TractResult<OutletId> {
        if by == 1.0 {
            return Ok(wire);
        }
        let dt = model.outlet_fact(wire)?.datum_type;
        let by = model.add_const(
            format!("{name}.by"),
            tensor0(by).cast_to_dt(dt)?.into_owned(),
        )?;
        let wires = wire_rank_broadcast(&name, model, &[wire, by])?;
        Ok(model.wire_node(name, math::mul(), &wires)?[0])
    }
}

impl Expansion for Gemm {
    fn name(&self) -> StaticName {
        "Gemm".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        ensure!(
            inputs.len() == 2 || inputs.len() == 3,
            "Gemm of {} inputs",
            inputs.len()
        );
        check_output_arity(outputs, 1)?;
        for tensor in [&inputs[0], &inputs[1], &outputs[0]] {
            s.equals(&tensor.rank, 2)?;
        }
        s.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        s.equals(&inputs[1].datum_type, &outputs[0].datum_type)?;
        let (m, k) = if self.transposed_a { (1, 0) } else { (0, 1) };
        let (k2, n) = if self.transposed_b { (1, 0) } else { (0, 1) };
        s.equals(&inputs[0].shape[m], &outputs[0].shape[0])?;
        s.equals(&inputs[0].shape[k], &inputs[1].shape[k2])?;
        s.equals(&inputs[1].shape[n], &outputs[0].shape[1])
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let axes = AxesMapping::for_numpy_matmul(2, self.transposed_a, self.transposed_b, false)?;
        let dt = model.outlet_fact(inputs[0])?.datum_type;
        let product =
            model.wire_node(format!("{prefix}.ab"), EinSum::new(axes, dt), &inputs[..2])?[0];
        let product = Gemm::scaled(format!("{prefix}.alpha"), model, product, self.alpha)?;
        match inputs.get(2) {
            Some(c) if self.beta != 0.0 => {
                let c = Gemm::scaled(format!("{prefix}.beta"), model, *c, self.beta)?;
                let wires = wire_rank_broadcast(prefix, model, &[product, c])?;
                model.wire_node(prefix, math::add(), &wires)
            }
            _ => Ok(tvec!(product)),
        }
    }
}
