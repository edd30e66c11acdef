//! An operator of `ai.phasor` as tract sees it: names and types from its description, shapes and numbers from [`Native`].

use std::hash::{Hash, Hasher};

use phasor_ops::contract::{AttributeValue, ContractError, DOMAIN, OperatorSpec};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::super::operators::Built;

/// The attributes of an operator, which say what it computes.
pub(super) trait Native:
    Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static
{
    /// What the operator is.
    const SPEC: &'static OperatorSpec;

    /// Reads the attributes that a node has.
    ///
    /// # Errors
    /// Values out of range.
    fn parse(given: impl Fn(&'static str) -> Option<AttributeValue>)
    -> Result<Self, ContractError>;

    /// Shapes of the outputs by those of the inputs, of which sizes may be symbols.
    ///
    /// # Errors
    /// Ranks that cannot be those of a call.
    fn shapes(&self, inputs: &[&[TDim]]) -> TractResult<TVec<TVec<TDim>>>;

    /// Whether the operator takes inputs of these shapes.
    ///
    /// # Errors
    /// What does not fit.
    fn check(&self, inputs: &[&[usize]]) -> Result<(), ContractError>;

    /// The outputs.
    ///
    /// # Errors
    /// Types that have no kernel, and what the kernel refuses.
    fn eval(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>>;
}

/// Builds the operator for a node; nodes of other domains are left to tract.
pub(super) fn build<K: Native>(context: &ParsingContext, node: &NodeProto) -> Built {
    let spec = K::SPEC;
    if node.domain != DOMAIN {
        return other_domain(spec.name, context, node);
    }
    let mut given: TVec<(&str, AttributeValue)> = tvec!();
    for attribute in spec.attributes {
        let value = match attribute.default {
            AttributeValue::Int(_) => node
                .get_attr_opt::<i64>(attribute.name)?
                .map(AttributeValue::from),
            AttributeValue::Float(_) => node
                .get_attr_opt::<f32>(attribute.name)?
                .map(AttributeValue::from),
        };
        given.extend(value.map(|value| (attribute.name, value)));
    }
    let value = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    Ok((expand(Call(K::parse(value)?)), vec![]))
}

/// tract's own operator of that name.
fn other_domain(name: &str, context: &ParsingContext, node: &NodeProto) -> Built {
    let own = tract_onnx::onnx().op_register.0.get(name).copied();
    own.with_context(|| format!("no operator `{name}` in domain `{}`", node.domain))?(context, node)
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
struct Call<K>(K);

// tract requires it. A NaN amplitude makes a node unequal to itself, so it is never shared.
impl<K: Native> Eq for Call<K> {}

impl<K: Native> Hash for Call<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        K::SPEC.name.hash(state);
    }
}

impl<K: Native> Call<K> {
    fn name() -> StaticName {
        format!("Phasor{}", K::SPEC.name).into()
    }

    fn check_arity(inputs: usize) -> TractResult<()> {
        let OperatorSpec {
            name,
            inputs: expected,
            ..
        } = K::SPEC;
        let expected = expected.len();
        ensure!(
            inputs == expected,
            "{name} of {inputs} inputs, expected {expected}"
        );
        Ok(())
    }

    /// The input that says the type of an output: the first with the same type parameter.
    fn like(of: &str) -> usize {
        let like = K::SPEC.inputs.iter().position(|input| input.of == of);
        like.expect("outputs have types of inputs")
    }
}

impl<K: Native> Expansion for Call<K> {
    fn name(&self) -> StaticName {
        Self::name()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(K::SPEC.outputs.len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        Self::check_arity(inputs.len())?;
        check_output_arity(outputs, K::SPEC.outputs.len())?;
        for (values, specs) in [(inputs, K::SPEC.inputs), (outputs, K::SPEC.outputs)] {
            for (value, spec) in values.iter().zip(specs) {
                s.equals(&value.datum_type, &inputs[Self::like(spec.of)].datum_type)?;
            }
        }
        let shapes: Vec<_> = inputs.iter().map(|input| &input.shape).collect();
        s.given_all(shapes, move |s, shapes| {
            let shapes: Vec<&[TDim]> = shapes.iter().map(|shape| &shape[..]).collect();
            for (output, shape) in outputs.iter().zip(self.0.shapes(&shapes)?) {
                s.equals(&output.shape, shape)?;
            }
            Ok(())
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

impl<K: Native> Op for Call<K> {
    fn name(&self) -> StaticName {
        Self::name()
    }

    op_as_typed_op!();
}

impl<K: Native> EvalOp for Call<K> {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Self::check_arity(inputs.len())?;
        self.0.eval(inputs)
    }
}

impl<K: Native> TypedOp for Call<K> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Self::check_arity(inputs.len())?;
        let concrete: Option<TVec<&[usize]>> =
            inputs.iter().map(|fact| fact.shape.as_concrete()).collect();
        if let Some(shapes) = concrete {
            self.0.check(&shapes)?;
        }
        let shapes: TVec<TVec<TDim>> = inputs.iter().map(|f| f.shape.to_tvec()).collect();
        let shapes: TVec<&[TDim]> = shapes.iter().map(|shape| &shape[..]).collect();
        let types = K::SPEC
            .outputs
            .iter()
            .map(|o| inputs[Self::like(o.of)].datum_type);
        let shapes = self.0.shapes(&shapes)?;
        Ok(types
            .zip(shapes)
            .map(|(dt, shape)| dt.fact(&shape))
            .collect())
    }

    as_op!();
}

/// Calls `$method` for the element type of one tensor and the integer type of another, as inputs of the operator `$spec`.
macro_rules! by_types {
    ($spec:expr, ($elements:expr, $integers:expr), $self:ident.$method:ident($inputs:expr)) => {
        match ($elements.datum_type(), $integers.datum_type()) {
            (DatumType::F32, DatumType::I64) => $self.$method::<f32, i64>($inputs),
            (DatumType::F32, DatumType::I32) => $self.$method::<f32, i32>($inputs),
            (DatumType::F16, DatumType::I64) => $self.$method::<f16, i64>($inputs),
            (DatumType::F16, DatumType::I32) => $self.$method::<f16, i32>($inputs),
            (DatumType::F64, DatumType::I64) => $self.$method::<f64, i64>($inputs),
            (DatumType::F64, DatumType::I32) => $self.$method::<f64, i32>($inputs),
            (elements, integers) => {
                bail!("{} of {elements:?} by {integers:?}", $spec.name)
            }
        }
    };
}

pub(super) use by_types;
