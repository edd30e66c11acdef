//! The description of an operator: its name, inputs, outputs, meaning and promises, in one place.
//!
//! An operator's module has its description as `SPEC`, in `spec.rs`; the handles in [`ALL`](super::ALL) lead to all of them. The C
//! ABI takes names, numbers of inputs and element types from it, function bodies take their head, and the pages in `docs/operators`
//! are made of it. Texts are Markdown, without a full stop where they fill a table.

use super::{AttributeSpec, ElementType};
use crate::level::Level;

/// One operator.
#[derive(Clone, Copy, Debug)]
pub struct OperatorSpec {
    /// Operator type.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What the outputs are: paragraphs, with the formula as a block of code.
    pub meaning: &'static str,
    /// Names of the parameters that stand for element types, such as `T`. Their values are those of [`OperatorSpec::kernels`].
    pub types: &'static [&'static str],
    /// The inputs, all required.
    pub inputs: &'static [ValueSpec],
    /// The outputs.
    pub outputs: &'static [ValueSpec],
    /// How many of the first outputs may take the place of the input of the same index.
    pub in_place: usize,
    /// The attributes.
    pub attributes: &'static [AttributeSpec],
    /// How numbers are rounded, and what happens to infinities and NaN: paragraphs.
    pub numerics: &'static str,
    /// The largest error.
    pub error: ErrorBound,
    /// What a reader should know of the function body, in paragraphs; may be empty.
    pub body_notes: &'static str,
    /// The combinations of element types that have kernels, each by the order of [`OperatorSpec::types`].
    pub kernels: &'static [&'static [TensorType]],
    /// The instruction sets that every combination is compiled for.
    pub levels: &'static [Level],
    /// Whether every combination has kernels for CUDA as well.
    pub cuda: bool,
}

/// An input or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueSpec {
    /// Its name.
    pub name: &'static str,
    /// Which of [`OperatorSpec::types`] its elements have.
    pub of: &'static str,
    /// Its shape, in Markdown.
    pub shape: &'static str,
    /// What it is, in words.
    pub meaning: &'static str,
}

impl ValueSpec {
    /// A value, by its fields.
    pub const fn new(
        name: &'static str,
        of: &'static str,
        shape: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            of,
            shape,
            meaning,
        }
    }
}

/// How far results may be from the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorBound {
    /// The number, which tests hold every kernel to; 0 for results that are exact.
    pub limit: f64,
    /// What it counts, as "units in the last place of T"; empty for results that are exact.
    pub of: &'static str,
}

/// The type of the elements of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorType {
    /// One that operators compute on.
    Element(ElementType),
    /// int64.
    I64,
    /// int32.
    I32,
    /// bool.
    Bool,
}

impl TensorType {
    /// [`ElementType::F32`].
    pub const F32: Self = Self::Element(ElementType::F32);
    /// [`ElementType::F16`].
    pub const F16: Self = Self::Element(ElementType::F16);
    /// [`ElementType::BF16`].
    pub const BF16: Self = Self::Element(ElementType::BF16);
    /// [`ElementType::F64`].
    pub const F64: Self = Self::Element(ElementType::F64);

    /// The number ONNX gives it in `TensorProto.DataType`.
    pub const fn to_onnx(self) -> i32 {
        match self {
            Self::Element(element) => element.to_onnx(),
            Self::I64 => 7,
            Self::I32 => 6,
            Self::Bool => 9,
        }
    }

    /// The type as ONNX's text format spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Element(element) => element.as_str(),
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::Bool => "bool",
        }
    }
}

/// The names of inputs or outputs.
pub(crate) fn names<const N: usize>(values: &[ValueSpec; N]) -> [&'static str; N] {
    values.map(|value| value.name)
}

impl OperatorSpec {
    /// The index in [`OperatorSpec::types`] of the type of a value.
    pub fn type_of(&self, value: &ValueSpec) -> Option<usize> {
        self.types.iter().position(|name| *name == value.of)
    }

    /// The types that kernels have for type parameter `index`, each once.
    pub fn allowed(&self, index: usize) -> Vec<TensorType> {
        let mut found = Vec::new();
        for kernel in self.kernels {
            if let Some(&t) = kernel.get(index)
                && !found.contains(&t)
            {
                found.push(t);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::body::OLDEST_OPSET;
    use crate::contract::{ALL, DOMAIN};
    use std::collections::HashSet;

    fn specs() -> impl Iterator<Item = &'static OperatorSpec> {
        ALL.into_iter().map(|contract| contract.spec())
    }

    #[test]
    fn operators_have_names_of_their_own() {
        let names: HashSet<_> = specs().map(|spec| spec.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn what_is_said_fits_together() {
        for spec in specs() {
            let name = spec.name;
            let values = || spec.inputs.iter().chain(spec.outputs);
            let attributes = spec.attributes.iter().map(|a| a.name);
            let names: Vec<_> = values().map(|v| v.name).chain(attributes).collect();
            let unique: HashSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len(), "{name}: {names:?}");
            for value in values() {
                assert!(spec.type_of(value).is_some(), "{name}: {}", value.name);
            }
            for of in spec.types {
                assert!(values().any(|v| v.of == *of), "{name}: {of} has no use");
            }
            let kernels: HashSet<_> = spec.kernels.iter().collect();
            assert_eq!(kernels.len(), spec.kernels.len(), "{name}");
            assert!(!spec.kernels.is_empty() && !spec.levels.is_empty());
            for kernel in spec.kernels {
                assert_eq!(kernel.len(), spec.types.len(), "{name}: {kernel:?}");
            }
            assert!(spec.in_place <= spec.inputs.len().min(spec.outputs.len()));
            assert!(spec.error.limit >= 0.0);
        }
    }

    #[test]
    fn in_place_outputs_have_the_type_of_their_input() {
        for spec in specs() {
            for (input, output) in spec.inputs.iter().zip(spec.outputs).take(spec.in_place) {
                assert_eq!(input.of, output.of, "{}: {}", spec.name, output.name);
            }
        }
    }

    #[test]
    fn bodies_have_the_head_of_the_spec() {
        for contract in ALL {
            let spec = contract.spec();
            assert!(contract.body(OLDEST_OPSET - 1, &[]).is_err());
            // The body for all uses may need `CastLike`.
            let body = contract.body(15, &[]).unwrap();
            assert_eq!((body.domain, body.name), (DOMAIN, spec.name));
            let names = |values: &[ValueSpec]| values.iter().map(|v| v.name).collect::<Vec<_>>();
            assert_eq!(body.inputs, names(spec.inputs));
            assert_eq!(body.outputs, names(spec.outputs));
            assert_eq!(body.attributes, spec.attributes);
        }
    }
}
