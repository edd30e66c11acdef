//! Attributes of `AlibiBias`.

use crate::contract::attribute::Given;
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError};

pub(super) const ABSOLUTE: Attribute<i64> = Attribute::new(
    "absolute",
    0,
    "1: distances count in either direction; 0: they are positive for keys after the query and negative for keys before it",
);

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 1] = [ABSOLUTE.spec()];

/// The attributes of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlibiAttributes {
    /// Distances without their sign.
    pub absolute: bool,
}

impl AlibiAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range, or of another type.
    pub fn parse<V: Into<AttributeValue>>(
        lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let given = Given::new(&ATTRIBUTES, lookup)?;
        Ok(Self {
            absolute: given.flag(ABSOLUTE)?,
        })
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 1] {
        [ABSOLUTE.with(self.absolute.into())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &[(&str, AttributeValue)]) -> Result<AlibiAttributes, ContractError> {
        AlibiAttributes::parse(|name| given.iter().find(|(n, _)| *n == name).map(|&(_, v)| v))
    }

    #[test]
    fn values_are_read_back() {
        assert_eq!(parse(&[]).unwrap(), AlibiAttributes::default());
        let values = AlibiAttributes::default().values();
        assert_eq!(values, ATTRIBUTES.map(|a| (a.name, a.default)));
        let attributes = AlibiAttributes { absolute: true };
        assert_eq!(parse(&attributes.values()).unwrap(), attributes);
        let text = parse(&[("absolute", 2.into())]).unwrap_err().to_string();
        assert_eq!(text, "attribute `absolute` is 2, expected 0 or 1");
    }
}
