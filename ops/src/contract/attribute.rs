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
    /// The refusal of a value.
    pub(crate) fn refuse(&self, value: AttributeValue, expected: &'static str) -> ContractError {
        ContractError::Attribute {
            name: self.name,
            value,
            expected,
        }
    }
}

/// An attribute of an operator whose values are of type `T`, `i64` or `f32`. Code names attributes by constants of this type, so
/// that to read one as the other type does not compile.
#[derive(Clone, Copy)]
pub(crate) struct Attribute<T> {
    /// As [`AttributeSpec::name`].
    pub(crate) name: &'static str,
    /// As [`AttributeSpec::default`].
    pub(crate) default: T,
    meaning: &'static str,
}

impl<T> Attribute<T> {
    /// An attribute by its fields, in their order.
    pub(crate) const fn new(name: &'static str, default: T, meaning: &'static str) -> Self {
        Self {
            name,
            default,
            meaning,
        }
    }

    /// Its name with a value.
    pub(crate) fn with(self, value: T) -> (&'static str, AttributeValue)
    where
        T: Into<AttributeValue>,
    {
        (self.name, value.into())
    }
}

impl Attribute<i64> {
    /// The description of the attribute.
    pub(crate) const fn spec(self) -> AttributeSpec {
        AttributeSpec {
            name: self.name,
            default: AttributeValue::Int(self.default),
            meaning: self.meaning,
        }
    }
}

impl Attribute<f32> {
    /// The description of the attribute.
    pub(crate) const fn spec(self) -> AttributeSpec {
        AttributeSpec {
            name: self.name,
            default: AttributeValue::Float(self.default),
            meaning: self.meaning,
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

    /// The value of an attribute; its default where it is not among the specifications.
    fn value<T: Into<AttributeValue>>(&self, attribute: Attribute<T>) -> AttributeValue {
        let at = self.specs.iter().position(|s| s.name == attribute.name);
        at.map_or(attribute.default.into(), |at| self.values[at])
    }

    /// The value of an integer.
    pub(crate) fn int(&self, attribute: Attribute<i64>) -> i64 {
        match self.value(attribute) {
            AttributeValue::Int(value) => value,
            AttributeValue::Float(_) => attribute.default,
        }
    }

    /// The value of a float.
    pub(crate) fn float(&self, attribute: Attribute<f32>) -> f32 {
        match self.value(attribute) {
            AttributeValue::Float(value) => value,
            AttributeValue::Int(_) => attribute.default,
        }
    }

    /// The refusal of the value of an integer.
    pub(crate) fn refuse(
        &self,
        attribute: Attribute<i64>,
        expected: &'static str,
    ) -> ContractError {
        attribute.spec().refuse(self.value(attribute), expected)
    }

    /// An integer as a flag.
    ///
    /// # Errors
    /// For values other than 0 and 1.
    pub(crate) fn flag(&self, attribute: Attribute<i64>) -> Result<bool, ContractError> {
        match self.int(attribute) {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.refuse(attribute, "0 or 1")),
        }
    }

    /// An integer as a size; `expected` says in words what is allowed.
    ///
    /// # Errors
    /// For a negative value.
    pub(crate) fn size(
        &self,
        attribute: Attribute<i64>,
        expected: &'static str,
    ) -> Result<usize, ContractError> {
        usize::try_from(self.int(attribute)).map_err(|_| self.refuse(attribute, expected))
    }
}

/// The names of the values that are not the defaults.
#[cfg(test)]
pub(crate) fn changed<const N: usize>(
    specs: &[AttributeSpec; N],
    values: [(&'static str, AttributeValue); N],
) -> Vec<&'static str> {
    let given = values.iter().zip(specs);
    let changed = given.filter(|(given, spec)| **given != (spec.name, spec.default));
    changed.map(|(&(name, _), _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: Attribute<i64> = Attribute::new("n", 3, "a number");
    const F: Attribute<f32> = Attribute::new("f", 0.5, "a factor");
    const SPECS: [AttributeSpec; 2] = [N.spec(), F.spec()];

    #[test]
    fn types_are_those_of_the_defaults() {
        let given = |name: &str, value: AttributeValue| {
            Given::new(&SPECS, |n| (n == name).then_some(value))
        };
        let read = given("n", 7.into()).unwrap();
        assert_eq!((read.int(N), read.float(F)), (7, 0.5));
        assert!(read.flag(N).is_err());
        let read = given("f", 2.0.into()).unwrap();
        assert_eq!((read.int(N), read.float(F)), (3, 2.0));
        let text = given("n", 1.0.into()).err().unwrap().to_string();
        assert_eq!(text, "attribute `n` is 1.0, expected an integer");
        let text = given("f", 1.into()).err().unwrap().to_string();
        assert_eq!(text, "attribute `f` is 1, expected a float");
    }
}
