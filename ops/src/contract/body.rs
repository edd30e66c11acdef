//! Function bodies: an operator spelt in standard ONNX operators.
//!
//! A host without this library inlines the body in place of the node. Bodies are resolved against the *model's* opset, whatever
//! they declare themselves, so they are generated for a given opset. A body is plain data here; whoever writes a model turns it
//! into a `FunctionProto`.

use super::{
    AttributeSpec, AttributeValue, ContractError, DOMAIN, ElementType, OperatorSpec, ValueSpec,
};

/// The oldest opset of the default domain for which bodies are written.
pub const OLDEST_OPSET: i64 = 13;

/// The newest opset with which bodies are tested. Bodies for later ones are the same.
pub const NEWEST_OPSET: i64 = 26;

/// The first opset with `CastLike`.
pub(crate) const CAST_LIKE_OPSET: i64 = 15;

/// ONNX's number for booleans.
pub(crate) const BOOL: i64 = 9;

/// ONNX's number for int64.
pub(crate) const INT64: i64 = 7;

/// The first opset whose `Reshape` has `allowzero`: without it a size of 0 stands for the input's own size.
const ALLOW_ZERO_OPSET: i64 = 14;

/// The first opset whose `Split` needs `num_outputs`.
const SPLIT_NUM_OUTPUTS_OPSET: i64 = 18;

/// An operator as a list of nodes in topological order.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionBody {
    /// Domain of the operator.
    pub domain: &'static str,
    /// Name of the operator.
    pub name: &'static str,
    /// Opset of the default domain the nodes are written for.
    pub opset: i64,
    /// Names of the inputs, all required.
    pub inputs: Vec<String>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Attributes with their defaults (`FunctionProto.attribute_proto`, which needs IR version 9).
    pub attributes: Vec<AttributeSpec>,
    /// The nodes.
    pub nodes: Vec<BodyNode>,
}

/// One node of a body.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyNode {
    /// Operator type.
    pub op_type: &'static str,
    /// Domain; empty for the standard operators.
    pub domain: &'static str,
    /// Names of the inputs.
    pub inputs: Vec<String>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Attributes by name.
    pub attributes: Vec<(&'static str, BodyAttribute)>,
}

/// Value of an attribute of a body's node.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyAttribute {
    /// `AttributeProto.i`.
    Int(i64),
    /// `AttributeProto.ints`.
    Ints(Vec<i64>),
    /// `AttributeProto.f`.
    Float(f32),
    /// `AttributeProto.t`: a tensor of rank 0, of type double.
    Double(f64),
    /// `AttributeProto.ref_attr_name`, of the type of the default: this attribute of the function's own.
    Reference(AttributeSpec),
}

/// How a result returns to the element type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restore {
    /// It has that type already.
    Keep,
    /// One type in the whole model.
    To(ElementType),
    /// The type of the value it is like; needs opset 15.
    Like,
}

/// How to cast values of types `types` to the type of the arithmetic and back: the type to cast to (`None` where the values have it
/// already), and how to return.
///
/// Tools that convert a model to float16 convert its tensors and leave its functions as they are. So a body that has `own` values in the
/// type of the arithmetic, beside those of its inputs, does not rely on the type of inputs where there is `CastLike`; hosts remove casts
/// that do nothing.
///
/// # Errors
/// [`ContractError::Unsupported`] where types differ and `opset` has no `CastLike`.
pub(crate) fn casts(
    types: impl Iterator<Item = ElementType> + Clone,
    arithmetic: ElementType,
    opset: i64,
    own: bool,
) -> Result<(Option<ElementType>, Restore), ContractError> {
    let mut rest = types.clone();
    let first = rest.next();
    if rest.all(|t| Some(t) == first)
        && let Some(only) = first
        && (!own || opset < CAST_LIKE_OPSET)
    {
        return Ok(if only == arithmetic {
            (None, Restore::Keep)
        } else {
            (Some(arithmetic), Restore::To(only))
        });
    }
    if opset < CAST_LIKE_OPSET {
        return Err(ContractError::Unsupported(format!(
            "one function body for several element types needs opset {CAST_LIKE_OPSET}, the model has {opset}"
        )));
    }
    Ok((Some(arithmetic), Restore::Like))
}

/// The trait that all uses of an operator share; `None` where there are no uses, where they differ, and where one has no such
/// trait.
pub(crate) fn agreed<U, T: PartialEq>(uses: &[U], of: impl Fn(&U) -> Option<T>) -> Option<T> {
    let (first, rest) = uses.split_first()?;
    let first = of(first)?;
    rest.iter()
        .all(|u| of(u).as_ref() == Some(&first))
        .then_some(first)
}

/// Writes the nodes of a body, naming values as it goes.
pub(crate) struct BodyBuilder {
    opset: i64,
    nodes: Vec<BodyNode>,
}

impl BodyBuilder {
    /// A builder for `opset`.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] for an opset older than [`OLDEST_OPSET`].
    pub(crate) fn new(opset: i64) -> Result<Self, ContractError> {
        if opset < OLDEST_OPSET {
            return Err(ContractError::Unsupported(format!(
                "function bodies need opset {OLDEST_OPSET} or newer, the model has {opset}"
            )));
        }
        Ok(Self {
            opset,
            nodes: Vec::new(),
        })
    }

    /// The opset that the body is written for.
    pub(crate) fn opset(&self) -> i64 {
        self.opset
    }

    /// The nodes written, as the body of an operator.
    pub(crate) fn finish(self, spec: &OperatorSpec) -> FunctionBody {
        let names = |values: &[ValueSpec]| values.iter().map(|v| v.name.to_owned()).collect();
        FunctionBody {
            domain: DOMAIN,
            name: spec.name,
            opset: self.opset,
            inputs: names(spec.inputs),
            outputs: names(spec.outputs),
            attributes: spec.attributes.to_vec(),
            nodes: self.nodes,
        }
    }

    /// The last node's output is called `name`.
    pub(crate) fn name_last(&mut self, name: &str) {
        if let Some(node) = self.nodes.last_mut() {
            node.outputs = vec![name.to_owned()];
        }
    }

    /// `value` is called `name`, wherever it is used.
    pub(crate) fn rename(&mut self, value: &str, name: &str) {
        for node in &mut self.nodes {
            for at in node.inputs.iter_mut().chain(&mut node.outputs) {
                if at == value {
                    name.clone_into(at);
                }
            }
        }
    }

    fn node(
        &mut self,
        op_type: &'static str,
        inputs: &[&str],
        outputs: usize,
        attributes: Vec<(&'static str, BodyAttribute)>,
    ) -> Vec<String> {
        let index = self.nodes.len();
        let outputs: Vec<String> = match outputs {
            1 => vec![format!("v{index}")],
            n => (0..n).map(|i| format!("v{index}_{i}")).collect(),
        };
        self.nodes.push(BodyNode {
            op_type,
            domain: "",
            inputs: inputs.iter().map(|&s| s.to_owned()).collect(),
            outputs: outputs.clone(),
            attributes,
        });
        outputs
    }

    /// A node with one output.
    pub(crate) fn op(&mut self, op_type: &'static str, inputs: &[&str]) -> String {
        self.op_with(op_type, inputs, Vec::new())
    }

    /// A node with attributes and one output.
    pub(crate) fn op_with(
        &mut self,
        op_type: &'static str,
        inputs: &[&str],
        attributes: Vec<(&'static str, BodyAttribute)>,
    ) -> String {
        self.node(op_type, inputs, 1, attributes).swap_remove(0)
    }

    /// An integer of rank 0.
    pub(crate) fn scalar(&mut self, value: i64) -> String {
        self.op_with(
            "Constant",
            &[],
            vec![("value_int", BodyAttribute::Int(value))],
        )
    }

    /// Integers of rank 1.
    pub(crate) fn vector(&mut self, values: &[i64]) -> String {
        self.op_with(
            "Constant",
            &[],
            vec![("value_ints", BodyAttribute::Ints(values.to_vec()))],
        )
    }

    /// A float of rank 0.
    pub(crate) fn float(&mut self, value: f32) -> String {
        self.op_with(
            "Constant",
            &[],
            vec![("value_float", BodyAttribute::Float(value))],
        )
    }

    /// A double of rank 0.
    pub(crate) fn double(&mut self, value: f64) -> String {
        self.op_with(
            "Constant",
            &[],
            vec![("value", BodyAttribute::Double(value))],
        )
    }

    /// The function's attribute as a number of rank 0.
    pub(crate) fn attribute(&mut self, spec: AttributeSpec) -> String {
        let kind = match spec.default {
            AttributeValue::Int(_) => "value_int",
            AttributeValue::Float(_) => "value_float",
        };
        self.op_with(
            "Constant",
            &[],
            vec![(kind, BodyAttribute::Reference(spec))],
        )
    }

    /// `value` in type `to`.
    pub(crate) fn cast(&mut self, value: &str, to: i64) -> String {
        self.op_with("Cast", &[value], vec![("to", BodyAttribute::Int(to))])
    }

    /// Whether the opset has `CastLike`.
    pub(crate) fn has_cast_like(&self) -> bool {
        self.opset >= CAST_LIKE_OPSET
    }

    /// `value`, which has type `from`, in type `to`.
    pub(crate) fn converted(
        &mut self,
        value: String,
        from: ElementType,
        to: ElementType,
    ) -> String {
        if from == to {
            value
        } else {
            self.cast(&value, to.to_onnx().into())
        }
    }

    /// `value` in the type of the arithmetic.
    pub(crate) fn lift(&mut self, value: &str, to: Option<ElementType>) -> String {
        match to {
            None => value.to_owned(),
            Some(t) => self.cast(value, t.to_onnx().into()),
        }
    }

    /// `value` back in the type of `like`.
    pub(crate) fn restore(&mut self, value: &str, how: Restore, like: &str) -> String {
        match how {
            Restore::Keep => value.to_owned(),
            Restore::To(t) => self.cast(value, t.to_onnx().into()),
            Restore::Like => self.op("CastLike", &[value, like]),
        }
    }

    /// Two halves of the last axis.
    pub(crate) fn halves(&mut self, value: &str) -> (String, String) {
        let mut attributes = vec![("axis", BodyAttribute::Int(-1))];
        if self.opset >= SPLIT_NUM_OUTPUTS_OPSET {
            attributes.push(("num_outputs", BodyAttribute::Int(2)));
        }
        let mut parts = self.node("Split", &[value], 2, attributes);
        let second = parts.swap_remove(1);
        (parts.swap_remove(0), second)
    }

    /// `value[..., start:end:step]`, the bounds known.
    pub(crate) fn slice(&mut self, value: &str, start: i64, end: i64, step: i64) -> String {
        let start = self.vector(&[start]);
        let end = self.vector(&[end]);
        let axis = self.vector(&[-1]);
        let step = self.vector(&[step]);
        self.op("Slice", &[value, &start, &end, &axis, &step])
    }

    /// Concatenation along the last axis.
    pub(crate) fn concat(&mut self, values: &[&str]) -> String {
        self.op_with("Concat", values, vec![("axis", BodyAttribute::Int(-1))])
    }

    /// `value` at `indices` of the last axis.
    pub(crate) fn gather(&mut self, value: &str, indices: &str) -> String {
        self.gather_along(value, indices, -1)
    }

    /// `value` at `indices` of an axis.
    pub(crate) fn gather_along(&mut self, value: &str, indices: &str, axis: i64) -> String {
        self.op_with(
            "Gather",
            &[value, indices],
            vec![("axis", BodyAttribute::Int(axis))],
        )
    }

    /// `value` summed along `axes`, which the result does not have.
    pub(crate) fn sum_along(&mut self, value: &str, axes: &str) -> String {
        self.op_with(
            "ReduceSum",
            &[value, axes],
            vec![("keepdims", BodyAttribute::Int(0))],
        )
    }

    /// `value` with its axes in the order `order`.
    pub(crate) fn transpose(&mut self, value: &str, order: &[i64]) -> String {
        let order = BodyAttribute::Ints(order.to_vec());
        self.op_with("Transpose", &[value], vec![("perm", order)])
    }

    /// `value` in the shape `shape`, whose sizes are all given.
    pub(crate) fn reshape(&mut self, value: &str, shape: &str) -> String {
        let attributes = if self.opset >= ALLOW_ZERO_OPSET {
            vec![("allowzero", BodyAttribute::Int(1))]
        } else {
            Vec::new()
        };
        self.op_with("Reshape", &[value, shape], attributes)
    }

    /// Size of the last axis, of rank 0.
    pub(crate) fn last_size(&mut self, value: &str) -> String {
        let shape = self.op("Shape", &[value]);
        let last = self.scalar(-1);
        self.gather_along(&shape, &last, 0)
    }
}

/// Every name is set once, before it is read.
#[cfg(test)]
pub(crate) fn assert_in_order(body: &FunctionBody) {
    let mut known: std::collections::HashSet<_> = body.inputs.iter().collect();
    for node in &body.nodes {
        assert!(node.inputs.iter().all(|i| known.contains(i)), "{node:?}");
        assert!(node.outputs.iter().all(|o| known.insert(o)), "{node:?}");
    }
    assert!(body.outputs.iter().all(|o| known.contains(o)));
}
