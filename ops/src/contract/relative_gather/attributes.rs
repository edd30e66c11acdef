//! Attributes of `RelativeGather`.

use crate::contract::attribute::Given;
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError};

pub(super) const BY_KEY: Attribute<i64> = Attribute::new(
    "by_key",
    0,
    "what a row of `scores` belongs to: 0 a query, 1 a key",
);

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 1] = [BY_KEY.spec()];

/// The attributes of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RelativeGatherAttributes {
    /// Whether a row of `scores` is that of a key, not of a query.
    pub by_key: bool,
}

impl RelativeGatherAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range, or of another type.
    pub fn parse<V: Into<AttributeValue>>(
        lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let given = Given::new(&ATTRIBUTES, lookup)?;
        Ok(Self {
            by_key: given.flag(BY_KEY)?,
        })
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 1] {
        [BY_KEY.with(self.by_key.into())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Option<AttributeValue>) -> Result<RelativeGatherAttributes, ContractError> {
        RelativeGatherAttributes::parse(|name| value.filter(|_| name == "by_key"))
    }

    #[test]
    fn values_are_read_back() {
        let default = RelativeGatherAttributes::default();
        assert_eq!(parse(None).unwrap(), default);
        assert_eq!(default.values(), ATTRIBUTES.map(|a| (a.name, a.default)));
        for by_key in [false, true] {
            let attributes = RelativeGatherAttributes { by_key };
            let [(_, value)] = attributes.values();
            assert_eq!(parse(Some(value)).unwrap(), attributes);
        }
        let text = parse(Some(2.into())).unwrap_err().to_string();
        assert_eq!(text, "attribute `by_key` is 2, expected 0 or 1");
        assert!(parse(Some(1.0.into())).is_err());
    }
}
