//! `RotaryTable` in tract: computed in double, rounded as the operator rounds.

use phasor_ops::contract::rotary_table::{
    ATTRIBUTES, NAME, RotaryTableAttributes, RotaryTableGeometry, reference,
};
use phasor_ops::contract::{AttributeValue, DOMAIN, ElementType};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::super::operators::Built;

pub(super) fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    if node.domain != DOMAIN {
        return super::other_domain(NAME, context, node);
    }
    let mut given: Vec<(&str, Option<AttributeValue>)> = Vec::new();
    for spec in &ATTRIBUTES {
        let value = match spec.default {
            AttributeValue::Int(_) => node.get_attr_opt::<i64>(spec.name)?.map(Into::into),
            AttributeValue::Float(_) => node.get_attr_opt::<f32>(spec.name)?.map(Into::into),
        };
        given.push((spec.name, value));
    }
    let value = |name| given.iter().find(|(n, _)| *n == name).and_then(|(_, v)| *v);
    let RotaryTableAttributes {
        axis,
        amplitude,
        precise,
    } = RotaryTableAttributes::parse(value)?;
    let table = Table {
        axis,
        amplitude: amplitude.to_bits(),
        precise,
    };
    Ok((expand(table), vec![]))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Table {
    axis: i64,
    /// The bits of the number, which can be hashed.
    amplitude: u32,
    precise: bool,
}

impl Table {
    fn attributes(&self) -> RotaryTableAttributes {
        RotaryTableAttributes {
            axis: self.axis,
            amplitude: f32::from_bits(self.amplitude),
            precise: self.precise,
        }
    }

    fn shape<D: DimLike>(&self, positions: &[D], frequencies: &[D]) -> TractResult<TVec<D>> {
        let mut shape: TVec<D> = positions.into();
        if frequencies.len() == 2 {
            let rank = shape.len() as i64;
            let axis = self.axis + if self.axis < 0 { rank } else { 0 };
            ensure!((0..rank).contains(&axis), "`axis` of {NAME} out of range");
            shape.remove(axis as usize);
        }
        let width = frequencies.last().context("frequencies of rank 0")?;
        shape.push(width.clone());
        Ok(shape)
    }
}

impl Expansion for Table {
    fn name(&self) -> StaticName {
        "PhasorRotaryTable".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(2)
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 2)?;
        for output in outputs {
            s.equals(&output.datum_type, &inputs[1].datum_type)?;
        }
        let (positions, frequencies) = (&inputs[0].shape, &inputs[1].shape);
        s.given_2(positions, frequencies, move |s, positions, frequencies| {
            let shape = self.shape(&positions, &frequencies)?;
            s.equals(&outputs[0].shape, shape.clone())?;
            s.equals(&outputs[1].shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Table {
    fn name(&self) -> StaticName {
        "PhasorRotaryTable".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Table {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (positions, frequencies) = args_2!(inputs);
        let dt = frequencies.datum_type();
        let element = match dt {
            DatumType::F32 => ElementType::F32,
            DatumType::F64 => ElementType::F64,
            other => bail!("{NAME} of frequencies of {other:?}"),
        };
        let numbers = |tensor: &Tensor| -> TractResult<Vec<f64>> {
            let wide = tensor.cast_to::<f64>()?;
            Ok(wide.try_as_plain_ram()?.as_slice::<f64>()?.to_vec())
        };
        let attributes = self.attributes();
        let (of_positions, of_frequencies) = (positions.shape(), frequencies.shape());
        let geometry = RotaryTableGeometry::new(&attributes, of_positions, of_frequencies)?;
        let (cos, sin) = reference(
            &attributes,
            element,
            &numbers(&positions)?,
            of_positions,
            &numbers(&frequencies)?,
            of_frequencies,
        )?;
        let table = |values: Vec<f64>| -> TractResult<TValue> {
            let table = Tensor::from_shape(geometry.output_shape(), &values)?;
            Ok(table.cast_to_dt(dt)?.into_owned().into_tvalue())
        };
        Ok(tvec!(table(cos)?, table(sin)?))
    }
}

impl TypedOp for Table {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 2, "{NAME} of {} inputs", inputs.len());
        let shape = self.shape(&inputs[0].shape, &inputs[1].shape)?;
        let fact = inputs[1].datum_type.fact(&shape);
        Ok(tvec!(fact.clone(), fact))
    }

    as_op!();
}
