//! Attributes of `RotaryEmbedding`.

use crate::contract::attribute::Given;
use crate::contract::{Attribute, AttributeSpec, AttributeValue, ContractError};

pub(super) const INTERLEAVED: Attribute<i64> = Attribute::new(
    "interleaved",
    0,
    "0: channel `k` of the rotated range pairs with `k + r/2`; 1: channel `2k` pairs with `2k + 1`",
);

pub(super) const OUTPUT_INTERLEAVED: Attribute<i64> = Attribute::new(
    "output_interleaved",
    -1,
    "where the pair goes: -1 = where it came from, else as `interleaved`",
);

pub(super) const ROTARY_DIM: Attribute<i64> = Attribute::new(
    "rotary_dim",
    0,
    "`r`, even; 0 = everything from the offset on, `C - rotary_offset`",
);

pub(super) const ROTARY_OFFSET: Attribute<i64> =
    Attribute::new("rotary_offset", 0, "first rotated channel");

pub(super) const INVERSE: Attribute<i64> = Attribute::new("inverse", 0, "1: `sin` is negated");

/// The attributes, as kernels and function bodies share them.
pub const ATTRIBUTES: [AttributeSpec; 5] = [
    INTERLEAVED.spec(),
    OUTPUT_INTERLEAVED.spec(),
    ROTARY_DIM.spec(),
    ROTARY_OFFSET.spec(),
    INVERSE.spec(),
];

/// The attributes of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RotaryAttributes {
    /// Input pairs are neighbours rather than half the range apart.
    pub interleaved: bool,
    /// The same of the output; `None` = as the input.
    pub output_interleaved: Option<bool>,
    /// Number of rotated channels, even; 0 = all from the offset on.
    pub rotary_dim: usize,
    /// First rotated channel.
    pub rotary_offset: usize,
    /// Turn by the negated angle.
    pub inverse: bool,
}

impl RotaryAttributes {
    /// Reads the attributes of a node; `lookup` gives the value of a name, or `None` where the node does not have it.
    ///
    /// # Errors
    /// [`ContractError::Attribute`] for a value outside its range.
    pub fn parse<V: Into<AttributeValue>>(
        lookup: impl FnMut(&'static str) -> Option<V>,
    ) -> Result<Self, ContractError> {
        let given = Given::new(&ATTRIBUTES, lookup)?;
        let even = "an even number that is not negative";
        let rotary_dim = given.size(ROTARY_DIM, even)?;
        if !rotary_dim.is_multiple_of(2) {
            return Err(given.refuse(ROTARY_DIM, even));
        }
        Ok(Self {
            interleaved: given.flag(INTERLEAVED)?,
            output_interleaved: match given.int(OUTPUT_INTERLEAVED) {
                -1 => None,
                0 => Some(false),
                1 => Some(true),
                _ => return Err(given.refuse(OUTPUT_INTERLEAVED, "-1, 0 or 1")),
            },
            rotary_dim,
            rotary_offset: given.size(ROTARY_OFFSET, "a number that is not negative")?,
            inverse: given.flag(INVERSE)?,
        })
    }

    /// Names and values in the order of [`ATTRIBUTES`].
    pub fn values(&self) -> [(&'static str, AttributeValue); 5] {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        [
            INTERLEAVED.with(self.interleaved.into()),
            OUTPUT_INTERLEAVED.with(self.output_interleaved.map_or(-1, i64::from)),
            ROTARY_DIM.with(number(self.rotary_dim)),
            ROTARY_OFFSET.with(number(self.rotary_offset)),
            INVERSE.with(self.inverse.into()),
        ]
    }

    /// Output pairs are neighbours.
    pub fn interleaved_out(&self) -> bool {
        self.output_interleaved.unwrap_or(self.interleaved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::attribute::changed;

    fn parse(given: &[(&str, AttributeValue)]) -> Result<RotaryAttributes, ContractError> {
        RotaryAttributes::parse(|name| given.iter().find(|(n, _)| *n == name).map(|&(_, v)| v))
    }

    #[test]
    fn absent_attributes_have_defaults() {
        assert_eq!(parse(&[]).unwrap(), RotaryAttributes::default());
        let values = RotaryAttributes::default().values();
        assert_eq!(values, ATTRIBUTES.map(|a| (a.name, a.default)));
    }

    #[test]
    fn values_are_read_back_by_their_names() {
        let change = |name: &'static str, change: fn(&mut RotaryAttributes)| {
            let mut attributes = RotaryAttributes::default();
            change(&mut attributes);
            assert_eq!(changed(&ATTRIBUTES, attributes.values()), [name]);
            assert_eq!(parse(&attributes.values()).unwrap(), attributes);
        };
        change("interleaved", |a| a.interleaved = true);
        change("output_interleaved", |a| a.output_interleaved = Some(false));
        change("output_interleaved", |a| a.output_interleaved = Some(true));
        change("rotary_dim", |a| a.rotary_dim = 64);
        change("rotary_offset", |a| a.rotary_offset = 3);
        change("inverse", |a| a.inverse = true);
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (name, value) in [
            ("interleaved", 2),
            ("output_interleaved", -2),
            ("rotary_dim", 7),
            ("rotary_dim", -2),
            ("rotary_offset", -1),
            ("inverse", -1),
        ] {
            let text = parse(&[(name, value.into())]).unwrap_err().to_string();
            assert!(
                text.contains(name) && text.contains(&i64::to_string(&value)),
                "{text}"
            );
        }
    }
}
