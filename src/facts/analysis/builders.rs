//! Builders that replace those of tract that infer wrong shapes, and a way around nodes that cannot be built.

use crate::engine::guard::caught;
use crate::engine::tract::operators;
use crate::onnx::proto::is_default_domain;
use tract_onnx::model::{Onnx, ParsingContext};
use tract_onnx::pb;
use tract_onnx::tract_hir::internal::*;

pub(super) fn register(onnx: &mut Onnx) {
    let register = &mut onnx.op_register;
    register.insert("Cast", operators::cast);
    register.insert("EyeLike", |_, node| {
        let dtype = node.get_attr_opt("dtype")?;
        Ok((expand(EyeLike { dtype }), vec![]))
    });
    register.insert("Range", |_, _| Ok((expand(Range), vec![])));
    register.insert("IsInf", |_, _| Ok((expand(Predicate), vec![])));
    register.insert("IsNaN", |_, _| Ok((expand(Predicate), vec![])));
}

/// Renames the nodes that no builder accepts, so that they parse as operators about which nothing is known.
pub(super) fn make_unbuildable_opaque(onnx: &Onnx, model: &mut pb::ModelProto) {
    let Some(graph) = &model.graph else { return };
    let imports = model.opset_import.iter();
    let default = imports.filter(|o| is_default_domain(&o.domain));
    let context = ParsingContext {
        onnx_operator_set_version: default.map(|o| o.version).next().unwrap_or(0),
        framework: onnx,
        model,
        parent_graphs: vec![graph],
        model_dir: None,
        template: InferenceModel::default(),
    };
    let refused: Vec<usize> = (0..graph.node.len())
        .filter(|position| {
            let node = &graph.node[*position];
            let builder = onnx.op_register.0.get(&node.op_type);
            builder
                .is_some_and(|build| !matches!(caught(|| build(&context, node).is_ok()), Ok(true)))
        })
        .collect();
    if let Some(graph) = &mut model.graph {
        for position in refused {
            graph.node[position].op_type =
                format!("phasor::Unbuildable {}", graph.node[position].op_type);
        }
    }
}

/// `Range` whose length is right for negative steps, and open where a step or a symbolic bound leaves it open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Range;

impl Range {
    fn len(start: &Tensor, limit: &Tensor, step: &Tensor) -> Option<TDim> {
        if [start, limit, step]
            .iter()
            .any(|t| t.datum_type().is_float())
        {
            let number = |t: &Tensor| t.cast_to_scalar::<f64>().ok();
            let len = ((number(limit)? - number(start)?) / number(step)?)
                .ceil()
                .max(0.0);
            return (len < 1e15).then(|| (len as i64).to_dim());
        }
        let dim = |t: &Tensor| -> Option<TDim> {
            let t = t.cast_to::<TDim>().ok()?;
            t.try_as_plain_ram()
                .ok()?
                .as_slice::<TDim>()
                .ok()?
                .first()
                .cloned()
        };
        let step = dim(step)?.as_i64()?;
        let span = match step {
            0 => return None,
            1.. => dim(limit)? - dim(start)?,
            _ => dim(start)? - dim(limit)?,
        };
        let len = span.divceil(usize::try_from(step.unsigned_abs()).ok()?);
        Some(match len.as_i64() {
            Some(n) => n.max(0).to_dim(),
            None => len,
        })
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
        operators::range_rules(s, inputs, outputs, |start, limit, step| {
            Ok(Range::len(start, limit, step))
        })
    }

    fn wire(&self, _: &str, _: &mut TypedModel, _: &[OutletId]) -> TractResult<TVec<OutletId>> {
        bail!("only analysed, never run")
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }
}

/// `EyeLike`, whose value tract would compute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct EyeLike {
    dtype: Option<DatumType>,
}

impl Expansion for EyeLike {
    fn name(&self) -> StaticName {
        "EyeLike".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        match self.dtype {
            Some(dtype) => s.equals(&outputs[0].datum_type, dtype)?,
            None => s.equals(&outputs[0].datum_type, &inputs[0].datum_type)?,
        }
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, _: &str, _: &mut TypedModel, _: &[OutletId]) -> TractResult<TVec<OutletId>> {
        bail!("only analysed, never run")
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }
}

/// A test of each element, of any float type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Predicate;

impl Expansion for Predicate {
    fn name(&self) -> StaticName {
        "Predicate".into()
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

    fn wire(&self, _: &str, _: &mut TypedModel, _: &[OutletId]) -> TractResult<TVec<OutletId>> {
        bail!("only analysed, never run")
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }
}
