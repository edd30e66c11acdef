//! Attributes of `RotaryTable`.

use crate::contract::attribute::Given;
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError};

pub(crate) const AXIS: Attribute<i64> = Attribute::new(
    "axis",
    0,
    "the axis of `positions` along which the coordinates lie; negative counts from the end. Not looked at with frequencies `[F]`",
);

pub(super) const AMPLITUDE: Attribute<f32> = Attribute::new(
    "amplitude",
    1.0,
    "factor of cos and sin (attention scaling)",
);

pub(super) const PRECISE: Attribute<i64> = Attribute::new(
    "precise",
    0,
    "how angles are computed: 0 as exported graphs do, 1 exactly",
);

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 3] = [AXIS.spec(), AMPLITUDE.spec(), PRECISE.spec()];

/// The attributes of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RotaryTableAttributes {
    /// The axis of `positions` along which coordinate streams lie, where frequencies have several rows.
    pub axis: i64,
    /// Factor of both tables.
    pub amplitude: f32,
    /// Exact products and an exact range reduction.
    pub precise: bool,
}

impl Default for RotaryTableAttributes {
    fn default() -> Self {
        Self {
            axis: 0,
            amplitude: 1.0,
            precise: false,
        }
    }
}

impl RotaryTableAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range, or of another type.
    pub fn parse<V: Into<AttributeValue>>(
        lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let given = Given::new(&ATTRIBUTES, lookup)?;
        Ok(Self {
            axis: given.int(AXIS),
            amplitude: given.float(AMPLITUDE),
            precise: given.flag(PRECISE)?,
        })
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 3] {
        [
            AXIS.with(self.axis),
            AMPLITUDE.with(self.amplitude),
            PRECISE.with(self.precise.into()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::attribute::changed;

    fn parse(given: &[(&str, AttributeValue)]) -> Result<RotaryTableAttributes, ContractError> {
        RotaryTableAttributes::parse(|name| given.iter().find(|(n, _)| *n == name).map(|&(_, v)| v))
    }

    #[test]
    fn absent_attributes_have_defaults() {
        assert_eq!(parse(&[]).unwrap(), RotaryTableAttributes::default());
        let values = RotaryTableAttributes::default().values();
        assert_eq!(values, ATTRIBUTES.map(|a| (a.name, a.default)));
    }

    #[test]
    fn values_are_read_back_by_their_names() {
        let change = |name: &'static str, change: fn(&mut RotaryTableAttributes)| {
            let mut attributes = RotaryTableAttributes::default();
            change(&mut attributes);
            assert_eq!(changed(&ATTRIBUTES, attributes.values()), [name]);
            assert_eq!(parse(&attributes.values()).unwrap(), attributes);
        };
        change("axis", |a| a.axis = -2);
        change("amplitude", |a| a.amplitude = 1.25);
        change("precise", |a| a.precise = true);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let text = parse(&[("precise", 2.into())]).unwrap_err().to_string();
        assert_eq!(text, "attribute `precise` is 2, expected 0 or 1");
        assert!(parse(&[("amplitude", 1.into())]).is_err());
    }
}
