//! An operator as a value: everything that is asked of all operators alike, behind one trait.
//!
//! Whoever knows which operator it deals with uses the typed parts of that operator's module. The rewriter, the engines and the
//! tests, which take operators as models name them, use this.

use super::tensor::{check_size, shape_size};
use super::{AttributeValue, ContractError, ElementType, FunctionBody, OperatorSpec, ValueSpec};

/// An operator.
pub trait Contract: Sync {
    /// Its description.
    fn spec(&self) -> &'static OperatorSpec;

    /// The outputs of one call in `f64`, in the order of [`OperatorSpec::outputs`]. `inputs` are in the order of
    /// [`OperatorSpec::inputs`]; `call` gives the attributes and, where the result depends on it, the element type of an input.
    ///
    /// # Errors
    /// [`ContractError`] for attributes out of range, shapes that do not fit each other or the attributes, values that do not fit
    /// their shapes, and an element type that is needed and not given.
    fn reference(&self, call: &Call, inputs: &[View<'_>]) -> Result<Vec<Dense>, ContractError>;

    /// The function body for a model of `opset` in which these are the calls of the operator. Where there are none, or too little
    /// is known of one, it is the body that is right for all.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for attributes out of range, [`ContractError::Unsupported`] for an opset too old.
    fn body(&self, opset: i64, calls: &[Call]) -> Result<FunctionBody, ContractError>;
}

/// One node of an operator, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The attributes that the node gives. Those that it does not give have their defaults.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// What is known of each input, in the order of [`OperatorSpec::inputs`]. A call with fewer inputs than that is one of which
    /// too little is known: nothing is assumed of it.
    pub inputs: Vec<Operand>,
}

/// What is known of an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operand {
    /// Its element type; `None` where it is not known or not among those of the operators.
    pub dtype: Option<ElementType>,
    /// Its sizes, each if known; `None` where the rank is not known.
    pub shape: Option<Vec<Option<usize>>>,
    /// The number that all its elements are, if it is known to be one; of booleans 0 or 1.
    pub value: Option<f64>,
}

/// An input with numbers: dense, in row-major order. Integers are given as the `f64` that they are equal to, booleans as
/// 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View<'a> {
    /// The elements.
    pub values: &'a [f64],
    /// The sizes.
    pub shape: &'a [usize],
}

/// An output: dense, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// The elements.
    pub values: Vec<f64>,
    /// The sizes.
    pub shape: Vec<usize>,
}

impl Call {
    /// The value of an attribute, if the node gives it.
    pub fn attribute(&self, name: &str) -> Option<AttributeValue> {
        let given = self.attributes.iter().find(|(given, _)| *given == name);
        given.map(|&(_, value)| value)
    }

    /// The element type of input `slot`, if it is known.
    pub(super) fn dtype(&self, slot: usize) -> Option<ElementType> {
        self.inputs.get(slot)?.dtype
    }

    /// The element type of input `slot` of operator `spec`, on which the results depend.
    ///
    /// # Errors
    /// [`ContractError::Unsupported`] where it is not known.
    pub(super) fn needed_dtype(
        &self,
        spec: &OperatorSpec,
        slot: usize,
    ) -> Result<ElementType, ContractError> {
        self.dtype(slot).ok_or_else(|| {
            ContractError::Unsupported(format!(
                "{} cannot be computed without the element type of {}",
                spec.name, spec.inputs[slot].name
            ))
        })
    }

    /// The shape of input `slot`, if its rank is known.
    pub(super) fn shape(&self, slot: usize) -> Option<&[Option<usize>]> {
        self.inputs.get(slot)?.shape.as_deref()
    }

    /// The size of the last axis of input `slot`, if it is known.
    pub(super) fn last_size(&self, slot: usize) -> Option<usize> {
        *self.shape(slot)?.last()?
    }
}

impl<'a> View<'a> {
    /// Elements and sizes.
    pub(super) fn parts(self) -> (&'a [f64], &'a [usize]) {
        (self.values, self.shape)
    }

    /// The elements of an input called `name` as integers.
    ///
    /// # Errors
    /// [`ContractError::Value`] for an element that is no int64.
    pub(super) fn integers(self, name: &str) -> Result<Vec<i64>, ContractError> {
        // The bounds of int64, both exact: the upper one is the first number beyond it.
        let range = -(2f64.powi(63))..2f64.powi(63);
        let integer = |(at, &value): (usize, &f64)| {
            if value.fract() == 0.0 && range.contains(&value) {
                return Ok(value as i64);
            }
            Err(ContractError::Value(format!(
                "{name}[{at}] is {value:?}, expected an integer of 64 bits"
            )))
        };
        self.values.iter().enumerate().map(integer).collect()
    }
}

impl Dense {
    /// An output of this shape.
    pub(super) fn new(values: Vec<f64>, shape: &[usize]) -> Self {
        debug_assert_eq!(shape_size(shape), Some(values.len()), "{shape:?}");
        Self {
            values,
            shape: shape.to_vec(),
        }
    }
}

/// The inputs of a call of operator `spec`, each with as many elements as its shape says.
///
/// # Errors
/// [`ContractError::Shape`] for another number of inputs, and elements that do not fit their shape.
pub(super) fn inputs<'a, const N: usize>(
    spec: &OperatorSpec,
    expected: &[ValueSpec; N],
    given: &[View<'a>],
) -> Result<[View<'a>; N], ContractError> {
    let inputs: [View<'a>; N] = given.try_into().map_err(|_| {
        ContractError::Shape(format!(
            "{} is given {} inputs, expected {N}",
            spec.name,
            given.len()
        ))
    })?;
    for (input, value) in inputs.iter().zip(expected) {
        check_size(value.name, input.parts())?;
    }
    Ok(inputs)
}

/// The calls as `typed` reads them; none where it says `None` of one, because too little is known of that.
///
/// # Errors
/// Those of `typed`.
pub(super) fn uses<U>(
    calls: &[Call],
    typed: impl Fn(&Call) -> Result<Option<U>, ContractError>,
) -> Result<Vec<U>, ContractError> {
    let uses: Option<Vec<U>> = calls.iter().map(typed).collect::<Result<_, _>>()?;
    Ok(uses.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ALL, find};

    #[test]
    fn operators_are_found_by_name() {
        for contract in ALL {
            let name = contract.spec().name;
            assert_eq!(find(name).map(|found| found.spec().name), Some(name));
        }
        assert!(find("Rotary").is_none());
    }

    #[test]
    fn wrong_numbers_of_inputs_and_elements_are_refused() {
        for contract in ALL {
            let spec = contract.spec();
            let short = View {
                values: &[0.0],
                shape: &[3],
            };
            let call = Call::default();
            for count in 0..spec.inputs.len() + 2 {
                let text = contract
                    .reference(&call, &vec![short; count])
                    .unwrap_err()
                    .to_string();
                let expected = if count == spec.inputs.len() {
                    format!("{} has 1 elements", spec.inputs[0].name)
                } else {
                    format!("{} is given {count} inputs", spec.name)
                };
                assert!(text.starts_with(&expected), "{text}");
            }
        }
    }

    #[test]
    fn attributes_out_of_range_are_refused() {
        for contract in ALL {
            let Some(attribute) = contract.spec().attributes.first() else {
                continue;
            };
            let wrong = match attribute.default {
                AttributeValue::Int(_) => AttributeValue::Float(0.5),
                AttributeValue::Float(_) => AttributeValue::Int(1),
            };
            let call = Call {
                attributes: vec![(attribute.name, wrong)],
                inputs: Vec::new(),
            };
            let text = contract.body(17, &[call]).unwrap_err().to_string();
            assert!(text.contains(attribute.name), "{text}");
        }
    }

    #[test]
    fn a_call_of_which_nothing_is_known_has_the_body_for_all() {
        for contract in ALL {
            for opset in [15, 23] {
                let all = contract.body(opset, &[]).unwrap();
                assert_eq!(contract.body(opset, &[Call::default()]).unwrap(), all);
            }
        }
    }

    #[test]
    fn integers_are_exact_or_refused() {
        let of = |values: &[f64]| {
            let shape = &[values.len()];
            View { values, shape }.integers("lut")
        };
        let lowest = -(2f64.powi(63));
        assert_eq!(of(&[3.0, -0.0, lowest]).unwrap(), [3, 0, i64::MIN]);
        for wrong in [0.5, 2f64.powi(63), f64::NAN, f64::INFINITY] {
            let text = of(&[0.0, wrong]).unwrap_err().to_string();
            assert_eq!(
                text,
                format!("lut[1] is {wrong:?}, expected an integer of 64 bits")
            );
        }
    }
}
