//! Attributes: what an operator declares, and values as models give them.

use super::ContractError;
use std::fmt;

/// Value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttributeValue {
    /// `AttributeProto.i`.
    Int(i64),
    /// `AttributeProto.f`.
    Float(f32),
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            // As `1.0`, which tells it from an integer.
            Self::Float(value) => write!(f, "{value:?}"),
        }
    }
}

impl From<i64> for AttributeValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f32> for AttributeValue {
    fn from(value: f32) -> Self {
        Self::Float(value)
    }
}

/// An attribute of an operator. Its type is that of the default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttributeSpec {
    /// Name in the model.
    pub name: &'static str,
    /// Value where the model gives none.
    pub default: AttributeValue,
    /// What its values mean, in words.
    pub meaning: &'static str,
}

impl AttributeSpec {
    /// An integer attribute.
    pub const fn int(name: &'static str, default: i64, meaning: &'static str) -> Self {
        Self {
            name,
            default: AttributeValue::Int(default),
            meaning,
        }
    }

    /// A float attribute.
    pub const fn float(name: &'static str, default: f32, meaning: &'static str) -> Self {
        Self {
            name,
            default: AttributeValue::Float(default),
            meaning,
        }
    }

    /// The refusal of a value.
    pub(crate) fn refuse(&self, value: AttributeValue, expected: &'static str) -> ContractError {
        ContractError::Attribute {
            name: self.name,
            value,
            expected,
        }
    }
}

/// The attributes of one node by the order of their specification, defaults filled in.
pub(crate) struct Given<const N: usize> {
    specs: &'static [AttributeSpec; N],
    values: [AttributeValue; N],
}

impl<const N: usize> Given<N> {
    /// Asks `lookup` for each attribute.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value of another type.
    pub(crate) fn new<V: Into<AttributeValue>>(
        specs: &'static [AttributeSpec; N],
        mut lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let mut values = specs.map(|spec| spec.default);
        for (value, spec) in values.iter_mut().zip(specs) {
            let Some(given) = lookup(spec.name) else {
                continue;
            };
            let given = given.into();
            match (spec.default, given) {
                (AttributeValue::Int(_), AttributeValue::Float(_)) => {
                    return Err(spec.refuse(given, "an integer"));
                }
                (AttributeValue::Float(_), AttributeValue::Int(_)) => {
                    return Err(spec.refuse(given, "a float"));
                }
                _ => *value = given,
            }
        }
        Ok(Self { specs, values })
    }

    /// Integer attribute `at`.
    pub(crate) fn int(&self, at: usize) -> i64 {
        match self.values[at] {
            AttributeValue::Int(value) => value,
            AttributeValue::Float(_) => 0,
        }
    }

    /// Float attribute `at`.
    pub(crate) fn float(&self, at: usize) -> f32 {
        match self.values[at] {
            AttributeValue::Float(value) => value,
            AttributeValue::Int(_) => 0.0,
        }
    }

    /// The refusal of the value of attribute `at`.
    pub(crate) fn refuse(&self, at: usize, expected: &'static str) -> ContractError {
        self.specs[at].refuse(self.values[at], expected)
    }

    /// Attribute `at` as a flag.
    ///
    /// # Errors
    /// For values other than 0 and 1.
    pub(crate) fn flag(&self, at: usize) -> Result<bool, ContractError> {
        match self.int(at) {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.refuse(at, "0 or 1")),
        }
    }

    /// Attribute `at` as a size; `expected` says in words what is allowed.
    ///
    /// # Errors
    /// For a negative value.
    pub(crate) fn size(&self, at: usize, expected: &'static str) -> Result<usize, ContractError> {
        usize::try_from(self.int(at)).map_err(|_| self.refuse(at, expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: [AttributeSpec; 2] = [
        AttributeSpec::int("n", 3, "a number"),
        AttributeSpec::float("f", 0.5, "a factor"),
    ];

    #[test]
    fn types_are_those_of_the_defaults() {
        let given = |name: &str, value: AttributeValue| {
            Given::new(&SPECS, |n| (n == name).then_some(value))
        };
        let read = given("n", 7.into()).unwrap();
        assert_eq!((read.int(0), read.float(1)), (7, 0.5));
        assert!(read.flag(0).is_err());
        let read = given("f", 2.0.into()).unwrap();
        assert_eq!((read.int(0), read.float(1)), (3, 2.0));
        let text = given("n", 1.0.into()).err().unwrap().to_string();
        assert_eq!(text, "attribute `n` is 1.0, expected an integer");
        let text = given("f", 1.into()).err().unwrap().to_string();
        assert_eq!(text, "attribute `f` is 1, expected a float");
    }
}
